"""One order's run: claim, read the counter, reserve, send, checkpoint, verify, settle.

Law 1: a run may die at any line, and another begin at the same moment elsewhere. So nothing is
sent that was not reserved under a lease, and everything written is written under its fence.
Law 3: a site's 2xx says "received"; only its counter ends an order as completed.

A run lasts one slice, then gives the order back, so that a few workers serve many orders fairly.
No transaction spans a call to the site.
"""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from booster import engine, retry, sites
from booster.delivery.breaker import BreakerGuard
from booster.delivery.deadline import is_late
from booster.delivery.sharing import running_order_count, site_of
from booster.delivery.verifying import CounterProof
from booster.delivery.windows import OrderWindows
from booster.engine import Limits, Report
from booster.exceptions import OwnershipError, PermanentError, TemporaryError
from booster.ownership import verification
from booster.pacing import DripPlan
from core.models import (
    Lease,
    LeaseLostError,
    Order,
    Status,
    TransitionError,
    open_breaker_of,
)
from core.models.failpoints import failpoint
from core.reasons import Code, Reason, columns, read

logger = logging.getLogger(__name__)

# An order goes on for so long; when others wait, for at least the shorter time.
SLICE_SECONDS = 20.0
SHARED_SLICE_SECONDS = 3.0
# A drip-fed order sends what is due at once and holds no worker in between: with the second that
# a wake-up may take it is never more than five behind.
DRIP_SECONDS = 3.5
# An answer that hangs, and the play sent again that hangs as well, end within one lease.
ANSWER_SECONDS = 12.0
# How often a run asks whether its order has been canceled.
CANCEL_CHECK_SECONDS = 0.25
# A site that proved itself this lately is not asked again; while orders run it is asked anew.
OWNERSHIP_AGE = timedelta(seconds=10)


def run(order_id: int, should_stop: Callable[[], bool]) -> float | None:
    """Work on the order for at most a slice. Returns in how many seconds it wants to go on, or
    None when it ended, waits for a person, or belongs to somebody else."""
    lease = Lease.claim(order_id)
    if lease is None:
        return None
    try:
        return Delivery(lease, should_stop).advance()
    except (LeaseLostError, TransitionError) as error:
        logger.warning("order %s: stopped, %s", lease.order.oid, error)
        return None
    except (OperationalError, InterfaceError):
        logger.exception("order %s: the database failed", lease.order.oid)
        with suppress(LeaseLostError):
            lease.release(retry.SENDING.first)
        raise
    except Exception:
        logger.exception("order %s: the run failed", lease.order.oid)
        with suppress(LeaseLostError, TransitionError):
            _put_off_or_end(lease)
        raise


class Delivery:
    """One run of a claimed order."""

    def __init__(self, lease: Lease, should_stop: Callable[[], bool]) -> None:
        self.lease = lease
        self.order = lease.order
        self.site = site_of(lease.order)
        self.adapter = sites.adapter(self.site.adapter, self.site.recipe)
        self._proof = CounterProof(lease, self.site, self.adapter)
        self._should_stop = should_stop
        self._began = time.monotonic()
        self._last_cancel_check = self._began  # in the row that was claimed
        self._lost: OwnershipError | None = None
        self._breaker: BreakerGuard | None = None  # asked for before anything is sent
        self._made_progress = False  # at least one play was received in this run

    def advance(self) -> float | None:
        """Do what the order's status asks for. The site's errors end here: retried or given up."""
        try:
            if self.order.status == Status.VERIFYING:
                return self._prove()
            if self.order.cancel_requested:
                self._cancel()
                return None
            if is_late(self.order):
                return self._give_up(self._too_late(), Status.PARTIAL)
            return self._send()
        except OwnershipError as error:
            return self._hold(error)
        except TemporaryError as error:
            return self._try_later(error)
        except PermanentError as error:
            self._site_answered()
            return self._give_up(Reason.of_error(error))

    # Sending

    def _send(self) -> float | None:
        """Send until all is out, the slice ends or somebody stops it."""
        order = self.order
        plan = self._drip_plan()
        if plan and not order.in_flight and (wait := self._seconds_to_next(plan)) > 0:
            self.lease.release(wait)
            return wait
        self._breaker = BreakerGuard.ask(self.site)
        if wait := self._breaker.wait_seconds:
            self.lease.release(wait)
            return wait
        verification.confirm(self.site, OWNERSHIP_AGE)
        if order.in_flight and not self.adapter.idempotent:
            # A run before this one died with these in flight: only the counter knows.
            self.lease.checkpoint(uncertain=order.in_flight)
        received = order.done
        report = self._deliver(plan)
        self._made_progress = order.done > received
        if self._made_progress and report.stopped != "unavailable":
            self._site_answered()
        if self._lost:
            raise self._lost
        if self._made_progress and order.attempts:
            self.lease.record(attempts=0)
        if order.reserved == order.count and not order.in_flight:
            return self._prove()
        if self.lease.canceled():
            self._cancel()
            return None
        return self._after(report, plan)

    def _deliver(self, plan: DripPlan | None) -> Report:
        order, limits = self.order, self._limits()
        windows = OrderWindows(
            self.lease,
            connections=limits.connections,
            rate=self._rate,
            may_go_on=self._may_go_on,
            reservable_so_far=(lambda: plan.due(time.time())) if plan else None,
        )
        if order.old_view_count is None:
            views = self._proof.views()
            with transaction.atomic():
                self._proof.record_reading(views)
                windows.open(old_view_count=views, view_count=views)
        else:
            windows.open()
        play = self.adapter.play(order.video_id, order.oid)
        target = verification.client_of(self.site).target
        return engine.deliver(target, play, windows, limits, self._must_stop)

    def _after(self, report: Report, plan: DripPlan | None) -> float:
        """The slice is over and plays remain: how to go on with them."""
        match report.stopped:
            case "refused":
                assert report.reason
                raise PermanentError.of(report.reason)
            case "unavailable":
                assert report.reason
                error = TemporaryError.of(report.reason)
                error.retry_after = report.retry_after
                raise error
            case "expired":
                raise LeaseLostError("the lease ran out while sending")
        delay = max(DRIP_SECONDS, self._seconds_to_next(plan)) if plan else 0.0
        self.lease.release(delay)
        return delay

    def _limits(self) -> Limits:
        """The site's ceilings, shared evenly by the orders that run on it now, on all hosts."""
        return Limits(
            connections=max(1, self.site.max_connections // running_order_count(self.site)),
            rate=self._rate(),
            answer_timeout=ANSWER_SECONDS,
        )

    def _rate(self) -> float:
        return max(1.0, self.site.max_rate / running_order_count(self.site))

    def _drip_plan(self) -> DripPlan | None:
        order = self.order
        if not order.hours or order.start_date is None:
            return None
        start = timezone.localtime(order.start_date)
        offset = start.utcoffset() or timedelta(0)
        return DripPlan(
            order.count, start.timestamp(), order.hours, order.by_day, offset.total_seconds()
        )

    def _seconds_to_next(self, plan: DripPlan) -> float:
        return max(0.0, plan.due_at(self.order.reserved + 1) - time.time())

    def _must_stop(self) -> bool:
        failpoint("on-the-wire")
        return self._should_stop() or self._is_canceled()

    def _may_go_on(self) -> bool:
        """Asked before each window: whether to reserve another."""
        if self._slice_is_over() or self._should_stop() or self._is_canceled():
            return False
        return self._is_still_ours()

    def _is_canceled(self) -> bool:
        now = time.monotonic()
        if now - self._last_cancel_check < CANCEL_CHECK_SECONDS:
            return self.order.cancel_requested
        self._last_cancel_check = now
        return self.lease.canceled()

    def _slice_is_over(self) -> bool:
        elapsed = time.monotonic() - self._began
        if elapsed < SHARED_SLICE_SECONDS:
            return False
        return elapsed > SLICE_SECONDS or Order.objects.free_to_claim().exists()

    def _is_still_ours(self) -> bool:
        """Ask the site again while a window is in flight. Its plays are completed in any case."""
        try:
            if verification.confirm(self.site, OWNERSHIP_AGE):
                self._proof.record_reading(self._proof.views())
        except OwnershipError as error:
            self._lost = error
            return False
        except (TemporaryError, PermanentError) as error:
            # A busy site may not answer in time. The next run begins with an answer or not at all.
            logger.info("order %s: not asked while sending: %s", self.order.oid, error)
        return True

    def _prove(self) -> float | None:
        failpoint("before-verify")
        views = self._proof.views()
        failpoint("after-verify")
        if self._breaker and self._breaker.is_probe:
            self._site_answered()
        return self._proof.conclude(views)

    # Ending early

    def _hold(self, error: OwnershipError) -> float | None:
        """Wait for the token. An order that is only waiting for its counter goes on waiting."""
        self._site_answered()
        if self.order.status == Status.VERIFYING:
            return self._try_later(TemporaryError.of(error))
        if self.order.cancel_requested:
            self._cancel()
        else:
            self.order.hold_for_site(Reason.of_error(error), under=self.order.fence)
        return None

    def _cancel(self) -> None:
        """End as asked. Plays of unknown fate are billed only where the counter shows them."""
        order = self.order
        delivered, unknown = order.done, order.uncertain + order.in_flight
        views = order.view_count
        if unknown:
            try:
                views = order.view_count = self._proof.views()
            except (TemporaryError, PermanentError) as error:
                logger.warning("order %s: canceled without a reading: %s", order.oid, error)
            else:
                delivered += max(0, min((order.rise or 0) - order.done, unknown))
        order.settle(Status.CANCELED, delivered, under=order.fence, view_count=views)

    def _try_later(self, error: TemporaryError) -> float | None:
        """A site that is down costs time only: an order waits for it without an attempt counted,
        and once all is sent nothing is decided without it. Other trouble has its attempts."""
        order, reason = self.order, Reason.of_error(error)
        if order.status == Status.VERIFYING and order.verify_until is not None:
            if not retry.may_become_readable(order.verify_until, timezone.now()):
                return self._give_up(reason)
            return _back_off(self.lease, reason, retry.READING, error.retry_after)
        assert self._breaker is not None
        wait = self._breaker.report_failure(order, error, made_progress=self._made_progress)
        if wait is not None:
            self.lease.release(wait)
            return wait
        if retry.SENDING.is_spent(order.attempts + 1):
            return self._give_up(_out_of_attempts(reason))
        return _back_off(self.lease, reason, retry.SENDING, error.retry_after)

    def _site_answered(self) -> None:
        if self._breaker:
            self._breaker.report_success()

    def _too_late(self) -> Reason:
        """That the deadline has come, and why the order waited where its site is the reason."""
        breaker = open_breaker_of(self.site)
        trouble = read(breaker) if breaker else ""
        if not trouble:
            return Reason.of(Code.DEADLINE_REACHED)
        return Reason.of(Code.DEADLINE_REACHED_IN_TROUBLE, reason=trouble)

    def _give_up(self, reason: Reason, end: Status = Status.FAILED) -> float | None:
        """No more plays can be sent. What was sent still has to be proved before it is billed;
        where nothing was, the order has its `end` now."""
        order = self.order
        if order.status == Status.VERIFYING:
            unreadable = Reason.of(Code.COUNTER_UNREADABLE, reason=reason)
            self._proof.settle(order.proved, unreadable)
        elif order.done or order.uncertain or order.in_flight:
            if order.in_flight:
                self.lease.checkpoint(uncertain=order.in_flight)
            self._proof.begin_verifying(reason)
            self.lease.release()
            return 0.0
        else:
            order.settle(end, 0, reason=reason, under=order.fence)
        return None


def _back_off(
    lease: Lease, reason: Reason, rule: retry.BackOff, retry_after: float | None = None
) -> float:
    """Give the order back until a later time by the `rule`; in how many seconds that is."""
    attempts = retry.next_attempt(lease.order.attempts)
    delay = rule.delay(attempts, random.random(), retry_after)  # noqa: S311
    logger.info("order %s: %s Again in %.0f s.", lease.order.oid, reason, delay)
    lease.release(delay, attempts=attempts)
    return delay


def _put_off_or_end(lease: Lease) -> None:
    """We ourselves failed. An order that always makes us fail must end as well: with what its
    last reading shows, for a person to look at. While it is verified its attempts are readings
    that failed, so that time ends it and not their number."""
    order, fence = lease.order, lease.order.fence
    order.refresh_from_db()  # what was written in the run may have been taken back
    if order.fence != fence:
        return
    own_error = Reason.of(Code.OWN_ERROR)
    if order.status == Status.VERIFYING and order.verify_until is not None:
        if retry.may_become_readable(order.verify_until, timezone.now()):
            _back_off(lease, own_error, retry.READING)
            return
        reason = own_error
    elif not retry.SENDING.is_spent(order.attempts + 1):
        _back_off(lease, own_error, retry.SENDING)
        return
    else:
        reason = _out_of_attempts(own_error)
    untouched = order.status == Status.RUNNING and not order.reserved
    order.settle(
        Status.FAILED if untouched else Status.PARTIAL,
        order.proved,
        reason=reason,
        under=order.fence,
        **columns(own_error, "attention"),
    )


def _out_of_attempts(reason: Reason) -> Reason:
    return Reason.of(Code.ATTEMPTS_USED_UP, number=retry.SENDING.attempts, reason=reason)
