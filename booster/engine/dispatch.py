"""Which play goes out when, and how each ends. One Dispatch a channel, on the wire: the orders of a
site share its connections, its ceiling and its pace. Whose play is next says turns.py.

Each play ends in exactly one outcome. What surely was not counted (never sent, or so answered: see
answers.py) is sent again, a few times; what may have been counted only where the site knows a play
sent again. A play that was once in doubt stays in doubt unless it is counted.
"""

from __future__ import annotations

import ssl
import time
from time import monotonic
from typing import TYPE_CHECKING

from booster.engine import answers
from booster.engine.alarm import Alarm
from booster.engine.batch import NONE_YET, Batch, Outcome, Play
from booster.engine.calls import CallTurns
from booster.engine.connection import Connection
from booster.engine.health import SiteHealth
from booster.engine.interface import OrderStopped, WindowEnded
from booster.engine.pace import Pace
from booster.engine.pool import Pool
from booster.engine.retries import Retries
from booster.engine.turns import Turns
from booster.engine.wire import Wire
from booster.exceptions import SiteCode, SiteError, is_own_limit
from booster.retry import FEW_FAILURES

if TYPE_CHECKING:
    from booster.engine.interface import Events, Learned, Limits
    from booster.engine.order import OrderPlays
    from booster.net.address import ProvedTarget

GRACE_SECONDS = 2.0  # for plays in flight when their order stops


class Dispatch:
    __slots__ = (
        *("_alarm", "_awake", "_bad", "_events", "_good_at_tick", "_health", "_pace", "_pool"),
        *("_resent", "_retries", "_wire", "calls", "limits", "roomy", "target", "turns"),
    )

    def __init__(
        self,
        wire: Wire,
        target: ProvedTarget,
        limits: Limits,
        events: Events,
        learned: Learned | None = None,
    ) -> None:
        now = monotonic()
        self.target = target
        self.limits = limits
        self.turns = Turns()
        self.roomy = min(limits.max_header_bytes, limits.max_body_bytes)

        self._wire = wire
        self._events = events
        self._retries = Retries()
        self._pool = Pool(wire)
        self._health = SiteHealth(limits.first_byte_timeout, limits.busy_timeout, now)
        self._pace = Pace(limits.connections, limits.rate, limits.first_byte_timeout, now, learned)
        self.calls = CallTurns(self._pace, self._pump)
        self._alarm = Alarm(wire, self._pump)  # tokens are there
        self._awake = False  # the wire comes by ten times a second
        self._resent = 0  # plays sent again
        self._bad = 0  # plays sent that ended otherwise than counted
        self._good_at_tick = 0

    # --- what the channel asks for, in the wire's thread

    def add(self, batch: Batch) -> None:
        """One more window; when its order has stopped, none of it is sent."""
        order = batch.order
        order.add(batch)
        self.turns.add(batch)
        if order.stopped:
            self._end_unsent(order)
            return
        now = monotonic()
        if not self._awake:
            self._awake = True
            self._health.wake(now)
            self._pace.wake(now, self._taken)
            self._wire.wake(self)
        self._pump(now)

    def renew(self, order: OrderPlays, expires: float) -> None:
        for batch in order.live:
            batch.expires = expires
        if self.turns.batch is not None and self.turns.batch.order is order:
            self.turns.expires = expires

    def halt(self, order: OrderPlays, stopped: str, reason: SiteError) -> None:
        if not order.stopped:
            order.stopped, order.reason = stopped, reason
            order.deadline = monotonic() + GRACE_SECONDS
            self._end_unsent(order)

    def drop(self, order: OrderPlays) -> None:
        order.stopped = order.stopped or "dropped"
        order.untold = False
        self._fold()
        self.turns.remove(order)
        self._retries.remove(order)
        order.live.clear()
        for connection in self._pool.in_flight_of(order):
            connection.take()
            self._bad += 1
            connection.close()

    def change(self, limits: Limits) -> None:
        now = monotonic()
        self._fold()
        self.limits = limits
        self._pace.change(limits.connections, limits.rate, now)
        self._alarm.cancel()
        self._pump(now)

    @property
    def learned(self) -> Learned:
        """May be read in any thread."""
        return self._pace.learned

    def close(self) -> None:
        self._fold()
        self._alarm.cancel()
        self._pool.leave()
        self.calls.leave()

    # --- what connections report

    def connected(self, connection: Connection) -> None:
        if self._pool.connected(connection, self):
            self.free(connection)

    def refused(self, connection: Connection, error: OSError) -> None:
        """No connection came about. The next tick tries again, if there is hope."""
        connection.close()
        if not is_own_limit(error):
            self._pace.fail()
        nobody_home = self._pool.failed(self.limits.connections)
        if nobody_home or isinstance(error, ssl.SSLCertVerificationError):
            site, seconds = str(self.target.origin), self.limits.connect_timeout
            self._stop_all(answers.no_connection(site, error, seconds))

    def gone(self, connection: Connection) -> None:
        self._pool.gone(connection)

    def finish(self, batch: Batch) -> None:
        order = batch.order
        order.remove(batch)
        self._events.put(WindowEnded(order.key, batch.window, batch.tally()))
        self._tell_if_stopped(order)

    def answered(self, connection: Connection, status: int, head: bytes) -> None:
        """A whole answer that the hot path left to us."""
        play = self._take(connection)
        batch, order = play.batch, play.batch.order
        batch.count_answers(status)
        if status in order.counted:
            if order.good == NONE_YET:
                order.trust(status)
            self._end(batch, Outcome.COUNTED)
            return
        self._bad += 1
        meaning = answers.interpret(status, head, time.time())
        # Whether the order stops is known before its last window ends.
        if meaning.not_now:
            self._push_back(order, meaning)
        elif meaning.all:
            if status in answers.BANS and order.good_plays and not order.in_session:
                self._pace.sent_away(monotonic(), self._taken + 1)
            self._stop(order, meaning.stopped, meaning.reason)
        else:
            self._pace.fail()
            self._failed(order, meaning.stopped, meaning.reason)
        if meaning.again:
            self._again(play, meaning.outcome, later=meaning.not_now)
        else:
            self._end(batch, Outcome.UNCERTAIN if play.doubt else meaning.outcome)

    def lost(self, connection: Connection, reason: SiteError) -> None:
        """No answer came, or none that can be believed. Some limits hang up on what comes too fast,
        which proves nothing of the play."""
        play = self._take(connection)
        self._bad += 1
        if reason.code == SiteCode.PLAY_CONNECTION_CLOSED and not connection.received:
            self._refuse()
        else:
            self._pace.fail()
        self._failed(play.batch.order, "unavailable", reason)
        self._again(play, Outcome.UNCERTAIN)

    # --- the next play

    def free(self, connection: Connection | None) -> None:
        """A play has ended; its connection, if still there, may have the next."""
        if connection is not None:
            self._pool.give_back(connection)
        # With a timer set, tokens are what is missing.
        if not self._alarm.is_set and (self.turns.unsent or self._retries or self.calls.is_waiting):
            self._pump(monotonic())

    def tick(self, now: float, seconds: float, late: bool) -> bool:
        """Ten times a second, until it returns False: nothing to look at any more. `late`: we were
        held up ourselves, and no site is to blame."""
        self._fold()
        self._sweep(now, late)
        waits = [now - one.sent for one in self._pool.in_flight()]
        good = self._good
        self.turns.speed = max((good - self._good_at_tick) / seconds, self.turns.speed / 2)
        self._good_at_tick = good
        self._health.tick(now, good)
        self._pace.tick(now, seconds, self._taken, [] if late else waits)
        self._pump(now)
        self._pool.trim(self.limits.connections, now)
        self._awake = bool(self._pool or self.turns.unsent or self._retries)
        return self._awake

    def _sweep(self, now: float, late: bool) -> None:
        for connection, reason in self._pool.overdue(self.limits, now, late=late):
            connection.break_off(reason)
        for connection in [] if late else self._pool.late(now - self.limits.connect_timeout):
            if connection.opening is not None:
                self.refused(connection, TimeoutError())

    def _pump(self, now: float) -> None:
        """Start what may start now, and say how much the hot path may go on with by itself."""
        self._fold()
        plays = self.turns.started + self._resent if self.turns.unsent or self._retries else None
        if (wait := self.calls.start(now, self._pool.busy, plays)) is not None:
            self._alarm.set(wait)
        width = self._pace.width(now, self._good) - self.calls.held(plays)
        if width <= 0:
            return
        while self._pool.has_free and self._pool.busy < width and self._start_one():
            pass
        self._grant(now, width)
        waiting = self.turns.unsent + len(self._retries)
        self._pool.open_more(self, width, waiting, now)

    def _start_one(self) -> bool:
        """One play on one free connection; False when there is none to start now."""
        now = monotonic()  # for each anew: the process may have been stopped since the last one
        connection = self._pool.next(now)
        if connection is None:
            return True
        play = self._retries.due(now)
        batch = play.batch if play else self.turns.take()
        if batch is None:
            return False
        if now >= batch.expires:
            self._stop(batch.order, "expired", SiteError(SiteCode.RESERVATION_EXPIRED))
            return True
        if not self._pace.take(now, 1):
            self._alarm.set(self._pace.wait(now))
            return False
        if play is None:
            number = self.turns.step()
        else:
            number = play.number
            self._retries.pop()
            self._resent += 1
        self._pool.take()
        if batch.order.good == NONE_YET:
            batch.order.starting += 1
        if not connection.send(batch, number, play, now):
            # Nothing of it has left: it is as if it had not been tried.
            connection.play, connection.batch = play, batch
            self._retries.push(self._take(connection), now)
            self._bad += 1
            connection.close()
        return True

    def _grant(self, now: float, width: int) -> None:
        """Let the hot path take plays by itself, unless something wants care."""
        if self._retries.due(now) or self.calls.is_waiting or self._pool.busy > width:
            return
        batch = self.turns.take()
        if batch is None or batch.good == NONE_YET or not batch.order.small:
            return
        plays = self.turns.grantable()
        if self._pace.ramping:
            plays = min(plays, width)  # come back soon to widen
        self.turns.grant(self._pace.take(now, plays))

    def _fold(self) -> None:
        self._pace.give_back(self.turns.fold())

    @property
    def _good(self) -> int:
        return self.turns.started + self._resent - self._pool.busy - self._bad

    @property
    def _taken(self) -> int:
        """What the site took of whatever its pace is of."""
        return self._good + self.calls.ended

    # --- how plays end

    def _take(self, connection: Connection) -> Play:
        play = connection.take()
        if play.batch.order.good == NONE_YET:
            play.batch.order.starting -= 1
        return play

    def _again(self, play: Play, outcome: Outcome, *, later: bool = False) -> None:
        if not self._retries.add(play, outcome, monotonic(), later=later):
            self._end(play.batch, play.end())

    def _end(self, batch: Batch, outcome: Outcome, plays: int = 1) -> None:
        batch.other[outcome] += plays
        batch.left -= plays
        if plays and not batch.left:
            self.finish(batch)

    def _end_unsent(self, order: OrderPlays) -> None:
        self._fold()
        for batch, plays in self.turns.remove(order):
            self._end(batch, Outcome.NOT_SENT, plays)
        for play in self._retries.remove(order):
            self._end(play.batch, play.end())

    # --- how orders and their site fare

    def _push_back(self, order: OrderPlays, meaning: answers.Meaning) -> None:
        now, reason, wait = monotonic(), meaning.reason, meaning.retry_after
        self._health.refusals += 1
        if meaning.is_used_up and wait is not None:
            self._pace.sent_away(now, self._taken + 1, wait)
        else:
            self._refuse(None if meaning.sends_away else wait)
        if wait is not None:
            order.retry_after = wait
            if meaning.sends_away:
                self._stop(order, "unavailable", answers.asked_to_wait(reason, wait))
        if self._health.refuses_all(now):
            reason = answers.failed_in_a_row(reason, self._health.refusals)
            self._stop(order, "unavailable", reason)

    def _refuse(self, wait: float | None = None) -> None:
        # The connection that told is busy still, and its play is among the bad ones already.
        in_flight = self._pool.busy + self.calls.running
        self._pace.pushed_back(monotonic(), self._taken + 1, in_flight, wait)

    def _failed(self, order: OrderPlays, stopped: str, reason: SiteError) -> None:
        if order.stopped:
            return
        now, failures = monotonic(), order.failures
        patience = self._health.patience(now) if order.front() else None
        if failures.add(
            now, order.good_plays, lambda: len(self._pool.in_flight_of(order)), patience
        ):
            self._stop(order, stopped, answers.failed_in_a_row(reason, failures.in_a_row))
        elif failures.in_a_row == FEW_FAILURES and order.good != NONE_YET:
            self._fold()
            order.distrust(len(self._pool.in_flight_of(order)))

    def _stop(self, order: OrderPlays, stopped: str, reason: SiteError) -> None:
        """The order stops itself, which is told when its last window has ended."""
        if not order.stopped:
            order.untold = True
            self.halt(order, stopped, reason)
            self._tell_if_stopped(order)

    def _stop_all(self, reason: SiteError) -> None:
        """It concerns the site: all orders that have plays under way stop."""
        self._fold()
        busy = {one.batch.order for one in self._pool.in_flight() if one.batch is not None}
        for order in {*self.turns.orders(), *self._retries.orders(), *busy}:
            if order.live:
                self._stop(order, "unavailable", reason)
        self._pool.stop_opening()

    def _tell_if_stopped(self, order: OrderPlays) -> None:
        if order.untold and not order.live and order.reason is not None:
            order.untold = False
            self._events.put(
                OrderStopped(order.key, order.stopped, order.reason, order.retry_after)
            )
