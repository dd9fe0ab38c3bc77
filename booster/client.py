"""Single calls to a site: ownership, counts, a play tried by hand. Law 4 on the wire.

Every call goes to the one address its `Target` was resolved to, under the site's own name: Host
header, SNI and certificate are the name's, no name is looked up here. No proxies, no environment,
no cookies, no redirects. A call has one deadline from connecting to the last byte, and a size cap,
so that no server can hold a worker by answering slowly or for ever.
"""

import json
import re
import ssl
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

from booster import USER_AGENT
from booster.address import Target
from booster.call import Answer, Line
from booster.exceptions import AddressRefused, PermanentError, SiteError, TemporaryError

MAX_BYTES = 64 * 1024
MAX_PATH = 8192
MAX_RETRY_AFTER = 24 * 3600.0

SUCCESS = range(200, 300)
ANY_ANSWER = range(200, 600)  # to look at an answer whatever its status; redirects stay refused

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

_PATH = re.compile(r"/(?!/)[!-\"$-\[\]-~]*")  # printable ASCII without "#" and the backslash
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,1998}[!-~])?|")


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, read within the caps."""

    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes

    def as_text(self) -> str:
        return _as_text(f"HTTP/1.1 {self.status}", self.headers, self.body)

    def json(self) -> Any:
        """The body as JSON; PermanentError when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise PermanentError("The site's answer is not JSON.", status=self.status) from None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what came of it, for people to read."""

    request: str
    answer: str  # what was read of it, or in plain words why nothing was


class SiteClient:
    """Calls one site over one keep-alive connection. For one thread; use it as a context manager.

    `timeout`: seconds a whole call may last. `ca_file`: certificates to trust instead of the
    public ones (a private site's own authority); no environment variable is looked at.
    `exchanges`: a list that each call is written to.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float = 5.0,
        ca_file: str | None = None,
        exchanges: list[Exchange] | None = None,
    ) -> None:
        self._exchanges = exchanges
        self.target = target
        self._timeout = timeout
        self._line = Line(target, ca_file)
        self._base = str(target.origin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._line.close()

    def get(
        self, path: str, *, max_bytes: int = MAX_BYTES, accept: Container[int] = SUCCESS
    ) -> Response:
        """`request("GET", path)`."""
        return self.request("GET", path, max_bytes=max_bytes, accept=accept)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = MAX_BYTES,
        accept: Container[int] = SUCCESS,
    ) -> Response:
        """One call, one whole answer with an accepted status.

        TemporaryError: no connection, no certificate for the name, no whole answer in time, 408,
        425, 429, 5xx. AddressRefused: a redirect (never followed). PermanentError: every other
        status, an answer over `max_bytes` or compressed. ValueError: a path or header of the
        caller's that must not be sent.
        """
        check_path(path)
        check_headers(headers or {})
        lines = {
            "Host": self._base.partition("://")[2],
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        if body is not None:
            lines["Content-Length"] = str(len(body))
        request = _Request(f"{method} {path} HTTP/1.1", lines, body or b"")
        try:
            answer = self._exchange(request, max_bytes, accept)
        except SiteError as error:
            self._write_down(request, str(error))
            raise
        self._write_down(request, answer.as_text())
        return answer

    def _exchange(self, request: "_Request", max_bytes: int, accept: Container[int]) -> Response:
        deadline = time.monotonic() + self._timeout

        def check(answer: Answer) -> None:
            self._judge(answer, accept)
            _check_body(answer, max_bytes)

        try:
            answer = self._line.call(request.as_bytes(), deadline, check)
        except OSError as error:
            raise TemporaryError(self._plainly(error)) from error
        return Response(answer.status, answer.headers, bytes(answer.body))

    def _write_down(self, request: "_Request", answer: str) -> None:
        if self._exchanges is not None:
            self._exchanges.append(Exchange(request.as_text(), answer))

    def _judge(self, answer: Answer, accept: Container[int]) -> None:
        status = answer.status
        site = self._base
        if 300 <= status < 400:
            location = answer.headers.get("Location", "")[:200]
            raise AddressRefused(
                f"{site} redirects to {location!r}; redirects are not followed.", status=status
            )
        if status in accept:
            return
        message = f"{site} answered {status} {answer.reason[:80]}".rstrip() + "."
        if status >= 500 or status in (408, 425, 429):
            retry_after = seconds_to_wait(answer.headers.get("Retry-After"), now=time.time())
            raise TemporaryError(message, retry_after=retry_after, status=status)
        raise PermanentError(message, status=status)

    def _plainly(self, error: OSError) -> str:
        """What went wrong with the connection, for staff."""
        if isinstance(error, TimeoutError):
            return f"{self._base} did not answer wholly within {self._timeout:g} seconds."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{self._base} has no valid certificate for this name: {error.verify_message}"
        if isinstance(error, ssl.SSLError):
            return f"{self._base} does not speak TLS with us: {str(error)[:300]}"
        if isinstance(error, ConnectionRefusedError):
            return f"{self._base} refused the connection."
        return f"The connection to {self._base} failed: {str(error)[:300]}"


@dataclass(frozen=True, slots=True)
class _Request:
    first: str
    headers: Mapping[str, str]
    body: bytes

    def as_bytes(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body

    def as_text(self) -> str:
        return _as_text(self.first, self.headers, self.body)


def check_path(path: str) -> None:
    """ValueError unless the path may be sent: "/", printable ASCII, no fragment or backslash."""
    if len(path) > MAX_PATH or not _PATH.fullmatch(path):
        raise ValueError(f"not a path to send: {path[:100]!r}")


def check_headers(headers: Mapping[str, str]) -> None:
    """ValueError unless these are headers a caller may set: see RESERVED_HEADERS."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"not a header to send: {name[:100]!r}")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"the header {name} is not a caller's to set")


def seconds_to_wait(retry_after: str | None, *, now: float) -> float | None:
    """Retry-After (RFC 9110 10.2.3: seconds, or a date) in seconds; None when it says nothing."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return min(float(retry_after), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(retry_after).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _check_body(answer: Answer, max_bytes: int) -> None:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PermanentError(
            "The site's answer is compressed, which was not asked for.", status=answer.status
        )
    if len(answer.body) > max_bytes:
        raise PermanentError(
            f"The site's answer is longer than {max_bytes} bytes.", status=answer.status
        )


def _as_text(first: str, headers: Mapping[str, str], body: bytes) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + "\n\n" + body.decode("utf-8", "replace")
