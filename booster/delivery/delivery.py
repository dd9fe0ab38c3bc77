"""One order of a round: how far it is and what it may do next.

Its row is changed in memory; the round writes all rows of a beat at once. Its parts:

    lease      core/models/leases.py   until when it may send, under which fence
    link       links.py                its site: the proof, the channel, the ceilings
    admission  breaker.py              whether its site takes plays now
    plan       plan.py                 when its plays are due; None: at once
    windows    windows.py              the plays in flight, and in which order they are written
    watch      booster/proof/watch.py  what its counter showed
    decision   ending.py               what follows, until it is written
"""

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from booster import retry, sites
from booster.delivery import proving
from booster.delivery.breaker import Admission
from booster.delivery.links import SiteLink
from booster.delivery.plan import deadline_of, plan_of
from booster.delivery.windows import Windows
from booster.engine import Channel, Fetched, Tally, Window
from booster.exceptions import SiteError, TemporaryError
from booster.net.play import PlayRequest
from booster.proof import Reading, Watch
from booster.sites import SiteAdapter, exact
from core.models import Lease, Status

if TYPE_CHECKING:
    from booster.delivery.ending import Decision

logger = logging.getLogger(__name__)


class Delivery:
    def __init__(self, lease: Lease, link: SiteLink, hold_seconds: float) -> None:
        self.lease, self.order, self.link = lease, lease.order, link
        self.key: int = lease.order.pk
        self.served_at = 0.0  # time.monotonic() when it had all the plays that it wanted last
        self.is_dirty = False  # the row in memory is ahead of the database's
        self.channel: Channel | None = None  # that knows the order
        self.is_halted = False  # no further play of it starts
        self.play: PlayRequest | None = None  # what each of its plays looks like, ...
        self.player: SiteAdapter | None = None  # ... as this one made it
        self.windows = Windows()  # true while one is in flight, or ended before an earlier one
        self.looks = (0, 0)  # begun and ended ones of the desk at the video, as last known
        self._looks_before = 0  # those that had ended when the counter was asked
        self.wake_at = 0.0  # time.monotonic() before which nothing is due
        self.reading: Reading | None = None  # made after its last play: something follows from it
        self.error: SiteError | None = None  # why it cannot go on
        self.admission = Admission()  # by its site's breaker
        self.decision: Decision | None = None  # what follows, until it is written
        self.hold_seconds = hold_seconds
        self.watch = Watch.of(lease.order.watch)
        self._asked_channel: Channel | None = None  # for its counter
        self._site_count: int | None = None  # by the site itself, beside `reading`
        self._received = lease.order.done  # as the round began with it, or last went on
        self._inherited = 0  # plays that a dead round had in flight and that are sent again

    def begin(self) -> None:
        order, site = self.order, self.link.site
        order.site = site
        self.adapter = sites.adapter(site.adapter, site.recipe, site.secrets)
        self.plan, self._week_number = plan_of(order, site), self.link.week_number
        self.deadline = deadline_of(order)
        unread = proving.resume_watch(order, self.watch, self.lease.claimed_at.timestamp())
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
        return self._asked_channel is not None and self._asked_channel is self.link.channel

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
        """Whether it has plays left that go out as fast as its site allows."""
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
    def is_under_way(self) -> bool:
        """Whether plays of it are in flight, or something is still to be written."""
        return bool(self.windows or self.windows.reserved or self.is_dirty or self.decision)

    @property
    def is_shut_out(self) -> bool:
        """Not once all is out: read later, others' views would be taken for a part of it."""
        return self.link.is_held_back and not self.is_all_out

    def sleeps(self, now: float) -> bool:
        """Whether nothing is to be done now. `now`: time.monotonic()."""
        if now >= self.wake_at or self.is_under_way:
            return False
        return self.error is None and self.reading is None and not self.is_asked_to_stop

    def must_stop(self, now: datetime) -> bool:
        link = self.link
        may_go_on = self.may_send and link.is_proved and not link.is_held_back
        return not may_go_on or self.is_late(now)

    def ask_admission(self) -> bool:
        """Whether the breaker lets it send what it has to; the answer may make it the probe."""
        return not self.may_send or self.is_all_out or self.admission.ask(self.link.site)

    def is_late(self, now: datetime) -> bool:
        return self.deadline is not None and now >= self.deadline

    def wants_reading(self, now: datetime) -> bool:
        order = self.order
        if self.is_reading or self.error is not None or self.decision is not None:
            return False
        if self.reading is not None:
            return self.wants_exact
        if time.monotonic() < self.wake_at:
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

    def seconds_away(self, now: datetime) -> float | None:
        """How long to give it back for; None: it stays, and sleeps until its next play is due."""
        if self.is_shut_out:
            return self.link.resumes_in
        if self.plan is not None and self._week_number != self.link.week_number:
            return 0.0  # whoever claims it next makes another plan
        if self.is_reading or self.is_all_out:
            return None
        wait = self.seconds_to_next(now)
        if wait > self.hold_seconds:
            return wait
        if wait > 0 and self.order.old_view_count is not None:
            self.wake_at = time.monotonic() + wait
        return None

    def wanted_plays(self, now: datetime) -> int:
        order = self.order
        if not self.is_sending or self.windows.are_enough:
            return 0
        if order.old_view_count is None:
            return 0
        if self._inherited:
            return self._inherited
        if self.plan is not None and self.is_reading:
            return 0  # while nothing is in flight a reading tells most
        wanted = min(self.windows.size, order.count - order.reserved)
        if self.plan is not None:
            wanted = min(wanted, self.plan.due(now.timestamp()) - order.reserved)
        return max(0, wanted)

    def reserve(self, count: int, *, is_all: bool = True) -> int:
        """Take so many plays, to be sent once the row is written. Returns how many: lost ones go
        all at once, under their old numbers. `is_all`: they are all that it wanted."""
        order = self.order
        if self._inherited:
            count, self._inherited = self._inherited, 0
        else:
            order.reserved += count
            order.sequence += count
        first = order.sequence - count + 1
        self.windows.reserved = Window(first, count, self.lease.expires)
        if is_all:
            self.served_at = time.monotonic()
        self.is_dirty = True
        return count

    def halt(self, channel: Channel) -> None:
        """No further play of it starts; what is in flight ends."""
        if self.windows and not self.is_halted:
            self.is_halted = True
            channel.halt(self.key)

    def leave_channel(self) -> int:
        """Forget what is in flight; how many plays that were."""
        self.channel = self._asked_channel = None
        self.is_halted = False
        return self.windows.drop()

    # --- what happened

    def record_window(self, window: Window, tally: Tally, moment: float) -> bool:
        """A window has ended at the `moment` (seconds since the epoch, by the database's clock).
        Returns False where it was dropped, or had ended, before."""
        ended = self.windows.end(window, tally)
        if ended is None:
            return False
        if tally.ended > tally.not_sent:
            self.watch.note_play(moment)
        for one in ended:
            self._count(one)
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
            self.admission.end_probe()
        self.is_dirty = True

    @property
    def wants_exact(self) -> bool:
        """Whether the site is to be asked for its count of this order, beside its counter."""
        if self.reading is None or self._site_count is not None or not self.link.site.exact_proof:
            return False
        unsaid = self.watch.unsaid
        return unsaid is None or retry.may_pass(unsaid, self.reading.answered)

    def take_reading(self, found: Fetched, now: float) -> int | None:
        """Returns views to keep. `now`: seconds since the epoch, by the database's clock."""
        self._asked_channel = None
        least = self.link.seconds_between_calls
        self._watch_at = time.monotonic() + self.watch.seconds_between_readings(now, least)
        try:
            if isinstance(found.result, SiteError):
                raise found.result
            if self.wants_exact:
                self._site_count = exact.counted_of(found.result, self.order.oid)
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

    def note_asked(self, channel: Channel | None) -> None:
        """Its counter was asked for; None: it is to be asked for again."""
        self._asked_channel = channel
        self._looks_before = self.looks[1]

    def observation(self, now: datetime) -> proving.Observation | None:
        """What was found out after its last play; None where that is still to come."""
        if self.reading is None or self.wants_exact:
            return None
        return proving.Observation(
            self.reading,
            lag=self.lag,
            counts_readings=self.counts_readings,
            site_count=self._site_count,
            is_late=self.is_late(now),
            is_narrow=self.link.is_narrow,
        )

    @property
    def counts_looks(self) -> bool:
        """Whether looks at the video may move its counter."""
        return self.counts_readings is not False and not self.watch.silent

    @property
    def is_watching(self) -> bool:
        """Whether a reading is made for those who watch, and decides nothing yet."""
        has_begun = self.order.old_view_count is not None and self.order.status == Status.RUNNING
        return (bool(self.windows) or has_begun) and not self.is_all_out

    @property
    def lag(self) -> float:
        """How long the site's counter may take to show a play, in seconds."""
        return sites.lag_of(self.adapter, self.link.site.learned_lag)

    def lags_until(self, now: datetime) -> datetime:
        """Until when the counter may not show its last play."""
        last = now.timestamp() if self.watch.played is None else self.watch.played
        return datetime.fromtimestamp(last + self.lag, UTC)

    @property
    def counts_readings(self) -> bool | None:
        """Whether a reading moves the counter; None: nobody knows."""
        site = self.link.site
        return sites.counts_readings(site.adapter, site.counts_readings)

    def fail(self, error: SiteError, *, is_outage: bool = False) -> None:
        """It cannot go on. `is_outage`: the site itself did not answer."""
        self.error = error
        self.watch.missed = True
        if is_outage and isinstance(error, TemporaryError) and not error.is_own_limit:
            self.admission.note_outage(error)

    def report_trouble(self, error: TemporaryError) -> float | None:
        """To the site's breaker; returns what Admission.report_trouble() does."""
        made_progress = self.order.done > self._received
        site, order = self.link.site, self.order
        return self.admission.report_trouble(site, order, error, made_progress=made_progress)

    @property
    def needs_ping(self) -> bool:
        """Whether only the site can tell whose trouble the error is."""
        return (
            isinstance(self.error, TemporaryError)
            and not self.error.is_own_limit
            and self.order.status == Status.RUNNING
            and not self.admission.is_clear
            and not self.order.cancel_requested
        )

    # --- after a decision

    def go_on(self, seconds: float) -> None:
        """It stays in the round, which looks at it again in so many seconds."""
        self.wake_at = time.monotonic() + seconds
        self.reading = self.error = self._site_count = self.decision = None
        self.admission.forget_outage()
        self.is_halted = False
        self._received = self.order.done
