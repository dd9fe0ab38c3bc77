"""Which play goes out next, and how each ends. One Dispatch a `deliver()`, on the wire.

Each play ends in exactly one outcome. What surely was not counted (never sent, or so answered: see
answers.py) is sent again, a few times; what may have been counted only where the site knows a play
sent again. A play that was once in doubt stays in doubt unless it is counted.
"""

from __future__ import annotations

import asyncio
import heapq
import ssl
import time
from collections import deque
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from booster.engine import answers
from booster.engine.batch import Batch, Outcome
from booster.engine.connection import Connection, Destination
from booster.engine.health import SiteHealth
from booster.engine.message import Message
from booster.engine.rate import TokenBucket
from booster.engine.wire import Wire
from booster.exceptions import SiteCode, SiteError

if TYPE_CHECKING:
    from booster.engine import Limits

TRIES = 5
RETRY_SECONDS = 0.1  # doubled with each try
PATIENCE_SECONDS = 5.0  # a longer Retry-After is not waited for here
GRACE_SECONDS = 2.0  # for plays in flight when all stops
FAILED_CONNECTIONS = 3
SHORTEST_TIMER = 0.002
LARGE_PLAY = 16 * 1024  # surely fits into a socket's empty buffer
NONE_YET = -1  # unlike every status, and unlike the 0 of a connection without a whole answer
Retry = tuple[float, int, int, bool, Outcome, Batch]


class Dispatch:
    """The plays of one order on their way. `results` gets a Batch as its last play ends, an
    exception if we are at fault, and None when something else happened worth a look."""

    __slots__ = (
        *("_bad", "_batches", "_bucket", "_connect_at", "_connections", "_deadline"),
        *("_failed_connections", "_finished", "_health", "_idempotent", "_idle", "_live"),
        *("_message", "_opening", "_retries", "_timer", "_wire", "batch", "counted", "data"),
        *("destination", "digits", "expires", "good", "limit", "limits", "next", "parts"),
        *("reason", "results", "retry_after", "roomy", "stopped"),
    )

    def __init__(
        self,
        wire: Wire,
        destination: Destination,
        message: Message,
        counted: frozenset[int],
        idempotent: bool,
        limits: Limits,
    ) -> None:
        self.destination = destination
        self.limits = limits
        self.counted = counted
        self.results: SimpleQueue[Batch | BaseException | None] = SimpleQueue()
        self.stopped = ""
        self.reason: SiteError | None = None
        self.retry_after: float | None = None

        # What the hot path reads. `next` .. `limit` are plays that may start now, of `batch`.
        self.batch: Batch | None = None
        self.next = self.limit = 0
        self.expires = 0.0
        self.data = message.constant or b""
        self.digits = 0
        self.parts: tuple[bytes, ...] | None = None if message.constant is not None else ()
        self.good = NONE_YET  # the first counted status seen; others are for the careful path
        size = len(self.data or b"".join(message.parts(20)))
        self.roomy = (
            min(limits.max_header_bytes, limits.max_body_bytes) if size < LARGE_PLAY else -1
        )

        self._wire = wire
        self._message = message
        self._idempotent = idempotent
        self._batches: deque[Batch] = deque()  # not begun yet
        self._live: list[Batch] = []  # begun and not ended, or not begun
        self._retries: list[Retry] = []
        self._connections: set[Connection] = set()
        self._opening: set[Connection] = set()
        self._idle: list[Connection] = []
        self._health = SiteHealth(limits.connections, limits.first_byte_timeout, monotonic())
        self._bucket = TokenBucket(limits.rate, monotonic()) if limits.rate else None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._finished = 0  # plays of batches that ended
        self._bad = 0  # plays that ended otherwise than counted
        self._failed_connections = 0  # in a row
        self._connect_at = 0.0

    # --- what deliver() asks for, in the wire's thread

    def start(self) -> None:
        self._wire.admit(self)

    def add(self, batch: Batch) -> None:
        """One more window; when all has stopped, none of it is sent."""
        if batch.window.rate is not None and self._bucket is not None:
            self._bucket.change(batch.window.rate, monotonic())
        self._batches.append(batch)
        self._live.append(batch)
        if self.stopped:
            self._end_unsent()
        else:
            self._pump(monotonic())

    def halt(self, stopped: str, reason: SiteError) -> None:
        """Start no play any more; those in flight get a little time."""
        if self.stopped:
            return
        self.stopped, self.reason = stopped, reason
        self._deadline = monotonic() + GRACE_SECONDS
        self._end_unsent()
        for connection in list(self._opening):
            connection.close()
        self.results.put(None)

    def close(self) -> None:
        """Leave the wire, at once: free connections rest, the others are broken off."""
        self.stopped = self.stopped or "closed"
        self.limit = self.next
        if self._timer is not None:
            self._timer.cancel()
        for connection in [*self._connections, *self._opening]:
            if connection.batch is None and connection.opening is None:
                self._wire.rest(connection)
            else:
                connection.close()
        self._wire.dismiss(self)

    # --- what connections report

    def connected(self, connection: Connection) -> None:
        self._opening.discard(connection)
        if connection.dispatch is not self:
            return
        self._connections.add(connection)
        self._failed_connections = 0
        self.free(connection)

    def refused(self, connection: Connection, error: OSError) -> None:
        """No connection came about. The next tick tries again, if there is hope."""
        connection.close()
        self._failed_connections += 1
        self._health.connection_failed()
        self._connect_at = monotonic() + RETRY_SECONDS * 2 ** min(4, self._failed_connections)
        enough = min(FAILED_CONNECTIONS, self.limits.connections)
        nobody_home = not self._connections and self._failed_connections >= enough
        if nobody_home or isinstance(error, ssl.SSLCertVerificationError):
            site, seconds = str(self.destination[0].origin), self.limits.connect_timeout
            self.halt("unavailable", answers.no_connection(site, error, seconds))

    def gone(self, connection: Connection) -> None:
        self._opening.discard(connection)
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def finish(self, batch: Batch) -> None:
        """All plays of the batch have ended."""
        batch.good = self.good
        batch.ended = True
        self._live.remove(batch)
        self._finished += batch.window.count
        self.results.put(batch)

    def answered(self, connection: Connection, status: int, head: bytes) -> None:
        """A whole answer that the hot path left to us."""
        batch = connection.batch
        assert batch is not None
        batch.statuses[status] = batch.statuses.get(status, 0) + 1
        if status in self.counted:
            if self.good == NONE_YET:
                self.good = status
            connection.take()
            self._end(batch, Outcome.COUNTED)
            return
        answer = answers.read(status, head, time.time())
        if answer.again:
            self._again(connection, answer.outcome)
        else:
            doubt = connection.take()[-1]
            self._end(batch, Outcome.UNCERTAIN if doubt else answer.outcome)
        if answer.not_now:
            self._push_back(answer.reason, answer.retry_after)
        elif answer.all:
            self.halt(answer.stopped, answer.reason)
        else:
            self._failed(answer.stopped, answer.reason)

    def lost(self, connection: Connection, reason: SiteError) -> None:
        """No answer came, or none that can be believed."""
        self._again(connection, Outcome.UNCERTAIN)
        self._failed("unavailable", reason)

    # --- the next play

    def free(self, connection: Connection | None) -> None:
        """A play has ended; its connection, if still there, may have the next."""
        if connection is not None:
            self._idle.append(connection)
        # With a timer set, tokens are what is missing.
        if self._timer is None and (self._retries or self._has_fresh()):
            self._pump(monotonic())

    def fit(self, digits: int) -> tuple[bytes, ...]:
        """The parts of plays whose number has so many digits."""
        self.digits = digits
        self.parts = self._message.parts(digits)
        return self.parts

    def tick(self, now: float, seconds: float, late: bool) -> None:
        """Ten times a second; `late`: we were held up ourselves, and no site is to blame."""
        if not late:
            self._sweep(now)
        if self.stopped:
            if now >= self._deadline:
                for connection in [one for one in self._connections if one.batch is not None]:
                    connection.give_up(SiteError(SiteCode.RUN_STOPPED))
            return
        waits = [now - one.sent for one in self._connections if one.batch is not None]
        self._health.tick(now, seconds, self._good_plays(), [] if late else waits)
        self._pump(now)

    def _sweep(self, now: float) -> None:
        """What has waited too long."""
        soonest = now - min(self.limits.first_byte_timeout, self.limits.answer_timeout)
        for connection in [one for one in self._connections if one.sent < soonest]:
            if connection.batch is not None and (reason := connection.overdue(now)):
                connection.give_up(reason)
        soonest = now - self.limits.connect_timeout
        for connection in [one for one in self._opening if one.sent < soonest]:
            if connection.opening is not None:
                self.refused(connection, TimeoutError())

    def _pump(self, now: float) -> None:
        """Start what may start now, and say how much the hot path may go on with by itself."""
        self._revoke(now)
        if self.stopped:
            return
        width = self._health.width(now, self._good_plays())
        if not width:
            return
        while self._idle and self._busy < width and self._start_one():
            pass
        if self.stopped:
            return
        self._grant(now, width)
        self._open_more(now, width)
        self._set_timer(now)

    def _start_one(self) -> bool:
        """One play on one free connection; False when there is none to start now."""
        now = monotonic()  # for each anew: the process may have been stopped since the last one
        retry = self._retries[0] if self._retries and self._retries[0][0] <= now else None
        if retry is None and not self._has_fresh():
            return False
        batch = retry[-1] if retry else self.batch
        assert batch is not None
        if now >= batch.expires:
            self.halt("expired", SiteError(SiteCode.RESERVATION_EXPIRED))
            return False
        if self._bucket is not None and not self._bucket.take(now, 1):
            return False
        if retry is not None:
            heapq.heappop(self._retries)
            _, number, tries, doubt, reason, _ = retry
        else:
            number, tries, doubt, reason = self.next, 0, False, Outcome.NOT_SENT
            self.next = self.limit = number + 1
        connection = self._idle.pop()
        if connection.send(batch, number, tries, doubt, self._bytes(number), now):
            return True
        connection.close()
        heapq.heappush(self._retries, (now, number, tries, doubt, reason, batch))
        return True

    def _has_fresh(self) -> bool:
        """Whether `batch` has plays that never started; takes the next batch when it has none."""
        while self.batch is None or self.next >= self.batch.end:
            if not self._batches:
                return False
            self.batch = self._batches.popleft()
            self.next = self.limit = self.batch.next
            self.expires = self.batch.expires
        return True

    def _bytes(self, number: int) -> bytes:
        if self.parts is None:
            return self.data
        digits = b"%d" % number
        return digits.join(self.parts if len(digits) == self.digits else self.fit(len(digits)))

    def _grant(self, now: float, width: int) -> None:
        """Let the hot path take plays by itself, unless something wants care."""
        due = self._retries and self._retries[0][0] <= now
        if due or self._busy > width or not self._has_fresh():
            return
        assert self.batch is not None
        wanted = self.batch.end - self.next
        if self._health.ramping:
            wanted = min(wanted, width)  # come back soon to widen
        self.limit = self.next + (self._bucket.take(now, wanted) if self._bucket else wanted)

    def _revoke(self, now: float) -> None:
        if self._bucket is not None:
            self._bucket.give_back(self.limit - self.next)
        self.limit = self.next

    def _open_more(self, now: float, width: int) -> None:
        failing = self._failed_connections > 0
        if failing and (self._opening or now < self._connect_at):
            return
        waiting = sum(batch.left for batch in self._live) - self._busy
        free = len(self._idle) + len(self._opening)
        missing = min(width - len(self._connections) - len(self._opening), waiting - free)
        for _ in range(min(missing, 1) if failing else missing):
            self._opening.add(self._wire.connect(self))

    def _set_timer(self, now: float) -> None:
        """Come back when the next token is there, if only tokens are wanted."""
        if self._bucket is None or self._timer is not None:
            return
        if self._idle and (self._has_fresh() or self._retries):
            wait = max(SHORTEST_TIMER, self._bucket.wait(now))
            self._timer = self._wire.loop.call_later(wait, self._tokens_are_there)

    def _tokens_are_there(self) -> None:
        self._timer = None
        self._pump(monotonic())

    @property
    def _busy(self) -> int:
        return len(self._connections) - len(self._idle)

    # --- how plays end

    def _again(self, connection: Connection, reason: Outcome) -> None:
        """Send the play again if that is harmless and may help; else it has ended."""
        batch, number, tries, doubt = connection.take()
        doubt = doubt or reason is Outcome.UNCERTAIN
        harmless = reason is not Outcome.UNCERTAIN or self._idempotent
        if harmless and tries + 1 < TRIES and not self.stopped:
            due = monotonic() + RETRY_SECONDS * 2**tries
            heapq.heappush(self._retries, (due, number, tries + 1, doubt, reason, batch))
        else:
            self._end(batch, Outcome.UNCERTAIN if doubt else reason)

    def _end(self, batch: Batch, outcome: Outcome, plays: int = 1) -> None:
        batch.other[outcome] += plays
        if outcome is not Outcome.COUNTED:
            self._bad += plays
        batch.left -= plays
        if plays and not batch.left:
            self.finish(batch)

    def _end_unsent(self) -> None:
        self._revoke(monotonic())
        if self.batch is not None:
            unsent, self.next = self.batch.end - self.next, self.batch.end
            self.limit = self.next
            self._end(self.batch, Outcome.NOT_SENT, unsent)
        while self._batches:
            batch = self._batches.popleft()
            self._end(batch, Outcome.NOT_SENT, batch.left)
        while self._retries:
            *_, doubt, reason, batch = heapq.heappop(self._retries)
            self._end(batch, Outcome.UNCERTAIN if doubt else reason)

    # --- how a site fares

    def _good_plays(self) -> int:
        ended = self._finished + sum(batch.window.count - batch.left for batch in self._live)
        return ended - self._bad

    def _push_back(self, reason: SiteError, retry_after: float | None) -> None:
        self._health.pushed_back(monotonic(), retry_after)
        if retry_after is not None:
            self.retry_after = retry_after
            if retry_after > PATIENCE_SECONDS:
                self.halt("unavailable", answers.asked_to_wait(reason, retry_after))
                return
        self._failed("unavailable", reason)

    def _failed(self, stopped: str, reason: SiteError) -> None:
        good = self._good_plays()
        failures = self._health.play_failed(monotonic(), good, self._busy, self._has_fresh())
        if failures:
            self.halt(stopped, answers.failed_in_a_row(reason, failures))
