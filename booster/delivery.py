"""One order's run: claim, read the counter, reserve, send, checkpoint, verify, settle.

Law 1: a run may die at any line, and another begin at the same moment elsewhere. So nothing is
sent that was not reserved under a lease, and everything written is written under its fence.
Law 3: a site's 2xx says "received"; only its counter ends an order as completed.

A run lasts one slice, then gives the order back, so that a few workers serve many orders fairly.
"""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.utils import timezone

from booster import engine, sites, verification
from booster.client import SiteClient
from booster.engine import Limits, Tally, Window
from booster.exceptions import OwnershipError, PermanentError, TemporaryError
from core.crashpoints import reach
from core.models import CounterReading, Lease, LeaseLost, Order, Site, Status, TransitionError

logger = logging.getLogger(__name__)

SLICE_SECONDS = 20
# A window is what a crash can leave unknown, so it is short in time; the first is a guess.
WINDOW_SECONDS = 0.5
FIRST_WINDOW = 100
LARGEST_WINDOW = 20_000
# A site that proved itself this lately is not asked again; while orders run it is asked anew.
OWNERSHIP_AGE = timedelta(seconds=10)
# Sites that orders wait for are asked again this often.
HELD_SITE_AGE = timedelta(seconds=60)
# After so many runs in a row without a single play received, the order ends.
MAX_ATTEMPTS = 10
BACK_OFF_SECONDS = (2.0, 300.0)
# How long after its settlement time a counter that cannot be reached is waited for.
PATIENCE = timedelta(days=1)
# Plays of unknown fate that the counter never showed are sent again, up to this share of an order.
RESEND_SHARE = 0.1
# A counter that lags is read again after a tenth of its settlement time, within these bounds.
READING_SECONDS = (0.2, 60.0)


def run(order_id: int, should_stop: Callable[[], bool]) -> float | None:
    """Work on the order for at most a slice. Returns in how many seconds it wants to go on, or
    None when it ended, waits for a person, or belongs to somebody else."""
    lease = Lease.claim(order_id)
    if lease is None:
        return None
    try:
        return Delivery(lease, should_stop).advance()
    except (LeaseLost, TransitionError) as error:
        logger.warning("order %s: stopped, %s", lease.order.oid, error)
        return None
    except Exception:
        logger.exception("order %s: the run failed", lease.order.oid)
        with suppress(LeaseLost):
            _back_off(lease, "An error of the office's own, see its log.")
        raise


def resume_sites() -> list[int]:
    """Ask the sites that orders wait for; the ids of the orders that may go on."""
    waiting = Site.objects.filter(orders__status=Status.PAUSED, orders__held_by_site=True)
    asked_before = timezone.now() - HELD_SITE_AGE
    resumed = []
    for site in waiting.filter(checked_at__lt=asked_before).distinct():
        verification.verify(site)
        if site.verified:
            resumed += verification.resume_held_orders(site)
    return resumed


class Delivery:
    """One run of a claimed order."""

    def __init__(self, lease: Lease, should_stop: Callable[[], bool]) -> None:
        self.lease = lease
        self.order = lease.order
        self.site = lease.order.site
        self.adapter = sites.adapter(self.site.adapter, self.site.recipe)
        self._should_stop = should_stop
        self._slice_ends = time.monotonic() + SLICE_SECONDS
        self._lost: OwnershipError | None = None

    def advance(self) -> float | None:
        """Do what the order's status asks for. The site's errors end here: retried or given up."""
        try:
            if self.order.status == Status.PENDING:
                self._move(Status.RUNNING, start_date=self.order.start_date or timezone.now())
            if self.order.status == Status.RUNNING:
                delay = self._send()
                if self.order.status != Status.VERIFYING:
                    return delay
            return self._verify()
        except OwnershipError as error:
            self.order.hold_for_site(str(error), self.order.fence)
            return None
        except TemporaryError as error:
            return self._try_later(str(error), error.retry_after)
        except PermanentError as error:
            return self._give_up(str(error))

    # Sending

    def _send(self) -> float | None:
        """Send until all is out, the slice ends or somebody stops it. Returns the delay to the
        next run; None when the order's status has moved on."""
        order = self.order
        if order.cancel_requested:
            self._cancel()
            return None
        verification.confirm(self.site, OWNERSHIP_AGE)
        if order.old_view_count is None:
            views = self._read_counter()
            self.lease.record(old_view_count=views, view_count=views)
        if order.in_flight and not self.adapter.idempotent:
            # A run before this one died with these on the wire: only the counter knows.
            self.lease.checkpoint(uncertain=order.in_flight)
        received = order.done
        limits = self._limits()
        book = OrderBook(self.lease, limits, self._may_go_on)
        play = self.adapter.play(order.video_id, order.oid)
        target = verification.target_of(self.site)
        report = engine.deliver(target, play, book, limits, self._must_stop)
        if self._lost:
            raise self._lost
        if order.done > received and order.attempts:
            self.lease.record(attempts=0)
        if order.reserved == order.count and not order.in_flight:
            self._begin_verifying()
            return None
        if self.lease.canceled():
            self._cancel()
            return None
        match report.stopped:
            case "refused":
                raise PermanentError(report.reason)
            case "unavailable":
                raise TemporaryError(report.reason, retry_after=report.retry_after)
            case "expired":
                raise LeaseLost("the lease ran out while sending")
        self.lease.release()
        return 0.0

    def _limits(self) -> Limits:
        """The site's ceilings, shared evenly by the orders that run on it now."""
        running = max(1, Order.objects.on_the_wire(self.site).count())
        return Limits(
            connections=max(1, self.site.max_connections // running),
            rate=max(1.0, self.site.max_rate / running),
        )

    def _must_stop(self) -> bool:
        reach("on-the-wire")
        return self._should_stop() or self.order.cancel_requested

    def _may_go_on(self) -> bool:
        """Asked before each window: whether to reserve another."""
        if time.monotonic() > self._slice_ends or self._should_stop() or self.lease.canceled():
            return False
        return self._is_still_ours()

    def _is_still_ours(self) -> bool:
        """Ask the site again while the window before is on the wire; what is on it comes home."""
        try:
            verification.confirm(self.site, OWNERSHIP_AGE)
        except OwnershipError as error:
            self._lost = error
            return False
        except TemporaryError as error:
            # A busy site may not answer in time. The next run begins with an answer or not at all.
            logger.info("order %s: the token was not read: %s", self.order.oid, error)
        return True

    # Proving

    def _begin_verifying(self, why: str = "") -> None:
        settle = timedelta(seconds=self.adapter.settle_seconds)
        self._move(Status.VERIFYING, why=why, verify_until=timezone.now() + settle)

    def _verify(self) -> float | None:
        """Compare the counter with what was sent; settle, wait for it, or send what it lacks."""
        order = self.order
        reach("before-verify")
        views = self._read_counter()
        self.lease.record(view_count=views)
        reach("after-verify")
        sent = order.done + order.uncertain
        rise = order.rise or 0
        if rise >= sent:
            self._settle(sent)
            return None
        assert order.verify_until is not None
        remaining = (order.verify_until - timezone.now()).total_seconds()
        if remaining > 0:
            low, high = READING_SECONDS
            delay = min(max(low, self.adapter.settle_seconds / 10), high, remaining)
            self.lease.release(delay)
            return delay
        missing = min(sent - max(rise, 0), order.uncertain)
        extra = order.sequence - order.count + missing
        if missing and order.reserved == order.count and extra <= order.count * RESEND_SHARE:
            return self._send_again(missing)
        self._settle(order.proved, attention=self._doubt(rise))
        return None

    def _send_again(self, missing: int) -> float:
        """The counter had time to show the uncertain plays and lacks `missing` of them."""
        order = self.order
        self._move(
            Status.RUNNING,
            why=f"The counter lacks {missing} of {order.uncertain} uncertain plays; sent again.",
            done=order.done + order.uncertain - missing,
            failed=order.failed + missing,
            reserved=order.reserved - missing,
            uncertain=0,
        )
        self.lease.release()
        return 0.0

    def _settle(self, delivered: int, attention: str = "") -> None:
        order = self.order
        whole = delivered == order.count
        shown = f"The counter shows {delivered} of {order.count} plays."
        order.settle(
            Status.COMPLETED if whole else Status.PARTIAL,
            delivered,
            why="" if whole else self._last_reason() or shown,
            fence=order.fence,
            attention=attention,
        )

    def _doubt(self, rise: int) -> str:
        """What is odd about a counter that does not show what the site received."""
        if rise < 0:
            return f"The counter fell by {-rise} while plays were received."
        if rise == 0 and self.order.done:
            return "The counter did not move though plays were received."
        return ""

    def _read_counter(self) -> int:
        with SiteClient(verification.target_of(self.site)) as client:
            views = self.adapter.read_count(client, self.order.video_id)
        CounterReading.objects.create(order=self.order, views=views, done=self.order.done)
        return views

    # Ending early

    def _cancel(self) -> None:
        """End as asked. Uncertain plays are billed only where the counter shows them."""
        order = self.order
        delivered = order.done
        if order.uncertain or order.in_flight:
            try:
                views = self._read_counter()
            except (TemporaryError, PermanentError) as error:
                logger.warning("order %s: canceled without a reading: %s", order.oid, error)
            else:
                self.lease.record(view_count=views)
                shown = (order.rise or 0) - order.done
                delivered += max(0, min(shown, order.uncertain + order.in_flight))
        order.settle(Status.CANCELED, delivered, fence=order.fence)

    def _try_later(self, reason: str, retry_after: float | None) -> float | None:
        """Once all is sent a site that is down costs time only: nothing is decided without it."""
        if self.order.status == Status.VERIFYING:
            patient = (
                self.order.verify_until and timezone.now() < self.order.verify_until + PATIENCE
            )
        else:
            patient = self.order.attempts + 1 < MAX_ATTEMPTS
        if not patient:
            return self._give_up(reason)
        return _back_off(self.lease, reason, retry_after)

    def _give_up(self, reason: str) -> float | None:
        """No more plays can be sent. What was sent still has to be proved before it is billed."""
        order = self.order
        if order.status == Status.VERIFYING:
            self._settle(order.proved, attention=f"The counter cannot be read: {reason}")
        elif order.done or order.uncertain or order.in_flight:
            if order.in_flight:
                self.lease.checkpoint(uncertain=order.in_flight)
            self._begin_verifying(reason)
            self.lease.release()
            return 0.0
        else:
            order.settle(Status.FAILED, 0, why=reason, fence=order.fence)
        return None

    # Writing

    def _move(self, to: Status, why: str = "", **changes: object) -> None:
        self.order.move(to, fence=self.order.fence, why=why, **changes)

    def _last_reason(self) -> str:
        return self.order.events.order_by("-id").values_list("reason", flat=True).first() or ""


class OrderBook:
    """The engine's book of plays, kept in the order's row under the lease."""

    def __init__(self, lease: Lease, limits: Limits, may_go_on: Callable[[], bool]) -> None:
        self._lease = lease
        self._limits = limits
        self._may_go_on = may_go_on
        self._size = max(FIRST_WINDOW, 4 * limits.connections)
        self._checkpointed = time.monotonic()
        self._started = False

    def reserve(self) -> Window | None:
        """The next window. A run that follows a crashed one begins with the plays of unknown fate,
        under their old numbers: the site knows them again."""
        order = self._lease.order
        if not self._started and (unknown := order.in_flight):
            self._started = True
            return Window(order.sequence - unknown + 1, unknown, self._lease.expires)
        self._started = True
        if not self._may_go_on():
            return None
        return self._window(self._lease.reserve(self._next_size()))

    def checkpoint(self, window: Window, tally: Tally) -> Window | None:
        """Write down how the window ended and take the next, in one statement."""
        self._learn_size(window)
        number = self._lease.checkpoint(
            done=tally.counted,
            failed=tally.refused,
            not_sent=tally.not_sent,
            uncertain=tally.uncertain,
            reserve=0 if tally.halted or not self._may_go_on() else self._next_size(),
        )
        return self._window(number)

    def _window(self, count: int) -> Window | None:
        if not count:
            return None
        return Window(self._lease.order.sequence - count + 1, count, self._lease.expires)

    def _learn_size(self, window: Window) -> None:
        """Follow the speed of the wire, at most doubling."""
        now = time.monotonic()
        speed = window.count / max(now - self._checkpointed, 0.001)
        self._checkpointed = now
        self._size = min(int(speed * WINDOW_SECONDS) + 1, 2 * self._size, LARGEST_WINDOW)

    def _next_size(self) -> int:
        if self._limits.rate is None:
            return self._size
        return max(1, min(self._size, int(self._limits.rate * WINDOW_SECONDS)))


def _back_off(lease: Lease, reason: str, retry_after: float | None = None) -> float:
    """Give the order back until a later time: doubling, with jitter, or when the site asked."""
    low, high = BACK_OFF_SECONDS
    attempts = lease.order.attempts + 1
    delay = retry_after or min(low * 2 ** (attempts - 1), high) * random.uniform(0.8, 1.2)  # noqa: S311
    logger.info("order %s: %s Again in %.0f s.", lease.order.oid, reason, delay)
    lease.release(delay, attempts=attempts)
    return delay
