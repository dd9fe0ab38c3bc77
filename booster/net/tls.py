"""TLS as every connection to a site has it: version 1.2 or later, a certificate for the site's own
name, issued by a public authority or, where the site has one of its own, by that one alone."""

import hashlib
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import certifi

from booster.exceptions import PermanentError, SiteCode

MAX_AUTHORITIES = 5
MAX_PEM = 32 * 1024

_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, as people compare it with what its owner tells them."""

    subject: str
    fingerprint: str  # SHA-256 of the certificate, in hexadecimal pairs
    expires: float  # seconds since the epoch


@lru_cache(maxsize=64)
def context_for(authority: str) -> ssl.SSLContext:
    """`authority`: PEM certificates to trust instead of the public ones ("": those). No environment
    variable is looked at. ssl.SSLError for what is no certificate. Kept for the process: reading
    the authorities takes ten milliseconds or more."""
    trusted = {"cadata": authority} if authority else {"cafile": certifi.where()}
    context = ssl.create_default_context(**trusted)  # type: ignore[arg-type]
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_authorities(pem: str, now: float | None = None) -> list[Authority]:
    """The authorities in a PEM text, at least one. PermanentError says what is wrong with it: no
    certificate, one that is no authority's or has expired, a private key, too many."""
    now = time.time() if now is None else now
    if _KEY.search(pem):
        raise PermanentError(SiteCode.AUTHORITY_WITH_KEY)
    if len(pem) > MAX_PEM or pem.count(ssl.PEM_HEADER) > MAX_AUTHORITIES:
        raise PermanentError(SiteCode.AUTHORITIES_TOO_MANY, most=MAX_AUTHORITIES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError, ValueError) as error:  # TypeError: not ASCII
        raise PermanentError(SiteCode.AUTHORITY_UNREADABLE, error=str(error)[:200]) from None
    # Both lists hold authorities only, in one order.
    told, encoded = context.get_ca_certs(), context.get_ca_certs(binary_form=True)
    if len(told) < pem.count(ssl.PEM_HEADER) or not told:
        raise PermanentError(SiteCode.AUTHORITY_IS_NONE)
    found = []
    for certificate, der in zip(told, encoded, strict=True):
        expires = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
        if expires <= now:
            raise PermanentError(SiteCode.AUTHORITY_EXPIRED, date=str(certificate["notAfter"]))
        digest = hashlib.sha256(der).hexdigest().upper()
        pairs = (digest[at : at + 2] for at in range(0, len(digest), 2))
        found.append(Authority(_subject_of(certificate), ":".join(pairs), float(expires)))
    return found


def _subject_of(certificate: Mapping[str, object]) -> str:
    parts = certificate.get("subject", ())
    assert isinstance(parts, tuple)
    return ", ".join(f"{name}={value}" for part in parts for name, value in part)
