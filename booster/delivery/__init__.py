"""The round: one loop drives hundreds of orders, and tells the database of all of them at once.

Law 1: a round may die at any line, and others run at the same moment elsewhere. So nothing is sent
that was not reserved under a lease, and everything written is conditional on each row's fence: a
row that does not come back has a new owner, and only that order stops. What is due is found in the
database at each beat; no message has to arrive.
Law 3: a site's 2xx says "received"; only its counter ends an order as completed.

No transaction spans a call to a site.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import Q

from booster.delivery import breaker, ending, looks
from booster.delivery.links import Asked, SiteLink
from booster.delivery.loop import LONGEST_BEAT
from booster.delivery.order import FIRST_WINDOW, Delivery
from booster.delivery.writing import Writer
from booster.engine import Fetched, OrderStopped, WindowEnded
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from core.db.clock import DatabaseClock
from core.models import leases
from core.models.failpoints import failpoint

# Orders of a round: those that are sent as fast as their sites allow, and all with the drip-fed and
# those that are all out. A beat claims a part, so that rounds that start together share the work.
FAST_ORDERS, ALL_ORDERS, CLAIM = 256, 4000, 64
FEW_ORDERS = 8
# How often orders that are not written are asked about: somebody may want them stopped.
ASK_SECONDS = 0.5

T = TypeVar("T")


class Round(Writer):
    """The orders that one process drives. Used in one thread, `wake()` apart."""

    # An order that waits for longer is given back.
    hold_seconds = 30.0

    def __init__(self, holder: str, shall_stop: Callable[[], bool]) -> None:
        super().__init__(shall_stop)
        self.holder = holder
        self._clock = DatabaseClock()
        self._claim_at = self._ask_at = 0.0

    # --- the beat

    def beat(self) -> None:
        """One turn of all orders of the round."""
        self.now = self._clock.now()
        self.claim()
        self.read()
        self.reserve()
        self.send()
        self.settle()

    def claim(self) -> None:
        """Take what is due, as far as there is room; what a dead round left is always taken."""
        now = time.monotonic()
        if self.is_stopping or now < self._claim_at:
            return
        fast = sum(delivery.is_fast for delivery in self.deliveries.values())
        most = min(CLAIM, ALL_ORDERS - len(self.deliveries))
        room = Q() if fast < FAST_ORDERS else Q(hours__gt=0) | Q(lease_until__isnull=False)
        claimed = leases.claim(self.holder, most, room)
        self._claim_at = now if len(claimed) == CLAIM else now + LONGEST_BEAT
        self.links.open({lease.order.site_id for lease in claimed})
        for lease in claimed:
            if former := self.deliveries.get(lease.order.pk):
                # Cut off for longer than a lease, and the first to come back.
                self._lose(former, "its lease ran out")
            delivery = Delivery(lease, self.links[lease.order.site_id], self.hold_seconds)
            self.deliveries[delivery.key] = delivery
            self._attempt(delivery, Delivery.begin)

    def read(self) -> None:
        """Ask for tokens and counters, all at once; the answers are events of a later beat."""
        self.links.read_rows(self.now, self.deliveries.values())
        for link in self.links.values():
            link.turns = link.plays_ahead()
        awake = [one for one in self._by_turn() if self._is_near(one)]
        looks.note_looks(looks.about_to_begin(awake))
        for delivery in awake:
            self._attempt(delivery, self._read_counter)

    def reserve(self) -> None:
        """Reserve windows and write down how others ended, of all orders in one statement. The same
        statement is the heartbeat."""
        for link in self.links.values():
            link.room = link.plays_ahead() - link.outstanding
        for delivery in self._by_turn():
            self._attempt(delivery, self._reserve_window)
        news = [one for one in self.deliveries.values() if one.is_dirty or one.lease.is_worn]
        if news or self._readings:
            self._write_news(news)

    def send(self) -> None:
        """Hand over what is reserved, and hold back what shall not go out any more."""
        failpoint("on-the-wire")
        self._ask_for_stops()
        for delivery in self._awake():
            self._attempt(delivery, self._send_window)

    def settle(self) -> None:
        """End, put off or give back what can go no further, in one transaction."""
        for delivery in self._awake():
            self._attempt(delivery, self._decide)
        if decided := [one for one in self.deliveries.values() if one.decision is not None]:
            self._write_decisions(decided)

    # --- what happened since the last beat

    @property
    def is_busy(self) -> bool:
        return bool(self.deliveries)

    @property
    def is_crowded(self) -> bool:
        return len(self.deliveries) > FEW_ORDERS

    def close(self) -> None:
        self.links.close()

    def prepare(self, events: Iterable[Any]) -> None:
        looks.note_looks(looks.read_by(events, self.deliveries))

    def handle(self, event: Any) -> None:
        if event is None:
            self._claim_at = 0.0
        elif isinstance(event, Asked):
            self._take_asked(event)
        elif isinstance(event, BaseException):
            raise RuntimeError("the engine failed") from event
        elif isinstance(event, Fetched) and self.sessions.take(event):
            pass
        elif delivery := self.deliveries.get(event.key):
            self._attempt(delivery, lambda one: self._take(one, event))

    def _take(self, delivery: Delivery, event: WindowEnded | OrderStopped | Fetched) -> None:
        link = delivery.link
        match event:
            case WindowEnded(window=window, tally=tally):
                if tally.counted:
                    # First, as what was absorbed is not told again.
                    breaker.report_success(link.site)
                    self.sessions.report_use(delivery)
                if delivery.absorb(window, tally, self._clock.now().timestamp()):
                    link.count_ended(window.count)
            case OrderStopped() if delivery.channel is None:
                pass  # of a channel that was left before
            case OrderStopped(stopped="expired"):
                self._lose(delivery, "its lease ran out")
            case OrderStopped(stopped="refused", reason=reason):
                delivery.is_halted = True
                if not self.sessions.renew(delivery, reason):
                    delivery.fail(PermanentError.of(self.sessions.masked(delivery, reason)))
            case OrderStopped(reason=reason, retry_after=retry_after):
                delivery.is_halted = True
                error = TemporaryError.of(self.sessions.masked(delivery, reason))
                error.retry_after = retry_after
                delivery.fail(error)
            case Fetched() if delivery.is_reading:
                self._take_reading(delivery, event)

    def _take_reading(self, delivery: Delivery, event: Fetched) -> None:
        if isinstance(event.result, SiteError):
            error = self.sessions.masked(delivery, event.result)
            event = replace(event, result=error)
            in_session = delivery.adapter.reads_in_session and not delivery.wants_exact
            if in_session and self.sessions.renew(delivery, error):
                delivery.reads_over = None  # and is asked for again
                return
        is_kept = delivery.take_reading(event, self._clock.now().timestamp())
        failpoint("after-verify")
        if is_kept:
            self.sessions.report_use(delivery)
            order, views = delivery.order, delivery.latest_views
            self._readings.append({"order": order.pk, "views": views, "done": order.done})

    def _take_asked(self, asked: Asked) -> None:
        link = self.links.get(asked.site.pk)
        if link is None or not link.attempt(SiteLink.take, asked):
            return
        for delivery in [one for one in self.deliveries.values() if one.link is link]:
            if asked.ping and delivery.needs_ping:
                delivery.outage = asked.error if isinstance(asked.error, TemporaryError) else None
                delivery.is_outage_known = True
            elif isinstance(asked.error, OwnershipError) and not asked.ping:
                delivery.fail(asked.error)

    # --- one order among many

    def _awake(self) -> list[Delivery]:
        """Those that have something to do, or to be told."""
        now = time.monotonic()
        stops = self.is_stopping
        return [one for one in self.deliveries.values() if stops or not one.sleeps(now)]

    def _by_turn(self) -> list[Delivery]:
        """Who was served longest ago comes first."""
        return sorted(self._awake(), key=attrgetter("served"))

    @staticmethod
    def _is_near(delivery: Delivery) -> bool:
        """Whether its first turn is near, or over. From its first reading on an order is exposed to
        other people's views: it is read only when it is soon served."""
        link, has_begun = delivery.link, delivery.order.reserved > 0
        if has_begun or not (delivery.is_fast and delivery.is_sending and link.is_proved):
            return True
        is_near = link.turns > 0
        link.turns -= min(delivery.order.count, FIRST_WINDOW)
        return is_near

    def _read_counter(self, delivery: Delivery) -> None:
        link, is_wanted = delivery.link, delivery.wanted_reading(self.now)
        # One that was halted, as its site's proof ran out, waits for a new one.
        is_halted = delivery.is_halted and delivery.may_send
        has_plays = delivery.windows or is_halted or delivery.wanted_plays(self.now)
        if not (is_wanted or has_plays):
            return
        if not delivery.is_admitted():
            return
        link.ask_again()
        if link.is_proved and is_wanted:
            assert link.channel is not None
            call = self._in_session(delivery, self.sessions.reading_of)
            if call is None:
                return
            failpoint("before-verify")
            delivery.note_asked(link.channel)
            link.channel.fetch(delivery.key, call)
        elif link.trouble and not link.is_proved and not link.is_asking:
            delivery.fail(link.trouble, is_outage=True)

    def _in_session(self, delivery: Delivery, ask: Callable[[Delivery], T]) -> T | None:
        """What the order's session says; None where it could not be prepared, too."""
        try:
            return ask(delivery)
        except SiteError as error:
            delivery.fail(error)
            return None

    def _reserve_window(self, delivery: Delivery) -> None:
        link = delivery.link
        # One that is reserved and was not sent, as the database failed in between, comes first.
        if delivery.window or link.room <= 0 or not link.is_proved:
            return
        wanted = delivery.wanted_plays(self.now)
        is_ready = wanted and self._in_session(delivery, self.sessions.is_ready)
        if is_ready and delivery.is_admitted():
            delivery.reserve(min(wanted, link.room), is_whole=wanted <= link.room)
            assert delivery.window is not None
            link.room -= delivery.window.count

    def _send_window(self, delivery: Delivery) -> None:
        link, channel = delivery.link, delivery.link.channel
        if time.monotonic() >= delivery.lease.expires:
            self._lose(delivery, "its lease ran out")
            return
        if channel is None:
            return
        if not delivery.is_dirty and (window := delivery.taken_window()):
            if delivery.channel is not channel:
                channel.open(delivery.key, self.sessions.play_of(delivery))
                delivery.channel = channel
            channel.send(delivery.key, window)
            link.outstanding += window.count
        elif delivery.needs_renewal():
            channel.renew(delivery.key, delivery.lease.expires)
        if delivery.must_stop(self.now) or self.is_stopping:
            if delivery.windows and not delivery.is_halted:
                delivery.is_halted = True
                channel.halt(delivery.key)
        elif delivery.is_halted and not delivery.windows:
            self._close(delivery)  # and begin anew

    def _decide(self, delivery: Delivery) -> None:
        ending.decide(delivery, self.now, is_stopping=self.is_stopping)
        if delivery.decision is None and delivery.needs_ping and not delivery.windows:
            delivery.link.ping()

    def _ask_for_stops(self) -> None:
        """Whether somebody wants an order stopped that was not written lately."""
        now = time.monotonic()
        if now < self._ask_at or not self.deliveries:
            return
        self._ask_at = now + ASK_SECONDS
        for pk, cancel, pause in leases.asked_to_stop(self.deliveries):
            order = self.deliveries[pk].order
            order.cancel_requested, order.pause_requested = cancel, pause
