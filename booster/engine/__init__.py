"""The engine: N plays of one request, fast, each ending in exactly one named outcome.

`deliver()` stands between two threads. The caller's owns the order's windows and its database
connection: here they are reserved and checkpointed. The wire's (wire.py) sends: it always has
the next window already, so that it never waits for the database, and it decides by itself which
play is next and what an answer means (dispatch.py).

No Django, no model: plain values in, honest counts out. Law 3: a 2xx says "received" and no more.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from threading import Event
from typing import Protocol

from booster.engine.batch import Batch, Outcome
from booster.engine.dispatch import Dispatch
from booster.engine.message import Message
from booster.engine.wire import Wire
from booster.exceptions import Code, SiteError
from booster.net.address import Target
from booster.net.play import PlayRequest

__all__ = ["Limits", "Report", "Tally", "Target", "Window", "WindowStore", "deliver"]

POLL_SECONDS = 0.05
ABORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """Plays numbered first .. first + count - 1."""

    first: int
    count: int  # at least 1
    expires: float  # time.monotonic() after which nothing more of it is sent (the lease)
    rate: float | None = None  # plays a second from here on, where Limits has a rate


@dataclass(slots=True)
class Tally:
    """How the plays of one window or of a run ended: each in exactly one of the four counts."""

    counted: int = 0  # answered with a counted status
    refused: int = 0  # answered, surely not counted (4xx, 429, 503 with Retry-After, redirect)
    not_sent: int = 0  # no byte of it left
    uncertain: int = 0  # bytes left, no full answer; or an answer that proves nothing (5xx)
    statuses: dict[int, int] = field(default_factory=dict)  # of all answers, also to plays resent
    halted: bool = False  # the wire has stopped: a window reserved now would come back unsent

    def add(self, other: "Tally") -> None:
        self.counted += other.counted
        self.refused += other.refused
        self.not_sent += other.not_sent
        self.uncertain += other.uncertain
        for status, answers in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + answers
        self.halted = self.halted or other.halted

    @property
    def ended(self) -> int:
        return self.counted + self.refused + self.not_sent + self.uncertain


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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a site is asked to bear, and how long we wait for it. Seconds and bytes."""

    connections: int = 64
    rate: float | None = None  # plays a second
    connect_timeout: float = 5.0
    first_byte_timeout: float = 10.0
    answer_timeout: float = 30.0
    max_header_bytes: int = 16384
    max_body_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        if self.connections < 1:
            raise ValueError(f"not a number of connections: {self.connections}")
        if self.rate is not None and not self.rate > 0:
            raise ValueError(f"not a rate: {self.rate}")


@dataclass(slots=True)
class Report:
    tally: Tally
    stopped: str  # "drained" | "stopped" | "refused" | "unavailable" | "expired"
    reason: SiteError | None  # None when drained
    retry_after: float | None  # seconds the site asked for last, if it did
    seconds: float


def deliver(
    target: Target,
    play: PlayRequest,
    windows: WindowStore,
    limits: Limits,
    should_stop: Callable[[], bool],
    *,
    ca_file: str | None = None,
) -> Report:
    """Send plays to the target until there are no windows, the site refuses, or we shall stop.

    Every reserved window is checkpointed exactly once, except after `windows` raised. When it
    returns or raises, nothing more is sent. `should_stop` is asked about every 50 ms. `ca_file`:
    authorities to trust instead of the public ones. ValueError: a play that must not be sent.
    """
    began = time.monotonic()
    message = Message(target.origin, play)
    total = Tally()
    window = windows.reserve()
    if window is None:
        return Report(total, "drained", None, None, time.monotonic() - began)
    wire = Wire.current()
    dispatch = Dispatch(wire, (target, ca_file), message, play.counted, play.idempotent, limits)
    outstanding = deque([Batch(window)])
    wire.call(dispatch.start)
    wire.call(dispatch.add, outstanding[0])  # is on its way while the second is being reserved
    try:
        window = windows.reserve()
        while True:
            if window is not None:
                outstanding.append(Batch(window))
                wire.call(dispatch.add, outstanding[-1])
            if not outstanding:
                break
            _wait(wire, dispatch, outstanding[0], should_stop)
            batch = outstanding.popleft()
            tally = _tally(batch, dispatch)
            total.add(tally)
            window = windows.checkpoint(batch.window, tally)
    except BaseException:
        _abort(wire, dispatch)
        raise
    wire.call(dispatch.close)
    return Report(
        total,
        dispatch.stopped or "drained",
        dispatch.reason,
        dispatch.retry_after,
        time.monotonic() - began,
    )


def _wait(wire: Wire, dispatch: Dispatch, batch: Batch, should_stop: Callable[[], bool]) -> None:
    """Until the batch has ended; windows are checkpointed in the order of their reservation."""
    poll_at = time.monotonic()
    while not batch.ended:
        now = time.monotonic()
        if now >= poll_at:
            poll_at = now + POLL_SECONDS
            if not dispatch.stopped and should_stop():
                wire.call(dispatch.halt, "stopped", SiteError(Code.ORDER_STOPPED))
            wire.check()
        try:
            result = dispatch.results.get(timeout=poll_at - now)
        except Empty:
            continue
        if isinstance(result, BaseException):
            raise RuntimeError("the engine failed") from result


def _tally(batch: Batch, dispatch: Dispatch) -> Tally:
    other = batch.other
    good = batch.window.count - sum(other.values())
    statuses = dict(batch.statuses)
    if good:
        statuses[batch.good] = statuses.get(batch.good, 0) + good
    return Tally(
        counted=other[Outcome.COUNTED] + good,
        refused=other[Outcome.REFUSED],
        not_sent=other[Outcome.NOT_SENT],
        uncertain=other[Outcome.UNCERTAIN],
        statuses=statuses,
        halted=bool(dispatch.stopped),
    )


def _abort(wire: Wire, dispatch: Dispatch) -> None:
    """Break off what is in flight, and be sure of it before the caller goes on."""
    done = Event()
    wire.call(dispatch.close)
    wire.call(done.set)
    done.wait(ABORT_SECONDS)
