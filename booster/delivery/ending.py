"""What follows for an order that has nothing in flight: its end, another try, a wait.

The rules are booster/retry.py's and booster/proof's; here they become changes of orders' rows,
which the round writes.
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from booster import retry
from booster.delivery import breaker, learned, proving
from booster.delivery.delivery import Delivery
from booster.exceptions import OwnershipError, SiteError, TemporaryError
from core.models import Order, Status, Transition, open_breaker_of
from core.models.leases import release
from core.models.transitions import checked_path, end_with, pause_as_requested
from core.reasons import Code, Reason, ReasonOrText, reason_columns, reason_of

logger = logging.getLogger(__name__)

# A rest up to this is waited for in the round: to be given back and claimed again costs more.
REST_HOLD_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Decision:
    """`again_in`: the seconds after which the round goes on with the order; None: it leaves the
    round. `waits_for_site`: whoever finds the site taking plays wakes it."""

    change: Transition
    again_in: float | None = None
    waits_for_site: bool = False


def decide(delivery: Delivery, now: datetime, *, is_stopping: bool) -> None:
    """Set the `decision` of an order that has nothing in flight, if any. It stands until it is
    written: the breaker was told, and the watch has the reading by then."""
    if delivery.is_under_way:
        return
    decision = _decide(delivery, now)
    if decision is None and is_stopping:
        decision = _give_back(delivery, 0.0)
    if decision is not None:
        delivery.decision = _with_watch(delivery, decision)
        _tell_site(delivery, decision.change)


def _with_watch(delivery: Delivery, decision: Decision) -> Decision:
    """Whatever is written, so is what the readings told so far."""
    changes = {**decision.change.changes, "watch": delivery.watch.as_json()}
    return replace(decision, change=replace(decision.change, changes=changes))


def _decide(delivery: Delivery, now: datetime) -> Decision | None:
    order = delivery.order
    if order.cancel_requested and order.status == Status.RUNNING:
        return _cancel(delivery, now)
    if seen := delivery.observation(now):
        return _conclude(delivery, seen)
    if delivery.error is not None:
        # The round pings the site first where that is needed.
        return None if delivery.needs_ping else _answer_error(delivery, delivery.error, now)
    if order.pause_requested and order.status == Status.RUNNING:
        return _pause(delivery)
    if order.status == Status.VERIFYING:
        return None
    if delivery.is_late(now):
        return _give_up(delivery, _too_late(delivery), now, Status.PARTIAL)
    if delivery.admission.is_refused and not delivery.is_shut_out:
        return _wait_for_site(delivery, breaker.waiting_seconds())
    away = delivery.seconds_away(now)
    return None if away is None else _give_back(delivery, away)


def decide_own_failure(delivery: Delivery, now: datetime) -> Decision:
    """An order that always makes us fail stops sending. What it sent is settled by a reading that
    succeeds, or by a person, who is told."""
    return _with_watch(delivery, _answer_own_failure(delivery, now))


def decide_to_wait(delivery: Delivery) -> Decision:
    """Its rows are locked, for no fault of the order's: no attempt is counted."""
    later = Now() + timedelta(seconds=retry.LOCKED_SECONDS)
    return _with_watch(delivery, Decision(release(delivery.order, due=later)))


def decide_to_wait_for_room(delivery: Delivery, why: Reason) -> Decision:
    """The customer's balance is too large for the order's refund: a person is told to lower it."""
    later = Now() + timedelta(seconds=retry.NO_ROOM_SECONDS)
    return _with_watch(
        delivery, Decision(release(delivery.order, due=later, **reason_columns(why, "attention")))
    )


def _answer_own_failure(delivery: Delivery, now: datetime) -> Decision:
    order, own_error = delivery.order, Reason.of(Code.OWN_ERROR)
    if order.status == Status.VERIFYING:
        return _read_later(delivery, own_error, now)
    if not retry.SENDING.is_spent(_failures(delivery)):
        return _back_off(delivery, own_error, retry.SENDING)
    reason, told = _out_of_attempts(own_error), reason_columns(own_error, "attention")
    end = Status.FAILED if order.status == Status.RUNNING else Status.PARTIAL
    change = _verify_or_end(order, reason, now, end, **told)
    freed = {} if change.is_final else _freed(delivery)
    return Decision(replace(change, changes={**change.changes, **freed}))


def _conclude(delivery: Delivery, seen: proving.Observation) -> Decision | None:
    site = delivery.link.site
    if delivery.admission.is_probe:
        delivery.admission.report_up(site)
    delivery.watch.trouble = None
    conclusion = proving.conclude(delivery.order, site, delivery.watch, seen)
    change = conclusion.change
    if conclusion.again_in is None:
        return Decision(change)
    if conclusion.is_rest and conclusion.again_in <= REST_HOLD_SECONDS:
        # It ends before anybody could act on what would be written of it.
        delivery.go_on(conclusion.again_in)
        return None
    return _stay_or_leave(delivery, change, conclusion.again_in)


def _tell_site(delivery: Delivery, change: Transition) -> None:
    """What a decision says of the site. Hints: they are lost where the database fails meanwhile."""
    link = delivery.link
    if not link.is_held_back:
        delivery.admission.pass_on(link.site)
    learned.keep_counting(link.site, delivery.adapter, delivery.watch, is_final=change.is_final)
    if learned.keep_width(link.site, delivery.order, change):
        link.apply_limits()


def _answer_error(delivery: Delivery, error: SiteError, now: datetime) -> Decision:
    if isinstance(error, OwnershipError):
        return _pause_for_token(delivery, error, now)
    if isinstance(error, TemporaryError):
        return _try_later(delivery, error, now)
    delivery.admission.report_up(delivery.link.site)  # it says why not
    return _wait_out(delivery, Reason.of_error(error), now)


def _wait_out(delivery: Delivery, reason: Reason, now: datetime) -> Decision:
    """No answer is final at once: a site under repair gives 404, redirects or pages for JSON."""
    if delivery.order.status == Status.VERIFYING:
        return _read_later(delivery, reason, now)
    watch = delivery.watch
    if watch.trouble is None:
        watch.trouble = now.timestamp()
    if not retry.may_pass(watch.trouble, now.timestamp()):
        return _give_up(delivery, reason, now)
    watch.forgiven = retry.next_attempt(delivery.order.attempts)
    return _back_off(delivery, reason, retry.TROUBLE)


def _read_later(
    delivery: Delivery, reason: Reason, now: datetime, retry_after: float | None = None
) -> Decision:
    """For as long as it takes; a person is told in time and may settle by the last reading."""
    watch, moment = delivery.watch, now.timestamp()
    watch.trouble = watch.trouble or moment
    told = {}
    if not retry.may_pass(watch.trouble, moment):
        unreadable = Reason.of(Code.COUNTER_UNREADABLE, reason=reason)
        told = reason_columns(unreadable, "attention")
    later = _back_off(delivery, reason, retry.READING, retry_after)
    return replace(later, change=replace(later.change, changes={**later.change.changes, **told}))


def _pause_for_token(delivery: Delivery, error: OwnershipError, now: datetime) -> Decision:
    """An order that only waits for its counter goes on waiting."""
    delivery.admission.report_up(delivery.link.site)  # without its token, but it answers
    order = delivery.order
    if order.status == Status.VERIFYING:
        return _read_later(delivery, Reason.of_error(error), now)
    changes = {"held_by_site": True, "lease_until": None, "holder": ""}
    path = checked_path(order, Status.PAUSED)
    return Decision(Transition(path, changes, Reason.of_error(error)).with_fence(order.fence))


def _pause(delivery: Delivery) -> Decision:
    order = delivery.order
    [(_order, paused)] = pause_as_requested([order])
    freed = {**paused.changes, "lease_until": None, "holder": ""}
    return Decision(replace(paused, changes=freed).with_fence(order.fence))


def _cancel(delivery: Delivery, now: datetime) -> Decision:
    reason = Reason.of(Code.CANCEL_REQUESTED) if delivery.order.reserved else ""
    return _stop_sending(delivery, reason, now, Status.CANCELED)


def _try_later(delivery: Delivery, error: TemporaryError, now: datetime) -> Decision:
    """No attempt is counted while the site is down. Other trouble has its attempts."""
    order, reason = delivery.order, Reason.of_error(error)
    if order.status == Status.VERIFYING:
        return _read_later(delivery, reason, now, error.retry_after)
    if error.is_own_limit:
        logger.warning("order %s: %s", order.oid, reason)
        return _give_back(delivery, retry.OWN_FAILURE_SECONDS)
    wait = delivery.report_trouble(error)
    if wait is not None:
        return _wait_for_site(delivery, wait)
    if retry.SENDING.is_spent(_failures(delivery)):
        return _give_up(delivery, _out_of_attempts(reason), now)
    return _back_off(delivery, reason, retry.SENDING, error.retry_after)


def _give_up(
    delivery: Delivery, reason: Reason, now: datetime, end: Status = Status.FAILED
) -> Decision:
    delivery.watch.trouble = None
    return _stop_sending(delivery, reason, now, end)


def _stop_sending(delivery: Delivery, reason: ReasonOrText, now: datetime, end: Status) -> Decision:
    """The counter has its time to show what was sent."""
    change = _verify_or_end(delivery.order, reason, delivery.lags_until(now), end)
    return Decision(change, None if change.is_final else 0.0)


def _verify_or_end(
    order: Order, reason: ReasonOrText, until: datetime, end: Status, **told: Any
) -> Transition:
    """What was sent has to be proved before it is billed; without it the order has its `end` now.
    `until`: the counter may lag until then."""
    if order.status == Status.RUNNING and order.reserved:
        change = proving.begin_verifying(order, reason, until)
        return replace(change, changes={**change.changes, **told})
    gone = end_with(order, checked_path(order, end), 0, reason=reason, **told)
    return gone.with_fence(order.fence)


def _too_late(delivery: Delivery) -> Reason:
    """That the deadline has come, and why the order waited where its site is the reason."""
    waited_for = open_breaker_of(delivery.link.site)
    trouble = reason_of(waited_for) if waited_for else ""
    if not trouble:
        return Reason.of(Code.DEADLINE_REACHED)
    return Reason.of(Code.DEADLINE_REACHED_IN_TROUBLE, reason=trouble)


def _failures(delivery: Delivery) -> int:
    """In a row, with this one, without those that its site is forgiven."""
    attempts = delivery.order.attempts
    return attempts - min(delivery.watch.forgiven, attempts) + 1


def _back_off(
    delivery: Delivery, reason: Reason, rule: retry.BackOff, retry_after: float | None = None
) -> Decision:
    attempts = retry.next_attempt(delivery.order.attempts)
    delay = rule.delay(attempts, random.random(), retry_after)  # noqa: S311
    logger.info("order %s: %s Again in %.0f s.", delivery.order.oid, reason, delay)
    return Decision(release(delivery.order, delay, attempts=attempts))


def _give_back(delivery: Delivery, seconds: float) -> Decision:
    return Decision(release(delivery.order, max(0.0, seconds)))


def _wait_for_site(delivery: Delivery, seconds: float) -> Decision:
    return replace(_give_back(delivery, seconds), waits_for_site=True)


def _stay_or_leave(delivery: Delivery, change: Transition, seconds: float) -> Decision:
    if seconds <= delivery.hold_seconds:
        return Decision(change, seconds)
    return Decision(replace(change, changes={**change.changes, **_freed(delivery, seconds)}))


def _freed(delivery: Delivery, seconds: float = 0.0) -> Mapping[str, Any]:
    """What the row says once the order is given back."""
    return release(delivery.order, seconds).changes


def _out_of_attempts(reason: Reason) -> Reason:
    return Reason.of(Code.ATTEMPTS_USED_UP, number=retry.SENDING.attempts, reason=reason)
