"""One order on a channel of its own, sent to its end in the caller's thread."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from booster.engine import Channel, Events, Limits, Tally, Window, WindowEnded
from booster.exceptions import SiteError
from booster.net.address import ProvedTarget
from booster.net.play import PlayRequest

POLL_SECONDS = 0.05
KEY = 1  # of the one order


def add(total: Tally, tally: Tally) -> None:
    """To the sum of windows so far."""
    total.counted += tally.counted
    total.refused += tally.refused
    total.not_sent += tally.not_sent
    total.uncertain += tally.uncertain
    for status, answers in tally.statuses.items():
        total.statuses[status] = total.statuses.get(status, 0) + answers
    total.halted = total.halted or tally.halted


class WindowStore(Protocol):
    """Where an order's windows are kept. Called in the caller's thread only, one call at a time,
    while the wire goes on. Whatever is raised (a lost lease) stops the wire at once and leaves
    deliver()."""

    def reserve(self) -> Window | None:
        """The next window; None: nothing more to send (for now)."""

    def checkpoint(self, window: Window, tally: Tally) -> Window | None:
        """Record a whole ended window, in the order of reservation, and reserve the next.

        None as above, also when `tally.halted`: what is reserved then comes back unsent.
        """


@dataclass(slots=True)
class Report:
    tally: Tally
    stopped: str  # "drained" | "stopped" | "refused" | "unavailable" | "expired"
    reason: SiteError | None  # None when drained
    retry_after: float | None  # seconds the site asked for last, if it did
    seconds: float


def deliver(
    target: ProvedTarget,
    play: PlayRequest,
    windows: WindowStore,
    limits: Limits,
    should_stop: Callable[[], bool],
) -> Report:
    """Send plays to the target until there are no windows, the site refuses, or we shall stop.

    Every reserved window is checkpointed exactly once, except after `windows` raised. When it
    returns or raises, nothing more is sent. `should_stop` is asked about every 50 ms. ValueError: a
    play that must not be sent.
    """
    events: Events = SimpleQueue()
    channel = Channel(target, limits, events)
    try:
        channel.open(KEY, play)
        return _Run(channel, events, should_stop).drain(windows)
    finally:
        channel.close()


class _Run:
    """One order's way through its windows."""

    def __init__(self, channel: Channel, events: Events, should_stop: Callable[[], bool]) -> None:
        self._channel = channel
        self._events = events
        self._should_stop = should_stop
        self._order = channel._orders[KEY]
        self._poll_at = self._began = time.monotonic()
        self._outstanding: deque[Window] = deque()
        self._ended: dict[Window, Tally] = {}

    def drain(self, windows: WindowStore) -> Report:
        total = Tally()
        window = windows.reserve()
        if window is not None:
            self._send(window)  # is on its way while the second is being reserved
            window = windows.reserve()
        while True:
            if window is not None:
                self._send(window)
            if not self._outstanding:
                break
            oldest = self._outstanding.popleft()  # they are checkpointed in order
            tally = self._wait_for(oldest)
            tally.halted = tally.halted or bool(self._order.stopped)
            add(total, tally)
            window = windows.checkpoint(oldest, tally)
        order = self._order
        seconds = time.monotonic() - self._began
        return Report(total, order.stopped or "drained", order.reason, order.retry_after, seconds)

    def _send(self, window: Window) -> None:
        self._channel.send(KEY, window)
        self._outstanding.append(window)

    def _wait_for(self, window: Window) -> Tally:
        while window not in self._ended:
            now = time.monotonic()
            if now >= self._poll_at:
                self._poll_at = now + POLL_SECONDS
                if not self._order.stopped and self._should_stop():
                    self._channel.halt(KEY)
                self._channel.check()
            try:
                event = self._events.get(timeout=self._poll_at - now)
            except Empty:
                continue
            if isinstance(event, BaseException):
                raise RuntimeError("the engine failed") from event
            if isinstance(event, WindowEnded):
                self._ended[event.window] = event.tally
        return self._ended.pop(window)
