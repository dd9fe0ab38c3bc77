"""One client's connection: HTTP/1.1 by callbacks, requests answered at once, inside the read."""

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from .messages import Answer, Request

if TYPE_CHECKING:
    from .server import Server

MAX_HEAD = 32 * 1024
MAX_BODY = 64 * 1024
MAX_MESSAGE = 512 * 1024  # as sent: with chunk sizes and trailers
IDLE_SECONDS = 75.0  # between requests
REQUEST_SECONDS = 20.0  # from a request's first byte to its last
CLOSE_SECONDS = 20.0  # for a client to read the last answer
LINGER_SECONDS = 2.0  # for a refused client to read why

# One for all connections: what was read is parsed before control goes back to the loop.
READ_BUFFER = memoryview(bytearray(16 * 1024))


class Connection(asyncio.BufferedProtocol):
    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # until connected
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()  # the one that is being read
        self._in_head = True
        self._bytes = 0  # read of it
        self._serving = self._request  # the one that is being answered
        self._closing = False
        self._since = server.now  # a request's first byte, or the decision to close
        self._patience = CLOSE_SECONDS  # when closing

    # --- the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
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
        elif b"expect" in request.headers:
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
        self._serve(request)

    # --- answering

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

    def close(self) -> None:
        """Close when what was written is out."""
        self._closing = True
        self._since = self._server.now
        self._transport.close()

    # --- what the server needs

    def sweep(self, now: float) -> None:
        silent = now - self._since
        if self._closing:
            if silent > self._patience:
                self._transport.abort()
        elif self._bytes:
            if silent > REQUEST_SECONDS:
                self._refuse(408)
        elif silent > IDLE_SECONDS:
            self.close()

    def finish(self) -> None:
        """The server stops: close now when idle, else after the present answer."""
        if not self._bytes:
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
        self.send(self._server.site.serve(request))
        if not request.keep_alive:
            self.close()

    def _refuse(self, status: int) -> None:
        """Say why, and take nothing more. The sending half is closed first: closing both with
        unread bytes would reset the connection and could take the answer from the client."""
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
