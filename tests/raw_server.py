"""A server that says exactly the bytes a test gives it, and counts what reaches it."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Script = Callable[["Connection"], None]


def answer(body: bytes = b"", *, status: str = "200 OK", headers: tuple[str, ...] = ()) -> bytes:
    """A whole HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def always(*answers: bytes) -> Script:
    """The same answers, one a request, for as long as the connection lasts."""

    def script(connection: "Connection") -> None:
        while True:
            for content in answers:
                if not connection.read_request():
                    return
                connection.send(content)

    return script


class Connection:
    """One accepted connection, as a script sees it."""

    def __init__(self, server: "RawServer", sock: socket.socket) -> None:
        self._server = server
        self._sock = sock

    def read_request(self) -> bytes:
        """One request's head (and the body that its Content-Length announces); b"" at the end."""
        request = b""
        while b"\r\n\r\n" not in request:
            if not (data := self._sock.recv(65536)):
                return b""
            request += data
        head, _, body = request.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += self._sock.recv(65536)
        self._server.requests.append(head + b"\r\n\r\n" + body)
        return self._server.requests[-1]

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def drip(self, data: bytes, *, every: float) -> None:
        """Byte by byte, slower than a whole call may last but faster than a read may."""
        for position in range(len(data)):
            self._sock.sendall(data[position : position + 1])
            if self._server.closing.wait(every):
                return

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self._server.closing.wait()


class RawServer:
    """Listens on a free port of 127.0.0.1, or where `address` says; `script` plays each connection,
    then hangs up."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0  # accepted ones: 0 means that nothing was sent here
        self.closing = threading.Event()
        self._script = script or always(answer())
        self._tls = tls
        self._listener = socket.create_server(address)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        for sock in [self._listener, *self._sockets]:
            with suppress(OSError):  # it was closed already
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            self.connections += 1
            self._sockets.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            self._script(Connection(self, sock))
        except (OSError, ValueError):
            pass  # the client went away, or would not speak TLS with us: the test looks at it
        finally:
            sock.close()
