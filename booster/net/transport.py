"""requests' transport held to one address and one deadline. Law 4 below the client.

What a call may cost is decided once, for the whole of it: every step on the socket gets what is
left. What a call may reach is decided before it: every connection goes to the numeric address its
`Target` was resolved to, under the site's own name (Host header, SNI, certificate).
"""

import socket
import ssl
import time
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from booster.net.address import Target
from booster.net.tls import new_context

MAX_LINE = 65_536


class CallUnderWay:
    """The call under way: when it must have ended and whether the site hung up. Shared by a
    client and its sockets."""

    __slots__ = ("_at", "hung_up")

    def __init__(self) -> None:
        self._at = 0.0
        self.hung_up = False

    def start(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self.hung_up = False

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self._at

    def remaining(self) -> float:
        seconds = self._at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for the whole call is over")
        return seconds


class PinnedAdapter(HTTPAdapter):
    """requests' transport with one pool in it, whatever address a request names."""

    def __init__(self, target: Target, call: CallUnderWay) -> None:
        origin = target.origin
        pinned: dict[str, Any] = {"maxsize": 1, "target": target, "call": call}
        self._pool: HTTPConnectionPool
        if origin.scheme == "https":
            self._pool = HTTPSConnectionPool(
                origin.host, origin.port, ssl_context=_tls_context(target.authority), **pinned
            )
            self._pool.ConnectionCls = _PinnedHTTPS
        else:
            self._pool = HTTPConnectionPool(origin.host, origin.port, **pinned)
            self._pool.ConnectionCls = _Pinned
        self._base_length = len(str(origin))
        super().__init__(pool_connections=1, pool_maxsize=1)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """The path exactly as it was checked, not read and written again."""
        return cast(str, request.url)[self._base_length :]

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to set: the pool's TLS context verifies, always."""

    def close(self) -> None:
        self._pool.close()


class _Answer(HTTPResponse):
    """After hints of what is to come (102, 103), which http.client takes for the answer itself."""

    def _read_status(self) -> tuple[str, int, str]:
        found = super()._read_status()  # type: ignore[misc]
        while found[1] in (102, 103):
            while self.fp.readline(MAX_LINE) not in (b"\r\n", b"\n", b""):
                pass
            found = super()._read_status()  # type: ignore[misc]
        return cast(tuple[str, int, str], found)


class _Pinned(HTTPConnection):
    """Connects to the address of `target`; the Host header is that of `host`, the site's name."""

    response_class = _Answer

    def __init__(self, *args: Any, target: Target, call: CallUnderWay, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._target = target
        self._call = call

    def _new_conn(self) -> socket.socket:
        """With the errors that urllib3 expects of a connection."""
        try:
            return _connect(self._target, self._call)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class _PinnedHTTPS(_Pinned, HTTPSConnection):
    """TLS to the pinned address; SNI and certificate are those of `host`, the site's name."""

    def connect(self) -> None:
        super().connect()
        tls = cast(_TLSSocket, self.sock)  # our context makes no other
        tls.call = self._call


def _connect(target: Target, call: CallUnderWay) -> socket.socket:
    """A connection to the target's numeric address; no name is looked up."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    connection = _Socket(family, socket.SOCK_STREAM)
    connection.call = call
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(call.remaining())
        connection.connect((target.address, target.origin.port))
        connection.settimeout(call.remaining())  # a TLS handshake gets what is left
    except BaseException:
        connection.close()
        raise
    return connection


class _Socket(socket.socket):
    """A socket's own time-out starts again at every read, which a slow drip never lets run out:
    each step gets what is left of the whole call instead."""

    call: CallUnderWay

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.call.remaining())
        size = super().recv_into(*args, **kwargs)
        if size == 0:
            self.call.hung_up = True
        return size

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(self.call.remaining())
        super().sendall(*args, **kwargs)


class _TLSSocket(_Socket, ssl.SSLSocket):
    """A TLS connection. Its `call` is set once the handshake, timed by OpenSSL, is over."""


@lru_cache(maxsize=64)
def _tls_context(authority: str) -> ssl.SSLContext:
    """Reading the authorities takes ten milliseconds or more: once a process."""
    context = new_context(authority)
    context.sslsocket_class = _TLSSocket
    return context
