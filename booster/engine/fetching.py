"""Single calls on the wire: counters are read, and tokens asked for, at the very address that gets
the plays. booster.net.call says what an answer means, as for a call from a thread.

A call is a task of its own, since a site gets few. It takes a turn among the plays that go to the
same place, and is made again after growing pauses while the site says "not now" (retry.ASKING).
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from booster import retry
from booster.engine.calls import CallTurn
from booster.engine.connection import SILENT_SECONDS, is_silent
from booster.engine.interface import Events, Fetched
from booster.engine.wire import KEEP_SECONDS, Wire
from booster.exceptions import SiteError, TemporaryError
from booster.net.address import proved_at
from booster.net.answer import AnswerReader, BrokenConnectionError
from booster.net.call import Call, Response, connection_failed, timed_out

if TYPE_CHECKING:
    from booster.engine.dispatch import Dispatch
    from booster.net.address import ProvedTarget

AT_ONCE = 4


@dataclass(eq=False, slots=True)
class Asking:
    key: int
    call: Call
    tries: int = 0  # so far


class Fetcher:
    """The calls of one channel. Everything runs in the wire's thread."""

    def __init__(
        self, wire: Wire, target: ProvedTarget, events: Events, dispatch: Dispatch
    ) -> None:
        self._wire = wire
        self._target = target
        self._dispatch = dispatch  # of the plays
        self._events = events
        self._queue: deque[Asking] = deque()
        self._put_off: set[Asking] = set()  # meanwhile others are asked
        self._running: dict[asyncio.Task[None], int] = {}
        self._free: dict[ProvedTarget, list[CallConnection]] = {}

    def fetch(self, key: int, call: Call) -> None:
        self._queue.append(Asking(key, call))
        self._start()

    def drop(self, key: int) -> None:
        """Break off this key's calls, and report nothing of them."""
        self._queue = deque(one for one in self._queue if one.key != key)
        self._put_off = {one for one in self._put_off if one.key != key}
        for task in [task for task, other in self._running.items() if other == key]:
            self._leave(task)
            task.cancel()
        self._start()

    def close(self) -> None:
        self._queue.clear()
        self._put_off.clear()
        for task in list(self._running):
            task.cancel()
        self._running.clear()
        for connection in [one for free in self._free.values() for one in free]:
            connection.close()

    def _start(self) -> None:
        while self._queue and len(self._running) < AT_ONCE:
            asking = self._queue.popleft()
            task = self._wire.loop.create_task(self._run(asking))
            self._running[task] = asking.key
            task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        if self._running.pop(task, None) is not None:
            self._start()

    async def _run(self, asking: Asking) -> None:
        try:
            found = await self._ask(asking)
        except Exception as error:  # our own mistake, which nobody else would hear of
            self._events.put(error)
            return
        asking.tries += 1
        pause = retry.pause_before_asking_again(
            found.result.status,
            asking.tries,
            random.random(),  # noqa: S311
            found.result.retry_after if isinstance(found.result, TemporaryError) else None,
        )
        if pause is None:
            self._events.put(found)
        else:
            self._put_off.add(asking)
            self._wire.loop.call_later(pause, self._ask_again, asking)

    def _ask_again(self, asking: Asking) -> None:
        if asking in self._put_off:
            self._put_off.remove(asking)
            self._queue.append(asking)
            self._start()

    async def _ask(self, asking: Asking) -> Fetched:
        target = proved_at(self._target, asking.call.origin)
        async with self._turn(target):
            asked = time.monotonic()
            try:
                result: Response | SiteError = await self._answer(asking.call, target)
            except SiteError as error:
                result = error
            return Fetched(asking.key, result, asked, time.monotonic())

    @asynccontextmanager
    async def _turn(self, target: ProvedTarget) -> AsyncIterator[None]:
        if target != self._dispatch.target:
            yield
            return
        come = asyncio.Event()
        turn = CallTurn(come.set)
        self._dispatch.calls.add(turn)
        try:
            await come.wait()
            yield
        finally:
            self._dispatch.calls.end(turn)

    async def _answer(self, call: Call, target: ProvedTarget) -> Response:
        """A whole answer, within one deadline from connecting to the last byte. SiteError."""
        try:
            async with asyncio.timeout(call.timeout) as deadline:
                return await self._exchange(call, target)
        except OSError as error:
            if deadline.expired():
                raise timed_out(str(target.origin), call.timeout) from error
            tls = isinstance(error, ssl.SSLError)
            raise connection_failed(str(target.origin), error, tls=tls) from error

    async def _exchange(self, call: Call, target: ProvedTarget) -> Response:
        free = self._free.setdefault(target, [])
        if connection := kept_of(free):
            try:
                return await connection.exchange(call)
            except BrokenConnectionError as error:
                if not error.silent:
                    raise
                # It had died while nobody used it: that says nothing of the site.
        connection = CallConnection(target, free)
        try:
            await self._wire.dial(lambda: connection, target, call.timeout)
        except BaseException:
            connection.close()
            raise
        return await connection.exchange(call)


def kept_of(free: list[CallConnection]) -> CallConnection | None:
    """A free connection that shows no sign of its end."""
    while free:
        connection = free[-1]
        connection.leave()
        is_fresh = time.monotonic() - connection.rested < SILENT_SECONDS
        if is_fresh or is_silent(connection.transport):
            return connection
        connection.close()
    return None


class CallConnection(asyncio.Protocol):
    """One connection, one call at a time. It stands in `free` while it waits for the next."""

    def __init__(self, target: ProvedTarget, free: list[CallConnection]) -> None:
        self.transport = cast(asyncio.Transport, None)  # until connected
        self._origin = target.origin
        self._free = free
        self._closing: asyncio.TimerHandle | None = None  # while free
        self.rested = 0.0  # time.monotonic() since when
        self._reader = cast(AnswerReader, None)  # until something is asked
        self._waiter: asyncio.Future[Response] | None = None

    async def exchange(self, call: Call) -> Response:
        """Ask, and wait for the whole answer. SiteError; BrokenConnectionError."""
        self._reader = AnswerReader(call, str(self._origin))
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(call.message(self._origin))
        keep = False
        try:
            response = await self._waiter
            keep = self._reader.keep and not self.transport.is_closing()
            return response
        finally:
            self._waiter = None
            if keep:
                self._rest()
            else:
                self.close()

    def _rest(self) -> None:
        self._free.append(self)
        self.rested = time.monotonic()
        self._closing = asyncio.get_running_loop().call_later(KEEP_SECONDS, self.close)

    def leave(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
            self._free.remove(self)

    def close(self) -> None:
        self.leave()
        if self.transport is not None:
            self.transport.abort()

    # --- the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # nobody asked for it
            return
        self._read(lambda: self._reader.feed(data))

    def eof_received(self) -> None:
        """Without a length, this is where an answer ends; the transport closes itself then."""
        self._read(lambda: self._reader.end())

    def connection_lost(self, error: Exception | None) -> None:
        self.leave()
        self._read(lambda: self._reader.end(error))  # some end TLS without saying so

    def _read(self, read: Callable[[], None]) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        try:
            read()
        except (SiteError, BrokenConnectionError) as error:
            waiter.set_exception(error)
        else:
            if self._reader.response is not None:
                waiter.set_result(self._reader.response)
