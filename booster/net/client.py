"""Single calls to a site: ownership, counts, a play tried by hand. Law 4 on the wire.

Every call goes to the one address its `Target` was resolved to, under the site's own name: Host
header, SNI and certificate are the name's, no name is looked up here. No proxies, no environment,
no cookies, no redirects. A call has one deadline from connecting to the last byte, and a size cap,
so that no server can hold a worker by answering slowly or for ever.
"""

import json
import re
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any, Self, cast

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from booster import USER_AGENT
from booster.exceptions import (
    AddressRefusedError,
    PermanentError,
    SiteCode,
    SiteError,
    TemporaryError,
)
from booster.net.address import Target
from booster.net.transport import Call, PinnedAdapter
from booster.retry import seconds_to_wait

MAX_BYTES = 64 * 1024
MAX_PATH = 8192

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

    def json(self) -> Any:
        """The body as JSON; PermanentError when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise PermanentError(SiteCode.ANSWER_NOT_JSON, status=self.status) from None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what came of it, for people to read."""

    request: str
    answer: str | SiteError  # what was read of it, or why nothing was


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
        self._call = Call()
        self._adapter = PinnedAdapter(target, self._call, ca_file)
        self._base = str(target.origin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._adapter.close()

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
        request = self._prepared(method, path, headers or {}, body)
        try:
            answer = self._exchange(request, max_bytes, accept)
        except SiteError as error:
            self._write_down(request, error)
            raise
        self._write_down(request, answer)
        return answer

    def _exchange(
        self, request: requests.PreparedRequest, max_bytes: int, accept: Container[int]
    ) -> Response:
        self._call.start(self._timeout)
        try:
            answer = self._adapter.send(request, stream=True, timeout=self._timeout)
            try:
                self._check_whole_head()
                self._judge(answer, accept)
                content = _read(answer, max_bytes)
            except BaseException:
                answer.close()
                raise
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._trouble(error) from error
        return Response(answer.status_code, answer.headers, content)

    def _prepared(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        """A request as we mean it: Session.prepare_request() would add to it and mend it."""
        check_path(path)
        check_headers(headers)
        request = requests.PreparedRequest()
        request.method = method
        request.url = self._base + path
        request.headers = CaseInsensitiveDict(
            {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        )
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        request.body = body
        return request

    def _write_down(self, request: requests.PreparedRequest, answer: Response | SiteError) -> None:
        if self._exchanges is None:
            return
        url = cast(str, request.url)
        head = f"{request.method} {url[len(self._base) :]} HTTP/1.1"
        headers = {"Host": self._base.partition("://")[2], **request.headers}
        read: str | SiteError
        if isinstance(answer, Response):
            read = _as_text(f"HTTP/1.1 {answer.status}", answer.headers, answer.body)
        else:
            read = answer
        body = cast(bytes | None, request.body) or b""
        self._exchanges.append(Exchange(_as_text(head, headers, body), read))

    def _check_whole_head(self) -> None:
        """http.client takes the end of the connection for the end of the headers; it is none."""
        if self._call.hung_up:
            raise ConnectionError("the site hung up in the middle of its answer")

    def _judge(self, answer: requests.Response, accept: Container[int]) -> None:
        status = answer.status_code
        site = self._base
        if 300 <= status < 400:
            location = answer.headers.get("Location", "")[:200]
            raise AddressRefusedError(
                SiteCode.CALL_REDIRECTED, site=site, location=location, status=status
            )
        if status in accept:
            return
        # Some servers send no phrase, and some statuses have none.
        phrase = (answer.reason or "").strip()[:80] or responses.get(status, "–")
        told: dict[str, Any] = {"site": site, "status": status, "phrase": phrase}
        if status >= 500 or status in (408, 425, 429):
            retry_after = seconds_to_wait(answer.headers.get("Retry-After"), now=time.time())
            raise TemporaryError(SiteCode.CALL_ANSWERED, retry_after=retry_after, **told)
        raise PermanentError(SiteCode.CALL_ANSWERED, **told)

    def _trouble(self, error: Exception) -> TemporaryError:
        """What went wrong with the connection."""
        site, text = self._base, str(error)
        if self._call.passed:
            return TemporaryError(SiteCode.CALL_TIMED_OUT, site=site, seconds=self._timeout)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return TemporaryError(SiteCode.CERTIFICATE_NOT_VALID, site=site, error=text[:300])
        if isinstance(error, requests.exceptions.SSLError):
            return TemporaryError(SiteCode.TLS_FAILED, site=site, error=text[:300])
        if isinstance(error, requests.ConnectionError) and "refused" in text:
            return TemporaryError(SiteCode.CONNECTION_REFUSED, site=site)
        return TemporaryError(SiteCode.CONNECTION_FAILED, site=site, error=text[:300])


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


def _read(answer: requests.Response, max_bytes: int) -> bytes:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PermanentError(SiteCode.ANSWER_COMPRESSED, status=answer.status_code)
    content = b""
    # One byte more than allowed is asked for, so that too much shows; never more is held. Read on
    # to the empty end: only there does urllib3 notice that less came than was announced.
    while len(content) <= max_bytes:
        part: bytes = answer.raw.read(max_bytes + 1 - len(content), decode_content=False)
        if not part:
            break
        content += part
    else:
        raise PermanentError(SiteCode.ANSWER_TOO_LONG, bytes=max_bytes, status=answer.status_code)
    return content


def _as_text(first: str, headers: Mapping[str, str], body: bytes) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + "\n\n" + body.decode("utf-8", "replace")
