"""A thread's connection to a site, held to one address and one deadline. Law 4 below the client.

Every step on the socket gets what is left of the time for the whole call, so that a slow drip never
starts it again.
"""

import select
import socket
import time

from booster.net.address import Target
from booster.net.tls import context_for

READ_BYTES = 64 * 1024


class PinnedConnection:
    """One at a time, kept for the next call. OSError: what goes wrong; TimeoutError: the time of
    the call is over."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket: socket.socket | None = None
        self._ends = 0.0

    def start(self, seconds: float) -> None:
        """A call begins that may last so long."""
        self._ends = time.monotonic() + seconds

    def open(self) -> bool:
        """Whether one that was kept is used again: open, with nothing to read."""
        if self._socket is not None:
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            if not poll.poll(0):
                return True
            self.close()
        self._socket = self._connected()
        return False

    def send(self, data: bytes) -> None:
        self._timed().sendall(data)

    def receive(self) -> bytes:
        """b"": the site hung up."""
        return self._timed().recv(READ_BYTES)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        origin = self._target.origin
        family = socket.AF_INET6 if ":" in self._target.address else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found.settimeout(self._remaining())
            found.connect((self._target.address, origin.port))  # no name is looked up
            if origin.scheme != "https":
                return found
            found.settimeout(self._remaining())  # a handshake has one time for the whole of it
            context = context_for(self._target.authority)
            return context.wrap_socket(found, server_hostname=origin.host)
        except BaseException:
            found.close()
            raise

    def _timed(self) -> socket.socket:
        assert self._socket is not None
        self._socket.settimeout(self._remaining())
        return self._socket

    def _remaining(self) -> float:
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for the whole call is over")
        return seconds
