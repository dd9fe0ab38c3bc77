"""The round: one loop drives thousands of orders, and tells the database of all of them at once.

A round may die at any line, and others run at the same moment elsewhere (law 1). So nothing is sent
that was not reserved under a lease, and everything written is conditional on each row's fence: a
row that does not come back has a new owner, and only that order stops. What is due is found in the
database at each beat; no message has to arrive. No transaction spans a call to a site.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from django.db.models import Q

from booster.delivery import breaker, ending
from booster.delivery.deliveries import Deliveries
from booster.delivery.delivery import Delivery
from booster.delivery.links import Links, SiteLink, TokenAnswer
from booster.delivery.sessions import Sessions
from booster.delivery.windows import FIRST_WINDOW
from booster.engine import Fetched, OrderStopped, WindowEnded
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from booster.net.call import Call
from booster.net.play import PlayRequest
from booster.sites import exact
from core.db.clock import DatabaseClock
from core.db.outages import DATABASE_ERRORS, drop_connections, is_down
from core.models import SiteLook, leases
from core.models.failpoints import failpoint

logger = logging.getLogger(__name__)

# Orders of a round. A beat claims a part, so that rounds that start together share the work.
FAST_ORDERS, ALL_ORDERS, CLAIM_LIMIT = 256, 4000, 64
# A beat comes as something ended, but not at once: what ends together is written together. Few
# orders need not wait for that. Without orders the database is looked at more rarely.
SHORTEST_BEAT, LONGEST_BEAT = 0.02, 0.25
FEW_ORDERS, QUICK_BEAT = 8, 0.005
IDLE_SECONDS = 1.0
# How long what is in flight may take to end when the round stops.
STOP_SECONDS = 5.0

T = TypeVar("T")


class Round:
    """The orders that one process drives. Used in one thread, `wake()` apart. Others put into
    `events` what happened meanwhile; None only wakes."""

    hold_seconds = 30.0  # an order that waits for longer is given back

    def __init__(self, holder: str, shall_stop: Callable[[], bool]) -> None:
        self.holder = holder
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.links = Links(self.events)
        self.sessions = Sessions()
        self._clock = DatabaseClock()
        self.deliveries = Deliveries(self._clock, self.sessions)
        self.is_stopping = False  # as of this beat
        self._shall_stop = shall_stop
        self._is_cut_off = False  # from the database
        self._arrived: deque[Any] = deque()  # events that are not handled yet
        self._began = self._took = 0.0
        self._claim_at = 0.0

    def wake(self) -> None:
        """Beat soon: an order is due. From any thread."""
        self.events.put(None)

    def run(self) -> None:
        """Beat until the process shall stop, and give everything back then."""
        try:
            while not self._shall_stop():
                self._try_to_beat()
                self._wait()
            self.beat_while_busy(STOP_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        self.links.close()

    def beat_while_busy(self, seconds: float) -> None:
        """Until no order is left in the round, at most for so long."""
        deadline = time.monotonic() + seconds
        self._try_to_beat()
        while self.deliveries and time.monotonic() < deadline:
            self._wait()
            self._try_to_beat()

    def _try_to_beat(self) -> None:
        """Take what happened meanwhile, and beat; a database that is down is waited for."""
        self._began = time.monotonic()
        try:
            self.is_stopping = self._shall_stop()
            self._take_events()
            self.beat()
        except DATABASE_ERRORS as error:
            if not is_down(error):
                raise
            # What was not written is written later, or never: leases tell.
            if not self._is_cut_off:
                logger.error("the database failed, the round goes on when it is back: %s", error)
            self._is_cut_off = True
            drop_connections()
            time.sleep(LONGEST_BEAT)
        else:
            self._is_cut_off = False
        self._took = time.monotonic() - self._began

    def _wait(self) -> None:
        """Until something ended, and a little longer: beats take at most half of the time."""
        with suppress(Empty):
            if not self._arrived:
                longest = LONGEST_BEAT if self.deliveries else IDLE_SECONDS
                self._arrived.append(self.events.get(timeout=longest))
        is_crowded = len(self.deliveries) > FEW_ORDERS
        least = max(SHORTEST_BEAT, self._took) if is_crowded else QUICK_BEAT
        rest = self._began + self._took + least - time.monotonic()
        if self.deliveries and rest > 0:
            time.sleep(min(rest, LONGEST_BEAT))

    # --- the beat

    def beat(self) -> None:
        """One step of all orders of the round."""
        self.now = self._clock.now()
        self.claim()
        self.read()
        self.reserve()
        self.send()
        self.decide()

    def claim(self) -> None:
        """Take what is due, as far as there is room; what a dead round left is always taken."""
        now = time.monotonic()
        if self.is_stopping or now < self._claim_at:
            return
        fast = sum(delivery.is_fast for delivery in self.deliveries.values())
        most = min(CLAIM_LIMIT, ALL_ORDERS - len(self.deliveries))
        room = Q() if fast < FAST_ORDERS else Q(hours__gt=0) | Q(lease_until__isnull=False)
        claimed = leases.claim(self.holder, most, room)
        self._claim_at = now if len(claimed) == CLAIM_LIMIT else now + LONGEST_BEAT
        self.links.open({lease.order.site_id for lease in claimed})
        for lease in claimed:
            if former := self.deliveries.get(lease.order.pk):
                # This round was cut off for longer than a lease, and is the first to come back.
                self.deliveries.lose(former, "its lease ran out")
            delivery = Delivery(lease, self.links[lease.order.site_id], self.hold_seconds)
            self.deliveries[delivery.key] = delivery
            self.deliveries.run_isolated(delivery, Delivery.begin)

    def read(self) -> None:
        """Ask for tokens and counters, all at once; the answers are events of a later beat."""
        self.links.begin_beat(self.now, (one.link for one in self.deliveries.values()))
        ahead = {link: link.plays_ahead for link in self.links.values()}
        awake = [one for one in self._longest_waiting_first() if self._is_soon_served(one, ahead)]
        unread = [one for one in awake if one.order.old_view_count is None]
        self._note_looks(one for one in unread if one.link.is_proved and not one.is_reading)
        for delivery in awake:
            self.deliveries.run_isolated(delivery, self._ask_site)

    def reserve(self) -> None:
        """Reserve windows, record ended ones and renew the leases, all in one statement."""
        room = {link: link.plays_ahead - link.outstanding for link in self.links.values()}
        for delivery in self._longest_waiting_first():
            self.deliveries.run_isolated(delivery, lambda one: self._reserve_window(one, room))
        news = [one for one in self.deliveries.values() if one.is_dirty or one.lease.needs_renewal]
        if news or self.deliveries.readings:
            self.deliveries.write_progress(news)

    def send(self) -> None:
        """Hand over what is reserved, and hold back what shall not go out any more."""
        failpoint("on-the-wire")
        self.deliveries.ask_for_stops()
        for delivery in self._awake():
            self.deliveries.run_isolated(delivery, self._send_window)

    def decide(self) -> None:
        """End, put off or give back what can go no further, in one transaction."""
        for delivery in self._awake():
            self.deliveries.run_isolated(delivery, self._decide)
        if decided := [one for one in self.deliveries.values() if one.decision is not None]:
            self.deliveries.write_decisions(decided)

    # --- what happened since the last beat

    def _take_events(self) -> None:
        """An event leaves once it was handled: orders would wait for ever for one that was lost."""
        with suppress(Empty):
            while True:
                self._arrived.append(self.events.get_nowait())
        found = [self.deliveries.get(one.key) for one in self._arrived if isinstance(one, Fetched)]
        self._note_looks(one for one in found if one and one.is_reading)
        while self._arrived:
            self.handle(self._arrived[0])
            self._arrived.popleft()

    def _note_looks(self, read: Iterable[Delivery]) -> None:
        """Count the looks of the desk at these videos: what they moved is not taken for plays."""
        videos = {one: (one.link.site.pk, one.order.video_id) for one in read if one.counts_looks}
        tallies = SiteLook.objects.tallies(set(videos.values())) if videos else {}
        for delivery, video in videos.items():
            delivery.looks = tallies.get(video, (0, 0))

    def handle(self, event: Any) -> None:
        """It may come twice, where the database failed at the first time."""
        if event is None:
            self._claim_at = 0.0
        elif isinstance(event, TokenAnswer):
            self._take_token_answer(event)
        elif isinstance(event, BaseException):
            raise RuntimeError("the engine failed") from event
        elif isinstance(event, Fetched) and self.sessions.take(event):
            pass
        elif delivery := self.deliveries.get(event.key):
            self.deliveries.run_isolated(delivery, lambda one: self._take(one, event))

    def _take(self, delivery: Delivery, event: WindowEnded | OrderStopped | Fetched) -> None:
        link = delivery.link
        match event:
            case WindowEnded(window=window, tally=tally):
                if tally.counted:
                    # First: where the database fails at it, the event comes again.
                    breaker.report_up(link.site)
                    self.sessions.report_use(delivery)
                if delivery.record_window(window, tally, self._clock.now().timestamp()):
                    link.count_ended(window.count)
            case OrderStopped() if delivery.channel is None:
                pass  # of a channel that was left before
            case OrderStopped(stopped="expired"):
                self.deliveries.lose(delivery, "its lease ran out")
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
                delivery.note_asked(None)
                return
        views = delivery.take_reading(event, self._clock.now().timestamp())
        failpoint("after-verify")
        if views is not None:
            self.sessions.report_use(delivery)
            order = delivery.order
            self.deliveries.readings.append({"order": order.pk, "views": views, "done": order.done})

    def _take_token_answer(self, answer: TokenAnswer) -> None:
        link = self.links.get(answer.site.pk)
        if link is None or not link.run_isolated(SiteLink.handle_answer, answer):
            return
        for delivery in [one for one in self.deliveries.values() if one.link is link]:
            if answer.ping and delivery.needs_ping:
                delivery.admission.note_outage(answer.error)
            elif isinstance(answer.error, OwnershipError) and not answer.ping:
                delivery.fail(answer.error)

    # --- one order among many

    def _awake(self) -> list[Delivery]:
        """Those that have something to do; where the round stops, all have to be given back."""
        now = time.monotonic()
        return [one for one in self.deliveries.values() if self.is_stopping or not one.sleeps(now)]

    def _longest_waiting_first(self) -> list[Delivery]:
        return sorted(self._awake(), key=attrgetter("served_at"))

    @staticmethod
    def _is_soon_served(delivery: Delivery, ahead: dict[SiteLink, int]) -> bool:
        """Whether its first window goes out soon, or did: from its first reading on it is exposed
        to other people's views. `ahead`: the plays each site has room for, its own taken off."""
        link, has_begun = delivery.link, delivery.order.reserved > 0
        if has_begun or not (delivery.is_fast and delivery.is_sending and link.is_proved):
            return True
        is_soon = ahead[link] > 0
        ahead[link] -= min(delivery.order.count, FIRST_WINDOW)
        return is_soon

    def _ask_site(self, delivery: Delivery) -> None:
        """For its token and the order's counter, as far as the order needs them now."""
        link, is_wanted = delivery.link, delivery.wants_reading(self.now)
        # One that was halted, as its site's proof ran out, waits for a new one.
        is_halted = delivery.is_halted and delivery.may_send
        has_plays = delivery.windows or is_halted or delivery.wanted_plays(self.now)
        if not (is_wanted or has_plays):
            return
        if not delivery.ask_admission():
            return
        link.ask_again()
        if link.is_proved and is_wanted:
            assert link.channel is not None
            if call := self._unless_it_fails(delivery, self._reading_of):
                failpoint("before-verify")
                delivery.note_asked(link.channel)
                link.channel.fetch(delivery.key, call)
        elif link.proof_error and not link.is_proved and not link.is_asking:
            delivery.fail(link.proof_error, is_outage=True)

    def _reading_of(self, delivery: Delivery) -> Call | None:
        """The call for the counter, or the order's exact count; None while its session begins."""
        adapter, order = delivery.adapter, delivery.order
        if delivery.wants_exact:
            return exact.exact_call(delivery.link.site.token, order.oid, adapter.play_origin)
        ready = self.sessions.adapter_of(delivery) if adapter.reads_in_session else adapter
        return None if ready is None else ready.count_call(order.video_id)

    def _make_play(self, delivery: Delivery) -> PlayRequest | None:
        """What each play of it looks like; None while its session is prepared."""
        adapter, order = self.sessions.adapter_of(delivery), delivery.order
        if adapter is None:
            return None
        if delivery.play is None or delivery.player is not adapter:
            play = adapter.play(order.video_id, order.oid)
            delivery.play = replace(play, in_session=adapter is not delivery.adapter)
            delivery.player = adapter
        return delivery.play

    def _unless_it_fails(self, delivery: Delivery, make: Callable[[Delivery], T]) -> T | None:
        try:
            return make(delivery)
        except SiteError as error:
            delivery.fail(error)
            return None

    def _reserve_window(self, delivery: Delivery, room: dict[SiteLink, int]) -> None:
        """`room`: for how many plays each site has room; what is reserved is taken off."""
        link = delivery.link
        # One that is reserved and was not sent, as the database failed in between, comes first.
        if delivery.windows.reserved or room[link] <= 0 or not link.is_proved:
            return
        wanted = delivery.wanted_plays(self.now)
        play = self._unless_it_fails(delivery, self._make_play) if wanted else None
        if play and delivery.ask_admission():
            count = min(wanted, room[link])
            room[link] -= delivery.reserve(count, is_all=count == wanted)

    def _send_window(self, delivery: Delivery) -> None:
        link, channel = delivery.link, delivery.link.channel
        expires = delivery.lease.expires
        if time.monotonic() >= expires:
            self.deliveries.lose(delivery, "its lease ran out")
            return
        if channel is None:
            return
        # Not dirty: write_progress() has put the reservation into the row.
        if not delivery.is_dirty and (window := delivery.windows.take_reserved(expires)):
            if delivery.channel is not channel:
                assert delivery.play is not None  # made before the window was reserved
                channel.open(delivery.key, delivery.play)
                delivery.channel = channel
            channel.send(delivery.key, window)
            link.outstanding += window.count
        elif delivery.windows.take_renewal(expires):
            channel.renew(delivery.key, expires)
        if delivery.must_stop(self.now) or self.is_stopping:
            delivery.halt(channel)
        elif delivery.is_halted and not delivery.windows:
            self.deliveries.detach(delivery)  # and begin anew

    def _decide(self, delivery: Delivery) -> None:
        ending.decide(delivery, self.now, is_stopping=self.is_stopping)
        if delivery.decision is None and delivery.needs_ping and not delivery.windows:
            delivery.link.ping()
