"""Does this site show our token? Law 4: plays go only where the operator said so, and still does.

Two ways, after loader.io and the IETF's draft on domain verification
(draft-ietf-dnsop-domain-verification-techniques):

- a file: `GET /booster-office-<token>.txt` answers 200 with the token and nothing else;
- a DNS record: `TXT _booster-office-challenge.<host>` holds the token.

A file speaks for its scheme, host and port. A record speaks for its host. Neither speaks for
subdomains. Taking both away stops the plays.
"""

import re
from collections.abc import Callable
from enum import StrEnum

import dns.exception
import dns.resolver

from booster.exceptions import OwnershipError, PermanentError, SiteCode, SiteError, TemporaryError
from booster.net.address import Origin
from booster.net.client import SiteClient

MAX_FILE_BYTES = 1024
DNS_SECONDS = 3.0

_TOKEN = re.compile(r"[0-9a-f]{32}")

TextRecords = Callable[[str], list[bytes]]


class Proof(StrEnum):
    """What showed the token."""

    FILE = "file"
    DNS = "dns"


def file_path(token: str) -> str:
    """Where the site has to serve the token."""
    return f"/booster-office-{token}.txt"


def record_name(host: str) -> str:
    """Which TXT record may hold the token instead."""
    return f"_booster-office-challenge.{host}"


def text_records(name: str) -> list[bytes]:
    """The TXT records of a name by the system's name servers; [] when there are none.

    Raises TemporaryError when the name servers do not tell.
    """
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=DNS_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise TemporaryError(
            SiteCode.RECORD_NOT_LOOKED_UP, record=name, error=str(error)
        ) from error
    return [b"".join(record.strings) for record in answer]


def prove(client: SiteClient, token: str, *, records: TextRecords = text_records) -> Proof:
    """What shows the token at the client's site now, the file looked at first.

    Raises OwnershipError when nothing does. TemporaryError when the site cannot be asked for the
    file and no record shows it either: that proves nothing, for or against. A file that is surely
    gone counts even while the name servers do not answer.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("an ownership token is 32 hexadecimal digits")
    lost = _look_at_file(client, token)
    if lost is None:
        return Proof.FILE
    origin = client.target.origin
    if _may_have_records(origin):
        lost_too = _look_at_record(origin.host, token, records, lost)
        if lost_too is None:
            return Proof.DNS
        if not isinstance(lost, TemporaryError):
            lost = lost_too
    raise lost


def _look_at_file(client: SiteClient, token: str) -> TemporaryError | OwnershipError | None:
    """Why the file does not show the token, or cannot be asked for; None when it does."""
    place = f"{client.target.origin}{file_path(token)}"
    try:
        answer = client.get(file_path(token), max_bytes=MAX_FILE_BYTES, accept=(200,))
    except TemporaryError as error:
        return error
    except PermanentError as error:
        return OwnershipError(SiteCode.TOKEN_FILE_UNREADABLE, file=place, reason=error)
    # An editor may have ended the line; nothing else may stand there.
    if answer.body.removesuffix(b"\n").removesuffix(b"\r") == token.encode():
        return None
    return OwnershipError(SiteCode.TOKEN_FILE_DIFFERS, file=place)


def _look_at_record(
    host: str, token: str, records: TextRecords, lost: SiteError
) -> OwnershipError | None:
    """Why the DNS record does not show the token either; None when it does."""
    name = record_name(host)
    try:
        if token.encode() in records(name):
            return None
    except TemporaryError as error:
        return OwnershipError(SiteCode.TOKEN_RECORD_UNREADABLE, reason=lost, error=error)
    return OwnershipError(SiteCode.TOKEN_RECORD_MISSING, reason=lost, record=name)


def _may_have_records(origin: Origin) -> bool:
    """Addresses and bare names ("localhost") are in no zone of their own."""
    return not origin.is_ip and "." in origin.host
