"""The wire: the connections of a process, all in one thread with one event loop.

One timer sweeps time-outs for all; connections rest here between two channels. Everything but
`Wire.current` and `Wire.call` runs in the wire's thread.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import resource
import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

import uvloop

from booster.engine.connection import Connection, is_silent
from booster.net.tls import context_for

if TYPE_CHECKING:
    from booster.engine.dispatch import Dispatch
    from booster.engine.interface import Events
    from booster.net.address import ProvedTarget

SWEEP_SECONDS = 0.1
LATE_SECONDS = 0.3  # a sweep so late was held up itself: answers may lie there unread

# Free connections are kept for the next play, for less time than any server keeps them.
KEEP_SECONDS = 2.0
KEEP_MOST = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)


class Wire:
    _current: Wire | None = None
    _inherited: ClassVar[list[Wire | None]] = []
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.loop.set_exception_handler(self._crash)
        self._reported: list[Events] = []  # to whom a mistake of ours is told, once a channel
        self._awake: set[Dispatch] = set()  # with something to look at
        self._resting: dict[ProvedTarget, dict[Connection, None]] = {}
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

    @classmethod
    def stop(cls) -> None:
        """At the interpreter's end: a daemon thread in C code would hinder it."""
        if (wire := cls._current) is not None:
            wire.call(wire.loop.stop)
            wire._thread.join(1.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _crash(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of ours in a callback: whom it hit cannot be told, so all are told."""
        error = context.get("exception") or RuntimeError(context["message"])
        for events in {id(events): events for events in self._reported}.values():
            events.put(error)

    # --- dispatches and their connections

    def open(self, events: Events) -> None:
        self._reported.append(events)

    def close(self, dispatch: Dispatch, events: Events) -> None:
        self._reported.remove(events)
        self._awake.discard(dispatch)

    def wake(self, dispatch: Dispatch) -> None:
        """Come by, until the dispatch has nothing more to look at."""
        self._awake.add(dispatch)
        self._keep_sweeping()

    def connect(self, dispatch: Dispatch) -> Connection:
        """A connection for this dispatch, rested or new; it reports to `connected` or `gone`."""
        while resting := self._resting.get(dispatch.target):
            connection = next(reversed(resting))  # the one that rested last
            self.forget(connection)
            if is_silent(connection.transport):
                connection.dispatch = dispatch
                self.loop.call_soon(dispatch.connected, connection)
                return connection
            connection.close()
        connection = Connection(self, dispatch)
        connection.opening = self.loop.create_task(self._open(connection, dispatch))
        return connection

    async def _open(self, connection: Connection, dispatch: Dispatch) -> None:
        try:
            seconds = dispatch.limits.connect_timeout
            await self.dial(lambda: connection, dispatch.target, seconds)
        except OSError as error:
            connection.opening = None
            if connection.dispatch is not None:
                connection.dispatch.refused(connection, error)

    async def dial(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        target: ProvedTarget,
        connect_timeout: float,
    ) -> None:
        """Connect to the target's numeric address, under its own name. OSError."""
        options: dict[str, Any] = {}
        if target.origin.scheme == "https":
            options = {
                "ssl": context_for(target.authority),
                "server_hostname": target.origin.host,
                "ssl_handshake_timeout": connect_timeout,
                "ssl_shutdown_timeout": 1.0,
            }
        # A numeric address: no name is looked up here.
        await self.loop.create_connection(protocol, target.address, target.origin.port, **options)

    def rest(self, connection: Connection) -> None:
        connection.dispatch = None
        connection.sent = monotonic()
        if self._rested < KEEP_MOST:
            self._rested += 1
            self._resting.setdefault(connection.target, {})[connection] = None
            self._keep_sweeping()
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        resting = self._resting.get(connection.target)
        if resting is not None and connection in resting:
            del resting[connection]
            self._rested -= 1
            if not resting:
                del self._resting[connection.target]

    def _keep_sweeping(self) -> None:
        if self._sweeper is None:
            self._swept = monotonic()
            self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = monotonic()
        seconds, self._swept = now - self._swept, now
        # Once only: where every sweep is late, time-outs must come all the same.
        self._was_late = late = seconds > LATE_SECONDS and not self._was_late
        for dispatch in list(self._awake):
            if not dispatch.tick(now, seconds, late):
                self._awake.discard(dispatch)
        for resting in list(self._resting.values()):
            for connection in [one for one in resting if now - one.sent > KEEP_SECONDS]:
                connection.close()
        self._sweeper = None  # nothing to sweep: an idle process sleeps
        if self._awake or self._resting:
            self._sweeper = self.loop.call_later(SWEEP_SECONDS, self._sweep)


os.register_at_fork(after_in_child=Wire.forget_parents)
atexit.register(Wire.stop)
