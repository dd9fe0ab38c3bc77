"""One client's connection: HTTP/1.1 by callbacks, answers in the order of the requests.

A connection is either free, or held while a fault delays its answer: requests that arrive
meanwhile wait in line. Everything else is answered at once, inside the read.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httptools

from .messages import Answer, Request
from .misbehaviour import misbehave

if TYPE_CHECKING:
    from .server import Server

MAX_HEAD = 32 * 1024
MAX_BODY = 64 * 1024
MAX_MESSAGE = 512 * 1024  # as sent: with chunk sizes and trailers
MAX_WAITING = 1000
IDLE_SECONDS = 75.0  # between requests
REQUEST_SECONDS = 20.0  # from a request's first byte to its last
CLOSE_SECONDS = 20.0  # for a client to read the last answer
LINGER_SECONDS = 2.0  # for a refused client to read why

# One for all connections: what was read is parsed before control goes back to the loop.
READ_BUFFER = memoryview(bytearray(16 * 1024))


class Connection(asyncio.BufferedProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._peer = ("", 0)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # until connected
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()  # the one that is being read
        self._in_head = True
        self._bytes = 0  # read of it
        self._serving = self._request  # the one that is being answered
        self._waiting: deque[Request] = deque()
        self._held = False
        self._closing = False
        self._since = server.now  # a request's first byte, or the decision to close
        self._patience = CLOSE_SECONDS  # when closing
        self._timer: asyncio.TimerHandle | None = None

    # --- the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = (transport.get_extra_info("peername") or self._peer)[:2]
        if not self._server.admit(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._server.forget(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return READ_BUFFER

    def buffer_updated(self, size: int) -> None:
        if self._closing:
            return
        self._bytes += size
        self._parse(READ_BUFFER[:size])
        if self._bytes > MAX_HEAD and not self._closing:
            if self._in_head:
                self._refuse(431)
            elif self._bytes > MAX_MESSAGE:
                self._refuse(413)

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    # --- the parser's callbacks

    def on_url(self, part: bytes) -> None:
        self._since = self._server.now
        self._request.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers of a chunked body say nothing that we need
            self._request.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._closing:
            return
        request = self._request
        request.method = self._parser.get_method()
        if int(request.headers.get(b"content-length", b"0")) > MAX_BODY:
            self._refuse(413)
        elif b"host" not in request.headers and self._parser.get_http_version() == "1.1":
            self._refuse(400)
        elif b"expect" in request.headers and not self._held:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        self._request.body += part
        if len(self._request.body) > MAX_BODY and not self._closing:
            self._refuse(413)

    def on_message_complete(self) -> None:
        if self._closing:
            return
        request = self._request
        request.keep_alive = self._parser.should_keep_alive()
        self._request = Request()
        self._in_head = True
        self._bytes = 0
        if not self._held:
            self._serve(request)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(request)
        else:
            self._transport.abort()

    # --- what faults need

    def hold(self) -> None:
        """Answer nothing further until `release`."""
        self._held = True

    def release(self) -> None:
        self._held = False
        if self._closing:
            return
        if not self._serving.keep_alive:
            self.close()
        while self._waiting and not self._held and not self._closing:
            self._serve(self._waiting.popleft())

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Do it after a while, unless the connection is gone by then."""
        self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def head(self, answer: Answer) -> bytes:
        request = self._serving
        if self._server.stopping:
            request.keep_alive = False
        connection = b""
        if not request.keep_alive:
            connection = b"Connection: close\r\n"
        elif b"connection" in request.headers:
            connection = b"Connection: keep-alive\r\n"  # HTTP/1.0 wants to be told
        return answer.head(self._server.date, connection)

    def send(self, answer: Answer) -> None:
        head = self.head(answer)
        self._transport.write(head if self._serving.method == b"HEAD" else head + answer.body)

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def close(self) -> None:
        """Close when what was written is out."""
        self._closing = True
        self._since = self._server.now
        self._transport.close()

    def reset(self) -> None:
        """Close with RST, so that the client sees a broken connection and not an end."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._closing = True
        self._transport.abort()

    # --- what the server needs

    def sweep(self, now: float) -> None:
        """Close what has been silent for too long. A held connection waits as long as it must."""
        silent = now - self._since
        if self._closing:
            if silent > self._patience:
                self._transport.abort()
        elif self._held:
            return
        elif self._bytes:
            if silent > REQUEST_SECONDS:
                self._refuse(408)
        elif silent > IDLE_SECONDS:
            self.close()

    def finish(self) -> None:
        """The server stops: close now when idle, else after the present answer."""
        if not self._held and not self._bytes:
            self.close()

    def abort(self) -> None:
        self._transport.abort()

    # --- the way of a request

    def _parse(self, data: memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing to upgrade to: what follows is plain HTTP/1.1, as if it had not been asked.
            offset = int(upgrade.args[0])
            if offset < len(data) and not self._closing:
                self._parse(data[offset:])
        except httptools.HttpParserCallbackError:
            raise  # a mistake of ours: the loop logs it with its cause
        except httptools.HttpParserError:
            if not self._closing:
                self._refuse(400)

    def _serve(self, request: Request) -> None:
        self._serving = request
        request.peer = self._peer
        answer = self._server.site.serve(request)
        if answer.fault is not None:
            misbehave(self, answer.fault, answer)
            return
        self.send(answer)
        if not request.keep_alive:
            self.close()

    def _refuse(self, status: int) -> None:
        """Say why, and take nothing more from this connection.

        The sending half is closed first: closing both with unread bytes would reset the
        connection and could take the answer away from the client.
        """
        if self._held:
            self._transport.abort()  # its turn to be answered has not come
            return
        self._closing = True
        self._since = self._server.now
        self._patience = LINGER_SECONDS
        answer = Answer.error(status)
        head = answer.head(self._server.date, b"Connection: close\r\n")
        self._transport.write(head + answer.body)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
