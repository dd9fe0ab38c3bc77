"""Does this machine show our token? Plays go only where the operator still says so (law 4).

Two ways, after loader.io and draft-ietf-dnsop-domain-verification-techniques:

- a file: `GET /booster-office-<token>.txt`, or the same name under `/.well-known/` (RFC 8615),
  answers 200 with the token and nothing else;
- a DNS record: `TXT _booster-office-challenge.<host>` holds the token.

A file speaks for the machine that serves it. Anybody's name may lead to anybody's machine: a record
counts only over https, where the machine has shown a certificate for the name. Neither speaks for
other schemes and ports, or for subdomains. Taking both away stops the plays.
"""

import re
from collections.abc import Callable
from enum import StrEnum

import dns.exception
import dns.resolver

from booster.exceptions import OwnershipError, PermanentError, SiteCode, SiteError, TemporaryError
from booster.net.address import Origin, ProvedTarget
from booster.net.client import SiteClient
from booster.retry import NOT_NOW

MAX_FILE_BYTES = 1024
DNS_SECONDS = 3.0

_TOKEN = re.compile(r"[0-9a-f]{32}")

TextRecords = Callable[[str], list[bytes]]


class Proof(StrEnum):
    FILE = "file"
    DNS = "dns"


def file_path(token: str) -> str:
    """Where the site has to serve the token."""
    return f"/booster-office-{token}.txt"


def well_known_path(token: str) -> str:
    """Where it may serve it instead: for sites whose root belongs to a framework."""
    return f"/.well-known{file_path(token)}"


def record_name(host: str) -> str:
    """Which TXT record may hold the token instead."""
    return f"_booster-office-challenge.{host}"


def text_records(name: str) -> list[bytes]:
    """[] when there are none. Raises TemporaryError when the system's name servers do not tell."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=DNS_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise TemporaryError(
            SiteCode.RECORD_NOT_LOOKED_UP, record=name, error=str(error)
        ) from error
    return [b"".join(record.strings) for record in answer]


def prove(client: SiteClient, token: str, *, records: TextRecords = text_records) -> ProvedTarget:
    """The client's target, now that it shows the token; the files are looked at first.

    Raises OwnershipError when nothing shows it, TemporaryError when the site cannot be asked for
    the file and no record shows it either. A file that is surely gone counts even while the name
    servers do not answer.
    """
    if not _TOKEN.fullmatch(token):
        raise ValueError("an ownership token is 32 hexadecimal digits")
    lost = _look_at_files(client, token)
    if lost is None:
        return _proved(client, Proof.FILE)
    origin = client.target.origin
    if _may_have_records(origin):
        lost_too = _look_at_record(origin, token, records, lost)
        if lost_too is None:
            return _proved(client, Proof.DNS)
        if not isinstance(lost, TemporaryError):
            lost = lost_too
    raise lost


def _proved(client: SiteClient, method: Proof) -> ProvedTarget:
    target = client.target
    return ProvedTarget(target.origin, target.address, target.authority, method)


def _look_at_files(client: SiteClient, token: str) -> TemporaryError | OwnershipError | None:
    """None when one shows the token. It may stand in one that cannot be asked for."""
    lost = _look_at_file(client, token, file_path(token))
    if lost is None or not _has_answered(lost) or lost.status in NOT_NOW:
        return lost
    lost_too = _look_at_file(client, token, well_known_path(token))
    if lost_too is None or isinstance(lost_too, TemporaryError):
        return lost_too
    # Of two that are wrong, the one with something in it is the one that was meant.
    return lost_too if lost_too.code == SiteCode.TOKEN_FILE_DIFFERS else lost


def _look_at_file(
    client: SiteClient, token: str, path: str
) -> TemporaryError | OwnershipError | None:
    """Why the file does not show the token, or cannot be asked for; None when it does."""
    place = f"{client.target.origin}{path}"
    try:
        answer = client.ask_for_token(path, max_bytes=MAX_FILE_BYTES, accept=(200,))
    except TemporaryError as error:
        return error
    except PermanentError as error:
        return OwnershipError(SiteCode.TOKEN_FILE_UNREADABLE, file=place, reason=error)
    # An editor may have ended the line; nothing else may stand there.
    if answer.body.removesuffix(b"\n").removesuffix(b"\r") == token.encode():
        return None
    return OwnershipError(SiteCode.TOKEN_FILE_DIFFERS, file=place)


def _has_answered(lost: SiteError) -> bool:
    """Whether the machine said anything; over https it has shown its certificate then."""
    return not isinstance(lost, TemporaryError) or lost.status is not None


def _look_at_record(
    origin: Origin, token: str, records: TextRecords, lost: SiteError
) -> OwnershipError | None:
    """Why the DNS record does not show the token either, or does not count; None when it does."""
    if origin.scheme != "https":
        return OwnershipError(SiteCode.TOKEN_RECORD_NEEDS_HTTPS, reason=lost)
    if not _has_answered(lost):
        return OwnershipError(SiteCode.TOKEN_RECORD_NEEDS_CERTIFICATE, reason=lost)
    name = record_name(origin.host)
    try:
        if token.encode() in records(name):
            return None
    except TemporaryError as error:
        return OwnershipError(SiteCode.TOKEN_RECORD_UNREADABLE, reason=lost, error=error)
    return OwnershipError(SiteCode.TOKEN_RECORD_MISSING, reason=lost, record=name)


def _may_have_records(origin: Origin) -> bool:
    """Addresses and bare names ("localhost") are in no zone of their own."""
    return not origin.is_ip and "." in origin.host


def record_of(origin: Origin) -> str:
    """Which TXT record may show a token there; "" where none counts."""
    may = origin.scheme == "https" and _may_have_records(origin)
    return record_name(origin.host) if may else ""
