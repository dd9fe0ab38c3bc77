"""A connection whose answers may go wrong.

It is either free, or held while a fault delays its answer: requests that arrive meanwhile wait in
line.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from booster.demosite.connection import Connection
from booster.demosite.messages import Request

from .misbehaviour import misbehave

if TYPE_CHECKING:
    from .server import FaultyDemoServer

MAX_WAITING = 1000


class FaultyConnection(Connection):
    _server: FaultyDemoServer

    def __init__(self, server: FaultyDemoServer) -> None:
        super().__init__(server)
        self._peer = ("", 0)
        self._waiting: deque[Request] = deque()
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._peer = (transport.get_extra_info("peername") or self._peer)[:2]
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(error)

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

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def reset(self) -> None:
        """Close with RST, so that the client sees a broken connection and not an end."""
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._closing = True
        self._transport.abort()

    # --- what the server does while an answer is held

    def sweep(self, now: float) -> None:
        """A held connection waits as long as it must."""
        if self._closing or not self._held:
            super().sweep(now)

    def finish(self) -> None:
        if not self._held:
            super().finish()

    def _serve(self, request: Request) -> None:
        if not self._held:
            self._answer(request)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(request)
        else:
            self._transport.abort()

    def _answer(self, request: Request) -> None:
        site = self._server.site
        site.peer = self._peer
        fault = site.strike(request)
        if fault is None:
            super()._serve(request)
            return
        self._serving = request
        misbehave(self, fault, site.serve_with(fault, request))

    def _refuse(self, status: int) -> None:
        if self._held:
            self._transport.abort()  # its turn to be answered has not come
        else:
            super()._refuse(status)
