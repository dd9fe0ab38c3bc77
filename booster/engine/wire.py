"""The wire: the connections of a process, all in one thread with one event loop.

One timer sweeps time-outs for all; connections rest here between two orders. What a connection
does is in connection.py. Everything but `Wire.current` and `Wire.call` runs in the wire's
thread.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import resource
import select
import ssl
import threading
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

import certifi
import uvloop

from booster.engine.connection import Connection, Destination

if TYPE_CHECKING:
    from booster.engine.dispatch import Dispatch

SWEEP_SECONDS = 0.1
LATE_SECONDS = 0.3  # a sweep so late was held up itself: answers may lie there unread

# Free connections are kept for the next order, for less time than any server keeps them.
KEEP_SECONDS = 2.0
KEEP_MOST = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)


class Wire:
    """The thread, its loop, and the connections that rest between two orders."""

    _current: Wire | None = None
    _inherited: ClassVar[list[Wire | None]] = []
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.loop.set_exception_handler(self._crash)
        self.dispatches: set[Dispatch] = set()
        self._resting: dict[Destination, dict[Connection, None]] = {}
        self._rested = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._swept = 0.0
        self._was_late = False
        self._thread = threading.Thread(target=self._run, name="booster-wire", daemon=True)
        self._thread.start()

    @classmethod
    def current(cls) -> Wire:
        """This process's wire, started when first asked for and again in a forked child."""
        with cls._lock:
            if cls._current is None:
                cls._current = cls()
            return cls._current

    @classmethod
    def forget_parents(cls) -> None:
        """In a forked child: the thread did not come along, and the sockets are the parent's."""
        cls._lock = threading.Lock()
        cls._inherited.append(cls._current)  # taking it apart would disturb the parent's epoll
        cls._current = None

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have it called in the wire's thread, soon."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def check(self) -> None:
        """RuntimeError when the thread is gone: nobody would ever answer then."""
        if not self._thread.is_alive():
            raise RuntimeError("the wire's thread has ended")

    def stop(self) -> None:
        """At the interpreter's end: a daemon thread in C code would hinder it."""
        self.call(self.loop.stop)
        self._thread.join(1.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _crash(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of ours in a callback: whom it hit cannot be told, so all are told."""
        error = context.get("exception") or RuntimeError(context["message"])
        for dispatch in list(self.dispatches):
            dispatch.results.put(error)

    # --- dispatches and their connections

    def admit(self, dispatch: Dispatch) -> None:
        self.dispatches.add(dispatch)
        self._keep_sweeping()

    def dismiss(self, dispatch: Dispatch) -> None:
        self.dispatches.discard(dispatch)

    def connect(self, dispatch: Dispatch) -> Connection:
        """A connection for this dispatch, rested or new; it reports to `connected` or `gone`."""
        while resting := self._resting.get(dispatch.destination):
            connection = next(reversed(resting))  # the one that rested last
            self.forget(connection)
            if _is_silent(connection.transport):
                connection.dispatch = dispatch
                self.loop.call_soon(dispatch.connected, connection)
                return connection
            connection.close()
        connection = Connection(self, dispatch)
        connection.opening = self.loop.create_task(self._open(connection, dispatch))
        return connection

    async def _open(self, connection: Connection, dispatch: Dispatch) -> None:
        target, ca_file = dispatch.destination
        options: dict[str, Any] = {}
        if target.origin.scheme == "https":
            options = {
                "ssl": tls_context(ca_file or certifi.where()),
                "server_hostname": target.origin.host,
                "ssl_handshake_timeout": dispatch.limits.connect_timeout,
                "ssl_shutdown_timeout": 1.0,
            }
        try:
            # A numeric address: no name is looked up here.
            await self.loop.create_connection(
                lambda: connection, target.address, target.origin.port, **options
            )
        except OSError as error:
            connection.opening = None
            if connection.dispatch is not None:
                connection.dispatch.refused(connection, error)

    def rest(self, connection: Connection) -> None:
        """Keep a free connection for the next order on its site."""
        connection.dispatch = None
        connection.sent = monotonic()
        if self._rested < KEEP_MOST:
            self._rested += 1
            self._resting.setdefault(connection.destination, {})[connection] = None
            self._keep_sweeping()
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        resting = self._resting.get(connection.destination)
        if resting is not None and connection in resting:
            del resting[connection]
            self._rested -= 1
            if not resting:
                del self._resting[connection.destination]

    def _keep_sweeping(self) -> None:
        if self._sweeper is None:
            self._swept = monotonic()
            self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = monotonic()
        seconds, self._swept = now - self._swept, now
        # Once only: where every sweep is late, time-outs must come all the same.
        self._was_late = late = seconds > LATE_SECONDS and not self._was_late
        for dispatch in list(self.dispatches):
            dispatch.tick(now, seconds, late)
        for resting in list(self._resting.values()):
            for connection in [one for one in resting if now - one.sent > KEEP_SECONDS]:
                connection.close()
        self._sweeper = None  # nothing to sweep: an idle process sleeps
        if self.dispatches or self._resting:
            self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)


@lru_cache(maxsize=8)
def tls_context(ca_file: str) -> ssl.SSLContext:
    """Reading the authorities takes ten milliseconds or more: once a process."""
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_silent(transport: asyncio.Transport) -> bool:
    """Open, with nothing to read: an end or a reset that the loop has not seen yet would show."""
    if transport.is_closing():
        return False
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return not poll.poll(0)


def _stop() -> None:
    if Wire._current is not None:
        Wire._current.stop()


os.register_at_fork(after_in_child=Wire.forget_parents)
atexit.register(_stop)
