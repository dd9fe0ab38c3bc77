"""One order of a round: how far it is and what it may do next. What follows when it can go no
further (ending.py) stands in its `decision` until the round has written it.

Its row is kept in memory as it shall be written; the round writes all rows of a beat at once.
"""

import logging
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from booster import retry, sites
from booster.delivery import breaker, proving
from booster.delivery.breaker import Admission
from booster.delivery.links import SiteLink
from booster.delivery.plan import deadline_of, plan_of
from booster.engine import Channel, Fetched, Tally, Window
from booster.exceptions import SiteError, TemporaryError
from booster.net.play import PlayRequest
from booster.proof import Reading, Watch
from booster.sites import SiteAdapter, exact
from core.models import Lease, Status, Transition

logger = logging.getLogger(__name__)

# A window is what a crash can leave unknown, so it is short in time; the first is a guess.
WINDOW_SECONDS = 0.5
FIRST_WINDOW = 100
LARGEST_WINDOW = 20_000
# One window is on its way while the next is being reserved.
WINDOWS_AHEAD = 2


@dataclass(slots=True)
class Flight:
    """A window on the wire, since when, and how it ended, once it has."""

    window: Window
    since: float
    tally: Tally | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of an order, and in how many seconds the round goes on with it; None: not at all.
    `waits_for_site`: whoever finds the site taking plays wakes it."""

    change: Transition
    stays: float | None = None
    waits_for_site: bool = False


class Delivery:
    """One order under its lease."""

    def __init__(self, lease: Lease, link: SiteLink, hold_seconds: float) -> None:
        self.lease, self.order, self.link = lease, lease.order, link
        self.key: int = lease.order.pk
        self.served = 0.0  # when its last turn was over
        self.is_dirty = False  # the row in memory is ahead of the database's
        self.channel: Channel | None = None  # that knows the order
        self.is_halted = False  # no further play of it starts
        self.play: PlayRequest | None = None  # what each of its plays looks like, ...
        self.player: SiteAdapter | None = None  # ... as this one made it
        self.window: Window | None = None  # reserved, and to be sent once that is written
        # Looks at the video that others had the office make: begun and ended, as it was last known,
        # and of those before the first play how many had ended when the counter was asked.
        self.looks = (0, 0)
        self._looks_before = 0
        self.wakes = 0.0  # time.monotonic() before which nothing is due
        self.reads_over: Channel | None = None  # that was asked for its counter
        self.reading: Reading | None = None  # one that a decision waits for
        self.counted: int | None = None  # by the site itself, beside it
        self.error: SiteError | None = None  # why it cannot go on
        self.outage: TemporaryError | None = None  # the site as a whole does not answer ...
        self.is_outage_known = False  # ... or does; asked after an error
        self.admission: Admission | None = None  # asked for before anything is sent
        self.decision: Decision | None = None  # what follows, until it is written
        self.hold_seconds = hold_seconds
        self.watch = Watch.of(lease.order.watch)
        self._received = lease.order.done
        self._size = FIRST_WINDOW
        self._flights: deque[Flight] = deque()  # as they were reserved
        self._inherited = 0
        self._told = 0.0  # until when the channel may send, as it knows

    def begin(self) -> None:
        """What its claim found."""
        order, site = self.order, self.link.site
        order.site = site
        self.adapter = sites.adapter(site.adapter, site.recipe, site.secrets)
        self.plan, self.weeks = plan_of(order, site), self.link.weeks
        self.deadline = deadline_of(order)
        claimed: datetime = order.read_at  # type: ignore[attr-defined]  # by the database's clock
        unread = proving.resume_watch(order, self.watch, claimed.timestamp())
        self._watch_at = time.monotonic() + unread
        # A round before this one died with these in flight.
        lost = order.in_flight
        if retry.may_send_again(in_doubt=True, idempotent=self.adapter.idempotent):
            self._inherited = lost
        elif lost:
            order.uncertain += lost
            self.is_dirty = True

    # --- what it may do

    @property
    def is_reading(self) -> bool:
        """Whether its counter was asked for; a channel that was left answers no more."""
        return self.reads_over is not None and self.reads_over is self.link.channel

    @property
    def is_asked_to_stop(self) -> bool:
        order = self.order
        return order.status == Status.RUNNING and (order.cancel_requested or order.pause_requested)

    @property
    def may_send(self) -> bool:
        """Whether nothing speaks against further plays of it."""
        is_running = self.order.status == Status.RUNNING and self.decision is None
        return is_running and self.error is None and not self.is_asked_to_stop

    @property
    def is_sending(self) -> bool:
        return self.may_send and not self.is_halted

    @property
    def is_fast(self) -> bool:
        """Whether it has plays left that go out as fast as its site allows. One that only waits for
        its counter takes nobody's place."""
        order = self.order
        return order.status == Status.RUNNING and not order.hours and not self.is_all_out

    @property
    def is_all_out(self) -> bool:
        """Whether every play has been sent and has ended."""
        order = self.order
        return (
            order.status == Status.RUNNING
            and order.reserved == order.count
            and not order.in_flight
            and not self._inherited
        )

    @property
    def windows(self) -> int:
        """Windows of it on the wire, or ended before one that was reserved earlier."""
        return len(self._flights)

    @property
    def made_progress(self) -> bool:
        return self.order.done > self._received

    def sleeps(self, now: float) -> bool:
        """Whether nothing is to be done before its time, unless somebody wants it stopped. `now`:
        time.monotonic()."""
        if now >= self.wakes or self._flights or self.is_dirty or self.window or self.decision:
            return False
        return self.error is None and self.reading is None and not self.is_asked_to_stop

    def must_stop(self, now: datetime) -> bool:
        link = self.link
        may_go_on = self.may_send and link.is_proved and link.closed is None
        return not may_go_on or self.is_late(now)

    def ask_admission(self) -> bool:
        """Whether the site's breaker lets it pass; asked once, before anything is sent."""
        if not self.may_send or self.is_all_out:
            return True
        if self.admission is None:
            self.admission = breaker.admit(self.link.site)
        return self.admission is not Admission.WAIT

    def is_late(self, now: datetime) -> bool:
        return self.deadline is not None and now >= self.deadline

    def wanted_reading(self, now: datetime) -> bool:
        order = self.order
        if self.is_reading or self.error is not None or self.decision is not None:
            return False
        if self.reading is not None:
            return self.wants_exact
        if time.monotonic() < self.wakes:
            return False
        if order.status == Status.VERIFYING:
            return True
        if order.cancel_requested:
            return False
        if self.is_all_out:
            return True
        if not self.is_sending:
            return False
        if order.old_view_count is None:
            return self.seconds_to_next(now) <= 0
        return time.monotonic() >= self._watch_at

    def seconds_to_next(self, now: datetime) -> float:
        """Until another play is due."""
        if self.plan is None or self._inherited:
            return 0.0
        return self.plan.due_at(self.order.reserved + 1) - now.timestamp()

    def wanted_plays(self, now: datetime) -> int:
        """How many plays it would reserve now."""
        order = self.order
        if not self.is_sending or self.windows + bool(self.window) >= WINDOWS_AHEAD:
            return 0
        if order.old_view_count is None:
            return 0
        if self._inherited:
            return self._inherited
        if self.plan is not None and self.is_reading:
            return 0  # while nothing is on the wire a reading tells most
        wanted = min(self._size, order.count - order.reserved)
        if self.plan is not None:
            wanted = min(wanted, self.plan.due(now.timestamp()) - order.reserved)
        return max(0, wanted)

    def reserve(self, count: int, *, is_whole: bool = True) -> int:
        """Take so many plays, which are sent once the row is written; returns how many. Lost ones
        go under their old numbers, all at once. `is_whole`: its turn is over with them."""
        order = self.order
        if self._inherited:
            count, self._inherited = self._inherited, 0
        else:
            order.reserved += count
            order.sequence += count
        self.window = Window(order.sequence - count + 1, count, self.lease.expires)
        if is_whole:
            self.served = time.monotonic()
        self.is_dirty = True
        return count

    def taken_window(self) -> Window | None:
        """The reserved window, once, as it may be sent under the lease of now."""
        window, self.window = self.window, None
        if window is None:
            return None
        window = replace(window, expires=self.lease.expires)
        self._flights.append(Flight(window, time.monotonic()))
        self._told = self.lease.expires
        return window

    def take_renewal(self) -> bool:
        """Whether its windows may go out for longer by now than the channel was told."""
        if not self._flights or self.lease.expires == self._told:
            return False
        self._told = self.lease.expires
        return True

    def drop_windows(self) -> int:
        """Forget what is on the wire; how many plays that were."""
        plays = sum(flight.window.count for flight in self._flights if flight.tally is None)
        self._flights.clear()
        self.window = None
        return plays

    # --- what happened

    def absorb(self, window: Window, tally: Tally, moment: float) -> bool:
        """A window has ended. Windows are written down as they were reserved: after a crash the
        last numbers are those of unknown fate. Returns False for one that was dropped, or was
        absorbed, before.
        `moment`: by the database's clock, in seconds since the epoch."""
        ended = next((one for one in self._flights if one.window is window), None)
        if ended is None or ended.tally is not None:
            return False
        ended.tally = tally
        if tally.ended > tally.not_sent:
            self.watch.note_play(moment)
        speed = window.count / max(time.monotonic() - ended.since, 0.001)
        self._size = max(1, min(int(speed * WINDOW_SECONDS) + 1, 2 * self._size, LARGEST_WINDOW))
        while self._flights and (first := self._flights[0].tally) is not None:
            self._flights.popleft()
            self._count(first)
        return True

    def _count(self, tally: Tally) -> None:
        """Failed and unsent plays are free to be reserved under new numbers."""
        order = self.order
        order.done += tally.counted
        order.failed += tally.refused
        order.uncertain += tally.uncertain
        order.reserved -= tally.refused + tally.not_sent
        if tally.statuses:
            answers = dict(order.answers or {})
            for status, number in tally.statuses.items():
                answers[str(status)] = answers.get(str(status), 0) + number
            order.answers = answers
        if tally.counted:
            order.attempts = 0
            self.watch.trouble = None
            if self.admission is Admission.PROBE:
                self.admission = Admission.GO  # the site takes plays: what comes now is no probe
        self.is_dirty = True

    @property
    def wants_exact(self) -> bool:
        """Whether the site itself is to be asked what it counted, beside its counter."""
        if self.reading is None or self.counted is not None or not self.link.site.exact_proof:
            return False
        unsaid = self.watch.unsaid
        return unsaid is None or retry.may_pass(unsaid, self.reading.answered)

    def take_reading(self, found: Fetched, now: float) -> int | None:
        """What the counter, or the site itself, showed. Returns the views where they are to be
        kept. `now`: by the database's clock, in seconds since the epoch."""
        self.reads_over = None
        least = self.link.seconds_between_calls
        self._watch_at = time.monotonic() + self.watch.seconds_between_readings(now, least)
        try:
            if isinstance(found.result, SiteError):
                raise found.result
            if self.wants_exact:
                self.counted = exact.counted_of(found.result, self.order.oid)
                self.watch.unsaid = None
                return None
            views = self.adapter.count_of(found.result, self.order.video_id)
        except SiteError as error:
            if self.wants_exact:
                self.watch.unsaid = self.watch.unsaid or now
            if self.is_watching:
                # A busy site may not answer in time.
                logger.info("order %s: not read while sending: %s", self.order.oid, error)
            else:
                self.fail(error)
            return None
        since = now - time.monotonic()  # what the database's clock said when the other one began
        is_idle = not self.windows and not self.order.in_flight
        looks = self._looks_before if self.order.old_view_count is None else self.looks[0]
        reading = Reading(since + found.asked, since + found.answered, views, is_idle, looks)
        if not self.is_watching and self.order.old_view_count is not None:
            self.reading = reading
            return views
        self.is_dirty = True
        is_kept = proving.note_reading(self.order, self.watch, reading, self.lag)
        return views if is_kept else None

    def note_asked(self, channel: Channel) -> None:
        self.reads_over = channel
        self._looks_before = self.looks[1]

    @property
    def counts_looks(self) -> bool:
        """Whether others' looks at the video are counted: not where they move nothing."""
        return self.counts_readings is not False and not self.watch.silent

    @property
    def is_watching(self) -> bool:
        """Whether the counter is read for those who watch: before the last play, none decides."""
        has_begun = self.order.old_view_count is not None and self.order.status == Status.RUNNING
        return (self.windows > 0 or has_begun) and not self.is_all_out

    @property
    def lag(self) -> float:
        """How long the site's counter may take to show a play, in seconds."""
        return sites.lag_of(self.adapter, self.link.site.learned_lag)

    @property
    def counts_readings(self) -> bool | None:
        """Whether a reading moves the counter; None: nobody knows."""
        site = self.link.site
        return sites.counts_readings(site.adapter, site.counts_readings)

    def fail(self, error: SiteError, *, is_outage: bool = False) -> None:
        """It cannot go on. `is_outage`: the site itself did not answer."""
        self.error = error
        self.watch.missed = True
        if is_outage and isinstance(error, TemporaryError):
            self.outage, self.is_outage_known = error, True

    @property
    def needs_ping(self) -> bool:
        """Whether the site has to be asked before it is clear whose trouble an error is."""
        return (
            isinstance(self.error, TemporaryError)
            and self.order.status == Status.RUNNING
            and self.admission is not Admission.PROBE
            and not self.is_outage_known
            and not self.order.cancel_requested
        )

    # --- after a decision

    def go_on(self, seconds: float) -> None:
        """The order stays in the round, which looks at it again in so many seconds: its change was
        written, or there was none to write."""
        self.wakes = time.monotonic() + seconds
        self.reading = self.error = self.outage = self.counted = self.decision = None
        self.is_outage_known = self.is_halted = False
        self._received = self.order.done
