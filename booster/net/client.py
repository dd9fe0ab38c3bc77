"""Single calls to a site: ownership, counts, a play tried by hand. Law 4 on the wire.

Every call goes to the one address its `Target` was resolved to, with the site's own name in Host
header, SNI and certificate. An address that has not shown the site's token gets the question for
it and not a byte more. No proxies, no environment, no cookies, no redirects. A call has one
deadline and a size cap, so that no server can hold a worker by answering slowly or for ever.

While a site says "not now" (retry.NOT_NOW) a call is made again after growing pauses
(retry.ASKING): it was surely not done, and a limiter lets it pass a moment later.
"""

import random
import ssl
import time
from collections.abc import Callable, Container, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Self

from booster import retry
from booster.exceptions import PermanentError, SiteCode, SiteError, TemporaryError
from booster.net.address import Origin, Target, proved_at
from booster.net.answer import AnswerReader
from booster.net.call import (
    ANY_ANSWER,
    MAX_BYTES,
    SUCCESS,
    Call,
    Response,
    connection_failed,
    timed_out,
)
from booster.net.play import MAX_ANSWER, PlayRequest
from booster.net.transport import PinnedConnection

REFUSED_BYTES = 4096

# For a call to this origin: entered as it may begin, left as it has ended.
Turn = Callable[[Origin], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Exchange:
    request: str
    answer: str | SiteError  # what was read of it, or why it was not taken for an answer
    refused: str = ""  # the beginning of one that was not


class SiteClient:
    """One keep-alive connection to each of the site's origins. For one thread; a context manager.
    `timeout`: seconds a whole call may last. `exchanges`: gets each call. `turn`: each call is made
    within one; see Channel.turn()."""

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
        self._connection = PinnedConnection(target)
        self._second: Self | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        if self._second is not None:
            self._second.close()

    def ask_for_token(
        self, path: str, *, max_bytes: int = MAX_BYTES, accept: Container[int] = SUCCESS
    ) -> Response:
        """The one call to an address that has not shown its token, for booster.ownership alone.
        Raises what `fetch()` raises, TypeError apart."""
        return self._exchange(Call(path, max_bytes=max_bytes, accept=accept))

    def fetch(self, call: Call) -> Response:
        """A whole answer with an accepted status, within this client's time-out. TemporaryError: no
        connection, no certificate for the name, no whole answer in time, 408, 425, 429, 5xx.
        AddressRefusedError: a redirect. PermanentError: every other status, an answer over
        `max_bytes` or compressed. ValueError: a path or header that must not be sent. TypeError: a
        target that has not shown its token."""
        return self._at(call.origin)._exchange(call)

    def send(self, play: PlayRequest, *, is_patient: bool = True) -> Response:
        """One play, and any answer but a redirect that means nothing there; none of a compressed
        body. `is_patient`: send it again while the site says "not now"."""
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
            return self._at(play.origin)._exchange(call, is_patient=is_patient, is_play=True)
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

    def _exchange(self, call: Call, *, is_patient: bool = True, is_play: bool = False) -> Response:
        message = call.message(self.target.origin)
        asked = 0
        while True:
            asked += 1
            answer = self._exchange_once(call, message, is_play=is_play)
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

    def _exchange_once(self, call: Call, message: bytes, *, is_play: bool) -> Response | SiteError:
        site = str(self.target.origin)
        self._refused = ""
        answer: Response | SiteError
        with self._turn(self.target.origin):
            self._connection.start(self._timeout)
            try:
                answer = self._ask(AnswerReader(call, site), message, is_play=is_play)
            except SiteError as error:
                answer = error
            except TimeoutError:
                answer = timed_out(site, self._timeout)
            except OSError as error:
                answer = connection_failed(site, error, tls=isinstance(error, ssl.SSLError))
        self._write_down(message, answer)
        return answer

    def _write_down(self, message: bytes, answer: Response | SiteError) -> None:
        if self._exchanges is None:
            return
        read: str | SiteError
        if isinstance(answer, Response):
            read = _as_text(f"HTTP/1.1 {answer.status}", answer.headers, answer.body)
        else:
            read = answer
        request = message.decode("utf-8", "replace").replace("\r\n", "\n")
        self._exchanges.append(Exchange(request, read, self._refused))

    def _ask(self, reader: AnswerReader, message: bytes, *, is_play: bool) -> Response:
        is_kept = self._connection.open()
        try:
            self._connection.send(message)
            while reader.response is None:
                if data := self._connection.receive():
                    reader.feed(data)
                else:
                    reader.end()
            return reader.response
        except SiteError:
            self._look_at_refused(reader)
            raise
        except ConnectionError:
            if not is_kept or reader.has_begun or is_play:
                raise
        finally:
            if not reader.keep:
                self._connection.close()
        # It had died while nobody used it: that says nothing of the site.
        return self._ask(reader, message, is_play=is_play)

    def _look_at_refused(self, reader: AnswerReader) -> None:
        """Its beginning often tells people what is wrong."""
        if self._exchanges is None:
            return
        with suppress(OSError):
            while len(reader.body) < REFUSED_BYTES and not reader.is_whole:
                if not (data := self._connection.receive()):
                    break
                reader.take(data)
        first = f"HTTP/1.1 {reader.status} {reader.phrase.decode('latin-1')}".rstrip()
        self._refused = _as_text(first, reader.headers, bytes(reader.body[:REFUSED_BYTES]))


def _as_text(first: str, headers: Mapping[str, str], body: bytes) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines) + "\n\n" + body.decode("utf-8", "replace")
