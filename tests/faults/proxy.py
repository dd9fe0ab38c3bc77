"""A network between a consumer and its database that stops carrying anything without closing a
connection, as a broken switch does."""

import selectors
import socket
import threading
from collections.abc import Iterable
from typing import Self


class Proxy:
    """Forwards connections to a port of 127.0.0.1, in a thread of its own."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._stops_before = self._after = b""
        self._told: set[socket.socket] = set()
        self._ends = False
        self._peers: dict[socket.socket, socket.socket] = {}
        self._waiting: dict[socket.socket, bytes] = {}
        self._thread = threading.Thread(target=self._forward, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends = True
        self._thread.join()
        for one in (self._listener, *self._peers):
            one.close()

    @property
    def is_cut(self) -> bool:
        return not self._flows.is_set()

    def cut(self) -> None:
        self._flows.clear()

    def cut_before(self, text: bytes, *, after: bytes) -> None:
        """Cut as a client that said `after` says this next; it is not carried any more."""
        self._stops_before, self._after = text, after

    def heal(self) -> None:
        """What waited is carried now."""
        self._flows.set()

    def _forward(self) -> None:
        while not self._ends:
            if self.is_cut:
                # What is sent meanwhile, and who connects, waits in the system's buffers.
                self._flows.wait(0.02)
                continue
            self._carry_waiting()
            for one in self._readable():
                if self.is_cut:
                    break
                if one is self._listener:
                    self._connect()
                elif one in self._peers:
                    self._carry(one)

    def _readable(self) -> Iterable[socket.socket]:
        with selectors.DefaultSelector() as selector:
            for one in (self._listener, *self._peers):
                selector.register(one, selectors.EVENT_READ)
            return [key.fileobj for key, _mask in selector.select(0.02)]  # type: ignore[misc]

    def _connect(self) -> None:
        client, _address = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self.to_port))
        except OSError:
            client.close()
            return
        self._peers[client], self._peers[server] = server, client

    def _carry(self, one: socket.socket) -> None:
        try:
            data = one.recv(1 << 16)
        except OSError:
            data = b""
        if self._stops_before and self._after in data:
            self._told.add(one)
        if one in self._told and self._stops_before and self._stops_before in data:
            self._stops_before = b""
            self._waiting[one] = data
            self.cut()
        elif data:
            self._send(one, data)
        else:
            self._drop(one)

    def _carry_waiting(self) -> None:
        for one, data in self._waiting.items():
            if one in self._peers:
                self._send(one, data)
        self._waiting.clear()

    def _send(self, one: socket.socket, data: bytes) -> None:
        try:
            self._peers[one].sendall(data)
        except OSError:
            self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        other = self._peers.pop(one)
        self._peers.pop(other)
        one.close()
        other.close()
