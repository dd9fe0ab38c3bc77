"""Single calls to a site: ownership, counts, a play tried by hand. Law 4 on the wire.

Every call goes to the one address its `Target` was resolved to, under the site's own name: Host
header, SNI and certificate are the name's, no name is looked up here. An address that has not shown
the site's token gets the question for it and not a byte more. No proxies, no environment,
no cookies, no redirects. A call has one deadline from connecting to the last byte, and a size cap,
so that no server can hold a worker by answering slowly or for ever.

Where a site says "not now" (retry.NOT_NOW) a call is made again after pauses that grow
(retry.ASKING): that was surely not done, and a limiter lets it pass a moment later.
"""

import random
import time
from collections.abc import Callable, Container, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Self, cast

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from booster import retry
from booster.exceptions import PermanentError, SiteCode, SiteError, TemporaryError
from booster.net.address import Origin, Target, proved_at
from booster.net.call import (
    ANY_ANSWER,
    MAX_BYTES,
    SUCCESS,
    Call,
    Response,
    check_headers,
    check_path,
    connection_failed,
    cookie_header,
    judge,
    own_headers,
    timed_out,
    too_long,
)
from booster.net.play import MAX_ANSWER, PlayRequest
from booster.net.transport import CallUnderWay, PinnedAdapter

REFUSED_BYTES = 4096

# For a call to this origin: entered as it may begin, left as it has ended.
Turn = Callable[[Origin], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and what came of it, for people to read."""

    request: str
    answer: str | SiteError  # what was read of it, or why it was not taken for an answer
    refused: str = ""  # the beginning of one that was not


class SiteClient:
    """Calls one site over one keep-alive connection to each of its origins. For one thread; use it
    as a context manager.

    `timeout`: seconds a whole call may last. `exchanges`: a list that each call is written to.
    `turn`: what each call waits for and lasts as long as it; see Channel.turn().
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float = 5.0,
        exchanges: list[Exchange] | None = None,
        turn: Turn = nullcontext,
    ) -> None:
        self._exchanges = exchanges
        self._turn = turn
        self._refused = ""
        self.target = target
        self._timeout = timeout
        self._call = CallUnderWay()
        self._adapter = PinnedAdapter(target, self._call)
        self._base = str(target.origin)
        self._second: Self | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._adapter.close()
        if self._second is not None:
            self._second.close()

    def ask_for_token(
        self, path: str, *, max_bytes: int = MAX_BYTES, accept: Container[int] = SUCCESS
    ) -> Response:
        """GET what has to show the token: the one call to an address that has not shown it yet. For
        booster.ownership alone. Raises what `fetch()` raises, TypeError apart."""
        return self._exchange(Call(path, max_bytes=max_bytes, accept=accept))

    def fetch(self, call: Call) -> Response:
        """One call, one whole answer with an accepted status, within this client's time-out, at a
        target that has shown its token.

        TemporaryError: no connection, no certificate for the name, no whole answer in time, 408,
        425, 429, 5xx. AddressRefusedError: a redirect (never followed). PermanentError: every other
        status, an answer over `max_bytes` or compressed. ValueError: a path or header of the
        caller's that must not be sent. TypeError: a target that has not shown its token.
        """
        return self._at(call.origin)._exchange(call)

    def send(self, play: PlayRequest, *, is_patient: bool = True) -> Response:
        """One play; whatever is answered, apart from redirects that mean nothing there. The body of
        a compressed answer is left out. `is_patient`: sent again where the site says "not now"."""
        call = Call(
            play.path,
            headers=dict(play.headers),
            accept=ANY_ANSWER | play.counted,
            max_bytes=MAX_ANSWER,
            method=play.method,
            body=play.body,
            cookies=play.cookies,
        )
        try:
            return self._at(play.origin)._exchange(call, is_patient=is_patient)
        except PermanentError as error:
            if error.code != SiteCode.ANSWER_COMPRESSED or error.status is None:
                raise
            return Response(error.status, {}, b"")

    def _at(self, origin: Origin | None) -> Self:
        """The client of the target's second origin, where that is meant. TypeError: it has not
        shown the token."""
        target = proved_at(self.target, origin)
        if target is self.target:
            return self
        if self._second is None:
            self._second = type(self)(
                target, timeout=self._timeout, exchanges=self._exchanges, turn=self._turn
            )
        return self._second

    def _exchange(self, call: Call, *, is_patient: bool = True) -> Response:
        request = self._prepared(call)
        asked = 0
        while True:
            asked += 1
            answer = self._exchange_once(request, call)
            pause = retry.pause_before_asking_again(
                answer.status,
                asked,
                random.random(),  # noqa: S311
                answer.retry_after if isinstance(answer, TemporaryError) else None,
            )
            if is_patient and pause is not None:
                time.sleep(pause)
            elif isinstance(answer, SiteError):
                raise answer
            else:
                return answer

    def _exchange_once(self, request: requests.PreparedRequest, call: Call) -> Response | SiteError:
        self._refused = ""
        answer: Response | SiteError
        with self._turn(self.target.origin):
            try:
                answer = self._send(request, call)
            except SiteError as error:
                answer = error
        self._write_down(request, answer)
        return answer

    def _send(self, request: requests.PreparedRequest, call: Call) -> Response:
        self._call.start(self._timeout)
        try:
            answer = self._adapter.send(request, stream=True, timeout=self._timeout)
            try:
                # http.client takes the end of the connection for the end of the headers.
                if self._call.hung_up:
                    raise ConnectionError("the site hung up in the middle of its answer")
                status, phrase = answer.status_code, answer.reason or ""
                content = bytearray()
                try:
                    judge(self._base, status, phrase, answer.headers, call.accept, time.time())
                    _read(answer, call.max_bytes, content)
                except SiteError:
                    self._look_at_refused(answer, content)
                    raise
            except BaseException:
                answer.close()
                raise
        # ValueError: of what urllib3 reads, such as a chunk of a negative size.
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._trouble(error) from error
        cookies = tuple(answer.raw.headers.getlist("Set-Cookie"))
        return Response(answer.status_code, answer.headers, bytes(content), cookies)

    def _look_at_refused(self, answer: requests.Response, content: bytearray) -> None:
        """For who reads the exchanges: its beginning often says what is wrong."""
        if self._exchanges is None:
            return
        with suppress(requests.RequestException, HTTPError, OSError, ValueError):
            content += answer.raw.read(REFUSED_BYTES, decode_content=False)
        first = f"HTTP/1.1 {answer.status_code} {answer.reason or ''}".rstrip()
        self._refused = _as_text(first, answer.headers, bytes(content[:REFUSED_BYTES]))

    def _prepared(self, call: Call) -> requests.PreparedRequest:
        """A request as we mean it: Session.prepare_request() would add to it and mend it."""
        check_path(call.path)
        check_headers(call.headers)
        request = requests.PreparedRequest()
        request.method = call.method
        request.url = self._base + call.path
        request.headers = CaseInsensitiveDict({**own_headers(), **call.headers})
        if call.body or call.method != "GET":
            request.headers["Content-Length"] = str(len(call.body))
            request.body = call.body
        request.headers.update(cookie_header(call.cookies))
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
        self._exchanges.append(Exchange(_as_text(head, headers, body), read, self._refused))

    def _trouble(self, error: Exception) -> TemporaryError:
        """What went wrong with the connection."""
        if self._call.passed:
            return timed_out(self._base, self._timeout)
        tls = isinstance(error, requests.exceptions.SSLError)
        return connection_failed(self._base, error, tls=tls)


def _read(answer: requests.Response, max_bytes: int, content: bytearray) -> None:
    """Into `content`; PermanentError where it is longer than allowed."""
    # One byte more than allowed is asked for, so that too much shows; never more is held. Read on
    # to the empty end: only there does urllib3 notice that less came than was announced.
    while len(content) <= max_bytes:
        part: bytes = answer.raw.read(max_bytes + 1 - len(content), decode_content=False)
        if not part:
            break
        content += part
    else:
        raise too_long(answer.status_code, max_bytes)


def _as_text(first: str, headers: Mapping[str, str], body: bytes) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + "\n\n" + body.decode("utf-8", "replace")
