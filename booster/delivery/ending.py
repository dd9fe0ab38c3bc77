"""What follows for an order that has nothing in flight: its end, another try, a wait.

The rules are booster/retry.py's and booster/proof's; here they become the change of the order's
row, which the round writes together with others. Breakers are told what they have to know.
"""

import logging
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from booster import retry
from booster.delivery import breaker, learned, proving
from booster.delivery.order import Decision, Delivery
from booster.exceptions import OwnershipError, SiteError, TemporaryError
from core.models import Order, Status, Transition, open_breaker_of
from core.models.leases import release
from core.models.transitions import checked_path, end_with, pause_as_requested
from core.reasons import Code, Reason, ReasonOrText, reason_columns, reason_of

logger = logging.getLogger(__name__)

# A rest that is no longer than this is waited for in the round in any case: to be given back and
# claimed again costs more.
REST_HOLD_SECONDS = 2.0


def decide(one: Delivery, now: datetime, *, is_stopping: bool) -> None:
    """Have an order that has nothing in flight say what is to be written of it (`decision`).
    Nothing where nothing follows yet, or where it goes on in the round without that: then its next
    play, or its next look at the counter, may have got a time.

    It is decided once, and stands until it is written: the breaker was told, and the watch has the
    reading by then."""
    if one.is_under_way:
        return
    decision = _decide(one, now)
    if decision is None and is_stopping:
        decision = _give_back(one, 0.0)
    if decision is not None:
        one.decision = _with_watch(one, decision)
        _tell_site(one, decision.change)


def _with_watch(one: Delivery, decision: Decision) -> Decision:
    """Whatever is written, so is what the readings told so far."""
    changes = {**decision.change.changes, "watch": one.watch.as_json()}
    return replace(decision, change=replace(decision.change, changes=changes))


def _decide(one: Delivery, now: datetime) -> Decision | None:
    order = one.order
    if order.cancel_requested and order.status == Status.RUNNING:
        return _cancel(one, now)
    if seen := one.observation(now):
        return _conclude(one, seen)
    if one.error is not None:
        return None if one.needs_ping else _answer_error(one, one.error, now)
    if order.pause_requested and order.status == Status.RUNNING:
        return _pause(one)
    if order.status == Status.VERIFYING:
        return None
    if one.is_late(now):
        return _give_up(one, _too_late(one), now, Status.PARTIAL)
    if one.admission.is_refused and not one.is_shut_out:
        return _wait_for_site(one, breaker.waiting_seconds())
    away = one.seconds_away(now)
    return None if away is None else _give_back(one, away)


def decide_own_failure(one: Delivery, now: datetime) -> Decision:
    """We ourselves failed. An order that always makes us fail stops sending; what it sent is
    settled by a reading that succeeds, or by a person, who is told."""
    return _with_watch(one, _answer_own_failure(one, now))


def decide_to_wait(one: Delivery) -> Decision:
    """What has to be written cannot be now, for no fault of the order's: no attempt is counted. One
    that somebody wants stopped waits as well, as it could not be."""
    later = Now() + timedelta(seconds=retry.LOCKED_SECONDS)
    return _with_watch(one, Decision(release(one.order, due=later)))


def decide_to_wait_for_room(one: Delivery, why: Reason) -> Decision:
    """The customer's balance is too large for the refund that the order ends with: a person lowers
    it, and is told."""
    later = Now() + timedelta(seconds=retry.NO_ROOM_SECONDS)
    return _with_watch(
        one, Decision(release(one.order, due=later, **reason_columns(why, "attention")))
    )


def _answer_own_failure(one: Delivery, now: datetime) -> Decision:
    order, own_error = one.order, Reason.of(Code.OWN_ERROR)
    if order.status == Status.VERIFYING:
        return _read_later(one, own_error, now)
    if not retry.SENDING.is_spent(_failures(one)):
        return _back_off(one, own_error, retry.SENDING)
    reason, told = _out_of_attempts(own_error), reason_columns(own_error, "attention")
    end = Status.FAILED if order.status == Status.RUNNING else Status.PARTIAL
    change = _verify_or_end(order, reason, now, end, **told)
    freed = {} if change.is_final else _freed(one)
    return Decision(replace(change, changes={**change.changes, **freed}))


def _conclude(one: Delivery, seen: proving.Observation) -> Decision | None:
    site = one.link.site
    if one.admission.is_probe:
        one.admission.report_up(site)
    one.watch.trouble = None
    conclusion = proving.conclude(one.order, site, one.watch, seen)
    change = conclusion.change
    if conclusion.seconds is None:
        return Decision(change)
    if conclusion.is_rest and conclusion.seconds <= REST_HOLD_SECONDS:
        # It ends before anybody could act on what would be written of it.
        one.go_on(conclusion.seconds)
        return None
    return _stay_or_leave(one, change, conclusion.seconds)


def _tell_site(one: Delivery, change: Transition) -> None:
    """What was decided of an order says something of its site as well. Hints: where the database
    fails meanwhile they are lost."""
    link = one.link
    if not link.is_closed:
        one.admission.pass_on(link.site)
    learned.keep_counting(link.site, one.adapter, one.watch, is_final=change.is_final)
    if learned.keep_width(link.site, one.order, change):
        link.apply_limits()


def _answer_error(one: Delivery, error: SiteError, now: datetime) -> Decision:
    if isinstance(error, OwnershipError):
        return _hold(one, error, now)
    if isinstance(error, TemporaryError):
        return _try_later(one, error, now)
    one.admission.report_up(one.link.site)  # it says why not
    return _wait_out(one, Reason.of_error(error), now)


def _wait_out(one: Delivery, reason: Reason, now: datetime) -> Decision:
    """No answer is final at once: a site gives 404, redirects or pages for JSON while it is put in
    order as well."""
    if one.order.status == Status.VERIFYING:
        return _read_later(one, reason, now)
    watch = one.watch
    if watch.trouble is None:
        watch.trouble = now.timestamp()
    if not retry.may_pass(watch.trouble, now.timestamp()):
        return _give_up(one, reason, now)
    watch.forgiven = retry.next_attempt(one.order.attempts)
    return _back_off(one, reason, retry.TROUBLE)


def _read_later(
    one: Delivery, reason: Reason, now: datetime, retry_after: float | None = None
) -> Decision:
    """The counter of an order that is verified cannot be read. It is tried for as long as it takes;
    a person is told in time and may settle by the last reading."""
    watch, moment = one.watch, now.timestamp()
    watch.trouble = watch.trouble or moment
    told = {}
    if not retry.may_pass(watch.trouble, moment):
        unreadable = Reason.of(Code.COUNTER_UNREADABLE, reason=reason)
        told = reason_columns(unreadable, "attention")
    later = _back_off(one, reason, retry.READING, retry_after)
    return replace(later, change=replace(later.change, changes={**later.change.changes, **told}))


def _hold(one: Delivery, error: OwnershipError, now: datetime) -> Decision:
    """Wait for the token. An order that is only waiting for its counter goes on waiting."""
    one.admission.report_up(one.link.site)  # without its token, but it answers
    order = one.order
    if order.status == Status.VERIFYING:
        return _read_later(one, Reason.of_error(error), now)
    changes = {"held_by_site": True, "lease_until": None, "holder": ""}
    path = checked_path(order, Status.PAUSED)
    return Decision(Transition(path, changes, Reason.of_error(error)).with_fence(order.fence))


def _pause(one: Delivery) -> Decision:
    """As a person asked."""
    order = one.order
    [(_order, paused)] = pause_as_requested([order])
    freed = {**paused.changes, "lease_until": None, "holder": ""}
    return Decision(replace(paused, changes=freed).with_fence(order.fence))


def _cancel(one: Delivery, now: datetime) -> Decision:
    """As a person asked."""
    reason = Reason.of(Code.CANCEL_REQUESTED) if one.order.reserved else ""
    return _stop_sending(one, reason, now, Status.CANCELED)


def _try_later(one: Delivery, error: TemporaryError, now: datetime) -> Decision:
    """A site that is down costs time only: an order waits for it without an attempt counted,
    and once all is sent nothing is decided without it. Other trouble has its attempts."""
    order, reason = one.order, Reason.of_error(error)
    if order.status == Status.VERIFYING:
        return _read_later(one, reason, now, error.retry_after)
    wait = one.report_trouble(error)
    if wait is not None:
        return _wait_for_site(one, wait)
    if retry.SENDING.is_spent(_failures(one)):
        return _give_up(one, _out_of_attempts(reason), now)
    return _back_off(one, reason, retry.SENDING, error.retry_after)


def _give_up(one: Delivery, reason: Reason, now: datetime, end: Status = Status.FAILED) -> Decision:
    """No more plays can be sent."""
    one.watch.trouble = None
    return _stop_sending(one, reason, now, end)


def _stop_sending(one: Delivery, reason: ReasonOrText, now: datetime, end: Status) -> Decision:
    """The counter has its time to show what was sent."""
    change = _verify_or_end(one.order, reason, one.lags_until(now), end)
    return Decision(change, None if change.is_final else 0.0)


def _verify_or_end(
    order: Order, reason: ReasonOrText, until: datetime, end: Status, **told: Any
) -> Transition:
    """What was sent has to be proved before it is billed; where nothing was, the order has its
    `end` now. `until`: the counter may lag until then."""
    if order.status == Status.RUNNING and order.reserved:
        change = proving.begin_verifying(order, reason, until)
        return replace(change, changes={**change.changes, **told})
    gone = end_with(order, checked_path(order, end), 0, reason=reason, **told)
    return gone.with_fence(order.fence)


def _too_late(one: Delivery) -> Reason:
    """That the deadline has come, and why the order waited where its site is the reason."""
    waited_for = open_breaker_of(one.link.site)
    trouble = reason_of(waited_for) if waited_for else ""
    if not trouble:
        return Reason.of(Code.DEADLINE_REACHED)
    return Reason.of(Code.DEADLINE_REACHED_IN_TROUBLE, reason=trouble)


def _failures(one: Delivery) -> int:
    """Of its runs in a row, with this one, but for those that its site is forgiven."""
    attempts = one.order.attempts
    return attempts - min(one.watch.forgiven, attempts) + 1


def _back_off(
    one: Delivery, reason: Reason, rule: retry.BackOff, retry_after: float | None = None
) -> Decision:
    """Give the order back until a later time by the `rule`."""
    attempts = retry.next_attempt(one.order.attempts)
    delay = rule.delay(attempts, random.random(), retry_after)  # noqa: S311
    logger.info("order %s: %s Again in %.0f s.", one.order.oid, reason, delay)
    return Decision(release(one.order, delay, attempts=attempts))


def _give_back(one: Delivery, seconds: float) -> Decision:
    return Decision(release(one.order, max(0.0, seconds)))


def _wait_for_site(one: Delivery, seconds: float) -> Decision:
    return replace(_give_back(one, seconds), waits_for_site=True)


def _stay_or_leave(one: Delivery, change: Transition, seconds: float) -> Decision:
    if seconds <= one.hold_seconds:
        return Decision(change, seconds)
    return Decision(replace(change, changes={**change.changes, **_freed(one, seconds)}))


def _freed(one: Delivery, seconds: float = 0.0) -> Mapping[str, Any]:
    """What the row says once the order is given back."""
    return release(one.order, seconds).changes


def _out_of_attempts(reason: Reason) -> Reason:
    return Reason.of(Code.ATTEMPTS_USED_UP, number=retry.SENDING.attempts, reason=reason)
