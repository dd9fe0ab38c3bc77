"""The office's own addresses: this host's interfaces, and where the names of ALLOWED_HOSTS lead.

A site there would have the office call itself: its login, its database's port on a public
interface. Whoever runs a video site on the office's own host names it in PRIVATE_SITES.
"""

import ipaddress
import socket
import time
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from django.conf import settings

from booster.net.address import IPAddress
from booster.net.names import look_up_all

# For so long at most a look-up of the office's names is believed.
REMEMBER_SECONDS = 60.0

# Nobody has these (RFC 5737, RFC 3849): whoever may use them as its own may use any.
_NOBODYS = {4: "192.0.2.1", 6: "2001:db8::1"}


def is_own(address: IPAddress) -> bool:
    return is_of_this_host(address) or address in addresses_of_names()


def is_of_this_host(address: IPAddress) -> bool:
    """Only an interface's address can be taken for a socket; not a byte is sent. False on a host
    that lets its programs take any (net.ipv4.ip_nonlocal_bind)."""
    return _can_bind(str(address), address.version) and not _can_bind(
        _NOBODYS[address.version], address.version
    )


def addresses_of_names() -> frozenset[IPAddress]:
    """Where the names of ALLOWED_HOSTS lead; those that lead nowhere now are left out."""
    period = int(time.monotonic() // REMEMBER_SECONDS)
    return _addresses_of(tuple(settings.ALLOWED_HOSTS), period)


@lru_cache(1)
def _addresses_of(names: tuple[str, ...], period: int) -> frozenset[IPAddress]:
    """`period`: each looks them up anew."""
    answers = chain.from_iterable(look_up_all(_hosts(names)))
    return frozenset(ipaddress.ip_address(answer[4][0]) for answer in answers)


def _can_bind(address: str, version: int) -> bool:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _hosts(names: Iterable[str]) -> list[str]:
    """Names as ALLOWED_HOSTS has them: also "[::1]", ".example.com" and "*", which is nobody's."""
    hosts = [name.strip("[]").lstrip(".") for name in names]
    return [host for host in hosts if host not in ("", "*")]
