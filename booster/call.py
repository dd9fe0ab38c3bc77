"""One request and its whole answer over a kept connection, in a given time and size.

Law 4 on the wire: the connection goes to the one address its `Target` was resolved to, SNI and
certificate are the site's name. The deadline is that of the whole call, from connecting to the last
byte: a socket's own time-out starts again at every read, which a slow drip never lets run out.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import certifi
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from booster.address import Target

MAX_HEAD = 64 * 1024
READ_BYTES = 64 * 1024


class BrokenAnswerError(OSError):
    """What came is no whole HTTP/1.1 answer."""


class Headers(Mapping[str, str]):
    """Headers by name in any case; of one that comes again the values stand behind each other."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, str]] = {}

    def add(self, name: str, value: str) -> None:
        first = self._found.get(name.lower())
        self._found[name.lower()] = (first[0], f"{first[1]}, {value}") if first else (name, value)

    def __getitem__(self, name: str) -> str:
        return self._found[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._found.values())

    def __len__(self) -> int:
        return len(self._found)


class Answer:
    """An answer as it comes in. The parser calls the methods that begin with `on_`."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.status = 0
        self.reason = ""
        self.headers = Headers()
        self.body = bytearray()
        self.has_head = False
        self.is_whole = False
        self.is_last = False  # the connection serves no further call
        self._received = 0

    def feed(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self.is_whole:  # what comes behind it is not ours
                self.is_last = True
                return
            raise BrokenAnswerError(f"what it says is not HTTP/1.1: {error}") from error
        if not self.has_head and self._received > MAX_HEAD:
            raise BrokenAnswerError(f"its headers are longer than {MAX_HEAD} bytes")

    def end(self) -> None:
        """The site closed the connection: an answer without a length ends here."""
        framed = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        if not self.is_whole and (not self.has_head or framed):
            raise BrokenAnswerError("the site hung up in the middle of its answer")
        self.is_whole = self.is_last = True

    def on_message_begin(self) -> None:
        if self.is_whole:
            self.is_last = True
        else:
            self.reason, self.headers = "", Headers()

    def on_status(self, reason: bytes) -> None:
        self.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # neither a trailer nor of an answer behind this one
            self.headers.add(name.decode("latin-1"), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self.has_head and status >= 200:  # 1xx: the answer is still to come
            self.has_head, self.status = True, status

    def on_body(self, data: bytes) -> None:
        if not self.is_whole:
            self.body += data

    def on_message_complete(self) -> None:
        if self.has_head and not self.is_whole:
            self.is_whole = True
            self.is_last = not self._parser.should_keep_alive()


class Line:
    """A connection to the target, opened when first needed and again when the site closed it."""

    def __init__(self, target: Target, ca_file: str | None) -> None:
        self._target = target
        self._ca_file = ca_file
        self._socket: socket.socket | None = None

    def call(self, request: bytes, deadline: float, check: Callable[[Answer], None]) -> Answer:
        """Send the request and read its answer. `check` looks at it as it grows, from its head on,
        and raises what ends the call. OSError: no connection, no whole answer; TimeoutError: not
        by the `deadline` (time.monotonic())."""
        try:
            line = self._open(deadline)
            line.settimeout(_remaining(deadline))
            line.sendall(request)
            answer = self._read(line, deadline, check)
        except BaseException:
            self.close()
            raise
        if answer.is_last:
            self.close()
        return answer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(
        self, line: socket.socket, deadline: float, check: Callable[[Answer], None]
    ) -> Answer:
        answer = Answer()
        while not answer.is_whole:
            line.settimeout(_remaining(deadline))
            data = line.recv(READ_BYTES)
            if data:
                answer.feed(data)
            else:
                answer.end()
            if answer.has_head:
                check(answer)
        return answer

    def _open(self, deadline: float) -> socket.socket:
        if self._socket is not None and _is_silent(self._socket):
            return self._socket
        self.close()
        address = (self._target.address, self._target.origin.port)  # no name is looked up here
        family = socket.AF_INET6 if ":" in self._target.address else socket.AF_INET
        self._socket = line = socket.socket(family, socket.SOCK_STREAM)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(_remaining(deadline))
        line.connect(address)
        if self._target.origin.scheme == "https":
            line.settimeout(_remaining(deadline))  # the handshake gets what is left
            context = _tls_context(self._ca_file or certifi.where())
            self._socket = context.wrap_socket(line, server_hostname=self._target.origin.host)
        return self._socket


def _remaining(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time for the whole call is over")
    return seconds


def _is_silent(line: socket.socket) -> bool:
    """Nothing to read between two calls: an end, or what nobody asked for, would show."""
    poll = select.poll()
    poll.register(line.fileno(), select.POLLIN)
    return not poll.poll(0)


@lru_cache(maxsize=8)
def _tls_context(ca_file: str) -> ssl.SSLContext:
    """Reading the authorities takes ten milliseconds or more: once a process."""
    return ssl.create_default_context(cafile=ca_file)
