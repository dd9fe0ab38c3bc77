"""One call to a site: what may be sent, and what an answer or its absence means. Pure: the rules of
law 4, for a thread with a socket of its own (client.py) as for the engine's wire (fetching.py)."""

import errno
import json
import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from http.client import responses
from typing import Any

from booster import USER_AGENT
from booster.exceptions import (
    AddressRefusedError,
    PermanentError,
    SiteCode,
    TemporaryError,
    is_own_limit,
)
from booster.net.address import Origin
from booster.retry import seconds_to_wait

MAX_BYTES = 64 * 1024
MAX_PATH = 8192

METHODS = ("GET", "POST", "PUT", "PATCH")

SUCCESS = range(200, 300)
# To look at an answer whatever its status; redirects stay refused where they are not named.
ANY_ANSWER = frozenset({*range(200, 300), *range(400, 600)})

# What packs a body. Some sites name a charset there, or nothing: such a body is read as it is.
COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"})

# Headers that frame the message or say who asks: ours alone to set. A caller that could set them
# could forge an agent, an address or a second request (law 4).
_RESERVED = """
    host user-agent connection keep-alive proxy-connection proxy-authorization te trailer upgrade
    content-length transfer-encoding content-encoding accept-encoding expect via forwarded
    x-forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port
    x-forwarded-server x-real-ip x-client-ip x-cluster-client-ip client-ip true-client-ip
    cf-connecting-ip fastly-client-ip x-original-forwarded-for x-originating-ip x-remote-ip
    x-remote-addr x-host x-original-url x-rewrite-url cookie set-cookie referer origin
"""
RESERVED_HEADERS = frozenset(_RESERVED.split())

_PATH = re.compile(r"/(?!/)[!-\"$-\[\]-~]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,1998}[!-~])?|")
_COOKIES = re.compile(r"[!-~](?:[ -~]{0,8190}[!-~])?|")


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    accept: Container[int] = SUCCESS
    max_bytes: int = MAX_BYTES
    timeout: float = 5.0  # seconds from connecting to the last byte of the answer
    method: str = "GET"
    body: bytes = b""
    cookies: str = ""  # those that the site itself set, as a Cookie header holds them
    origin: Origin | None = None  # None: the site's own

    def message(self, origin: Origin) -> bytes:
        """Its bytes. ValueError: a method, path or header that must not be sent."""
        if self.method not in METHODS:
            raise ValueError(f"not a method for calls: {self.method[:30]!r}")
        check_path(self.path)
        check_headers(self.headers)
        headers = {**own_headers(origin), **self.headers}
        headers |= cookie_header(self.cookies)
        if self.body or self.method != "GET":
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    set_cookies: tuple[str, ...] = ()  # one for each Set-Cookie

    def json(self) -> Any:
        """The body as JSON, decimals as they are written; PermanentError: it is none. A title that
        is cut within a character, or in another encoding, hides no number, as in browsers."""
        try:
            try:
                return _read_json(self.body)
            except UnicodeDecodeError:
                return _read_json(self.body.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError, ArithmeticError):  # a number of too many digits
            raise PermanentError(SiteCode.ANSWER_NOT_JSON, status=self.status) from None


_read_json = partial(json.loads, parse_float=Decimal, strict=False)


def own_headers(origin: Origin) -> dict[str, str]:
    host = str(origin).partition("://")[2]
    return {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


def check_path(path: str) -> None:
    """ValueError: not "/" and printable ASCII without "#" and the backslash, or too long."""
    if len(path) > MAX_PATH or not _PATH.fullmatch(path):
        raise ValueError(f"not a path to send: {path[:100]!r}")


def check_headers(headers: Mapping[str, str]) -> None:
    """ValueError unless these are headers a caller may set: see RESERVED_HEADERS."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header to send: {name[:100]!r}")
        # Servers that hand headers on as variables read "_" and "-" as one.
        if name.lower().replace("_", "-") in RESERVED_HEADERS:
            raise ValueError(f"the header {name} is not a caller's to set")


def cookie_header(cookies: str) -> dict[str, str]:
    """The Cookie header, which no caller writes otherwise. ValueError: none that may be sent."""
    if not _COOKIES.fullmatch(cookies):
        raise ValueError("not cookies to send")
    return {"Cookie": cookies} if cookies else {}


def judge(
    site: str,
    status: int,
    phrase: str,
    headers: Mapping[str, str],
    accept: Container[int],
    now: float,
) -> None:
    """Raise what an answer's head means, unless its body is worth reading.

    Of statuses that are not accepted: AddressRefusedError for redirects, TemporaryError for 408,
    425, 429, 5xx, PermanentError for all others, and for a compressed body. `headers`: names in any
    case. `now`: seconds since the epoch, for a Retry-After that is a date.
    """
    location = headers.get("Location", "")[:200]
    if 300 <= status < 400 and status not in accept and location:
        raise AddressRefusedError(
            SiteCode.CALL_REDIRECTED, site=site, location=location, status=status
        )
    if status not in accept:
        # Some servers send no phrase, and some statuses have none.
        phrase = phrase.strip()[:80] or responses.get(status, "–")
        told: dict[str, Any] = {"site": site, "status": status, "phrase": phrase}
        if status >= 500 or status in (408, 425, 429):
            retry_after = seconds_to_wait(status, headers, now=now)
            raise TemporaryError(SiteCode.CALL_ANSWERED, retry_after=retry_after, **told)
        raise PermanentError(SiteCode.CALL_ANSWERED, **told)
    codings = headers.get("Content-Encoding", "").lower().split(",")
    if not COMPRESSIONS.isdisjoint(coding.strip() for coding in codings):
        raise PermanentError(SiteCode.ANSWER_COMPRESSED, status=status)


def too_long(status: int, max_bytes: int) -> PermanentError:
    return PermanentError(SiteCode.ANSWER_TOO_LONG, bytes=max_bytes, status=status)


def timed_out(site: str, seconds: float) -> TemporaryError:
    return TemporaryError(SiteCode.CALL_TIMED_OUT, site=site, seconds=seconds)


def connection_failed(site: str, error: Exception, *, tls: bool) -> TemporaryError:
    text = str(error)
    if is_own_limit(error):
        return TemporaryError(SiteCode.OWN_LIMIT, error=text)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return TemporaryError(SiteCode.CERTIFICATE_NOT_VALID, site=site, error=text[:300])
    if tls:
        return TemporaryError(SiteCode.TLS_FAILED, site=site, error=text[:300])
    if os.strerror(errno.ECONNREFUSED) in text:
        return TemporaryError(SiteCode.CONNECTION_REFUSED, site=site)
    return TemporaryError(SiteCode.CONNECTION_FAILED, site=site, error=text[:300])
