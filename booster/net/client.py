"""Single calls to a site: ownership, counts, a play tried by hand. Law 4 on the wire.

Every call goes to the one address its `Target` was resolved to, under the site's own name: Host
header, SNI and certificate are the name's, no name is looked up here. An address that has not shown
the site's token gets the question for it and not a byte more. No proxies, no environment,
no cookies, no redirects. A call has one deadline from connecting to the last byte, and a size cap,
so that no server can hold a worker by answering slowly or for ever.

Where a site says "not now" (429, 503) a call is made again after pauses that grow (retry.ASKING):
that was surely not done, and a limiter lets it pass a moment later.
"""

import random
import select
import socket
import ssl
import time
from collections.abc import Callable, Container
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Self

from booster import retry
from booster.exceptions import SiteError, TemporaryError
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
from booster.net.tls import new_context

REFUSED_BYTES = 4096
READ_BYTES = 64 * 1024

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

    What a call raises. TemporaryError: no connection, no certificate for the name, no whole answer
    in time, 408, 425, 429, 5xx. AddressRefusedError: a redirect (never followed). PermanentError:
    every other status that is not accepted, an answer that is too long or compressed. ValueError: a
    path or header of the caller's that must not be sent. TypeError: a target that has not shown its
    token.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float = 5.0,
        exchanges: list[Exchange] | None = None,
        turn: Turn = nullcontext,
    ) -> None:
        self.target = target
        self._timeout = timeout
        self._exchanges = exchanges
        self._turn = turn
        self._refused = ""
        self._connection: socket.socket | None = None
        self._ends = 0.0  # time.monotonic() when the call under way must have ended
        self._second: Self | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._hang_up()
        if self._second is not None:
            self._second.close()

    def ask_for_token(
        self, path: str, *, max_bytes: int = MAX_BYTES, accept: Container[int] = SUCCESS
    ) -> Response:
        """GET what has to show the token: the one call to an address that has not shown it yet. For
        booster.ownership alone."""
        return self._exchange(Call(path, max_bytes=max_bytes, accept=accept))

    def fetch(self, call: Call) -> Response:
        """`call`, within this client's time-out, at its origin."""
        return self._at(call.origin)._exchange(call)

    def send(self, play: PlayRequest, *, is_patient: bool = True) -> Response:
        """One play; whatever is answered, apart from redirects that mean nothing there.
        `is_patient`: sent again where the site says "not now"."""
        call = Call(
            play.path,
            headers=dict(play.headers),
            accept=ANY_ANSWER | play.counted,
            max_bytes=MAX_ANSWER,
            method=play.method,
            body=play.body,
            cookies=play.cookies,
        )
        return self._at(play.origin)._exchange(call, is_patient=is_patient)

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
        message = call.message(self.target.origin)
        asked = 0
        while True:
            asked += 1
            answer = self._exchange_once(call, message)
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

    def _exchange_once(self, call: Call, message: bytes) -> Response | SiteError:
        reader = AnswerReader(call, self.target.origin)
        answer: Response | SiteError
        with self._turn(self.target.origin):
            try:
                answer = self._ask(message, reader)
            except SiteError as error:
                answer = error
        if self._exchanges is not None:
            self._exchanges.append(_exchange_of(message, reader, answer, self._refused))
        return answer

    def _ask(self, message: bytes, reader: AnswerReader) -> Response:
        self._ends = time.monotonic() + self._timeout
        self._refused = ""
        is_kept = False
        try:
            connection = self._connected()
            connection.settimeout(self._remaining())
            connection.sendall(message)
            while (answer := reader.answer()) is None:
                self._read(connection, reader)
            is_kept = reader.keeps_alive
            return answer
        except SiteError:
            self._look_at_refused(reader)
            raise
        except OSError as error:
            site, is_tls = str(self.target.origin), isinstance(error, ssl.SSLError)
            if time.monotonic() >= self._ends:
                raise timed_out(site, self._timeout) from error
            raise connection_failed(site, error, tls=is_tls) from error
        finally:
            if not is_kept:
                self._hang_up()

    def _look_at_refused(self, reader: AnswerReader) -> None:
        """For who reads the exchanges: its beginning often says what is wrong."""
        connection = self._connection
        if self._exchanges is None or connection is None:
            return
        with suppress(OSError):
            while not reader.has_begun(REFUSED_BYTES):
                self._read(connection, reader)
        self._refused = reader.beginning(REFUSED_BYTES)

    def _read(self, connection: socket.socket, reader: AnswerReader) -> None:
        # A time-out of the socket's own would start again at every read, which a slow drip never
        # lets run out.
        connection.settimeout(self._remaining())
        if data := connection.recv(READ_BYTES):
            reader.take(data)
        else:
            reader.end()

    def _connected(self) -> socket.socket:
        """The connection, where it shows no sign of its end, or a new one to the target's numeric
        address: no name is looked up."""
        if self._connection is not None and not _is_silent(self._connection):
            self._hang_up()
        if self._connection is None:
            origin, address = self.target.origin, self.target.address
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self._connection = connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(self._remaining())
            connection.connect((address, origin.port))
            if origin.scheme == "https":
                context = new_context(self.target.authority)
                connection.settimeout(self._remaining())
                self._connection = context.wrap_socket(connection, server_hostname=origin.host)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _remaining(self) -> float:
        """Seconds that the call under way has left. TimeoutError: none."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for the whole call is over")
        return seconds


def _is_silent(connection: socket.socket) -> bool:
    """With nothing to read while nothing was asked: an end would show."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def _exchange_of(
    message: bytes, reader: AnswerReader, answer: Response | SiteError, refused: str
) -> Exchange:
    head, _end, body = message.partition(b"\r\n\r\n")
    asked = head.decode().replace("\r\n", "\n") + "\n\n" + body.decode("utf-8", "replace")
    read = reader.beginning(len(answer.body)) if isinstance(answer, Response) else answer
    return Exchange(asked, read, refused)
