"""What follows for an order from what its site's counter says: a site's 2xx says "received"; only
its counter ends an order as completed (law 3).

`booster.proof` decides what a reading means; here it becomes the change of the order's row. Order
and watch change in memory alone: nothing is written and nobody is asked here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from booster import retry
from booster.proof import (
    Action,
    Evidence,
    Reading,
    Verdict,
    Watch,
    evidence_of,
    is_catching_up,
    judge,
)
from core.models import Order, Site, Status, Transition
from core.models.transitions import checked_path, end_with
from core.reasons import Code, Reason, ReasonOrText, reason_columns

# While plays are sent, a reading is kept where none was for this part of the time since the first.
KEPT_SHARE = 200


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`again_in`: the seconds after which the order goes on; None: it has ended. `is_rest`: it only
    waits to see whether the counter moves by itself."""

    change: Transition
    again_in: float | None = None
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at the counter, after which no play is on its way. `lag`: the seconds that it may
    take to show one; `counts_readings`: None where nobody knows; `site_count`: what the site says
    of this order; `is_narrow`: plays went out one at a time."""

    reading: Reading
    lag: float
    counts_readings: bool | None
    site_count: int | None = None
    is_late: bool = False
    is_narrow: bool = False


def resume_watch(order: Order, watch: Watch, claimed: float) -> float:
    """Go on where the order was given back. Returns in how many seconds to read again."""
    if order.old_view_count is not None and watch.began is None and order.start_date:
        # A release that kept no watch began it.
        watch.began, watch.before = order.start_date.timestamp(), order.old_view_count
        watch.played = claimed
    if order.in_flight:
        watch.note_play(claimed)  # a round died with these in flight
    read = claimed if watch.last is None else watch.last.answered
    return max(0.0, read + watch.seconds_between_readings(claimed) - claimed)


def note_reading(order: Order, watch: Watch, reading: Reading, lag: float) -> bool:
    """Before the plays or between them. Returns whether to keep it as a row of its own."""
    if order.old_view_count is None:
        order.old_view_count = reading.views
        watch.begin(reading)
    else:
        add_reading(order, watch, reading, (watch.played or reading.answered) + lag)
    order.view_count = reading.views
    since = reading.answered - (watch.began or reading.answered)
    is_kept = reading.answered - watch.noted >= since / KEPT_SHARE
    if is_kept:
        watch.noted = reading.answered
    return is_kept


def add_reading(order: Order, watch: Watch, reading: Reading, settled: float) -> None:
    sent, done = order.sent, order.done
    watch.add(reading, settled=settled, sent=sent, done=done, reserved=order.reserved)


def conclude(order: Order, site: Site, watch: Watch, seen: Observation) -> Conclusion:
    """All plays are out: settle, wait or send again. The reading becomes part of `watch`."""
    until, evidence = add_and_weigh(order, site, watch, seen)
    order.view_count = seen.reading.views
    verdict = judge(evidence)
    match verdict.action:
        case Action.SETTLE:
            return Conclusion(settle(order, verdict, evidence))
        case Action.RESEND:
            return Conclusion(_send_again(order, verdict.plays), 0.0)
    change = _wait(order, verdict, until)
    if verdict.seconds is None:
        waited = seen.reading.answered - (until - seen.lag)
        return Conclusion(change, retry.seconds_to_reading(waited))
    # Of several readings it can be told whether others come in bursts.
    return Conclusion(change, min(verdict.seconds, retry.LONGEST_READING_SECONDS), is_rest=True)


def add_and_weigh(
    order: Order, site: Site, watch: Watch, seen: Observation
) -> tuple[float, Evidence]:
    """The reading becomes part of `watch`. Returns until when the counter may lag as well."""
    reading, sent = seen.reading, order.sent
    until = _lags_until(order, watch, seen)
    catches_up = reading.answered >= until and is_catching_up(watch, reading, sent=sent)
    waited = reading.answered - (watch.catching_up or reading.answered)
    if waited >= retry.catching_up_patience(watch.sending_seconds, seen.lag):
        catches_up = False
    if catches_up:
        until = reading.answered + retry.catching_up_step(seen.lag)
        watch.note_catching_up(reading)
    add_reading(order, watch, reading, until)
    evidence = evidence_of(
        watch,
        sent=sent,
        may_lag=reading.answered < until and not catches_up,
        may_still_move=reading.answered < until + retry.TROUBLE_PATIENCE.total_seconds(),
        allowance=_allowance(order, site, seen, sent),
        counts_readings=seen.counts_readings,
        lag=seen.lag,
        is_catching_up=catches_up,
        site_count=seen.site_count,
    )
    return until, evidence


def _lags_until(order: Order, watch: Watch, seen: Observation) -> float:
    until = (watch.played or seen.reading.answered) + seen.lag
    if order.verify_until is not None and order.status == Status.VERIFYING:
        until = max(until, order.verify_until.timestamp())
    return until


def _allowance(order: Order, site: Site, seen: Observation, sent: int) -> int:
    if order.reserved < order.count or seen.is_late or order.cancel_requested:
        return 0
    risen = seen.reading.views - (order.old_view_count or 0)
    return retry.plays_to_send_again(
        sent=sent,
        shown=risen if seen.site_count is None else seen.site_count,
        allowed=order.count * site.resend_percent // 100 - order.resent,
        one_at_a_time=seen.is_narrow,
    )


def settle(order: Order, verdict: Verdict, evidence: Evidence) -> Transition:
    """The end of an order of which so many plays are proved."""
    delivered, sent = verdict.plays, order.sent
    remark = verdict.remark
    reason: ReasonOrText = ""
    if delivered < order.count:
        said_before = "" if order.cancel_requested else order.last_reason()
        reason = said_before or _part_shown(order, delivered, evidence)
        remark = remark or shortfall(order, delivered, sent, evidence, said_before)
    end = end_with(
        order,
        checked_path(order, *_via_verifying(order), _end_of(order, delivered)),
        delivered,
        reason=reason,
        view_count=order.view_count,
        **reason_columns(remark, "attention"),
        **reason_columns(verdict.note, "proof"),
    )
    return end.with_fence(order.fence)


def shortfall(
    order: Order, delivered: int, sent: int, evidence: Evidence, said_before: ReasonOrText
) -> Reason:
    """Why less was delivered than was bought, and what to change, for the staff."""
    if sent < order.count and isinstance(said_before, Reason) and delivered >= sent:
        return Reason.of(Code.SHORT_NOT_SENT, sent=sent, count=order.count, reason=said_before)
    if not evidence.is_quiet and evidence.site_count is None:
        others = round(evidence.others)
        return Reason.of(Code.SHORT_BESIDE_OTHERS, sent=sent, number=delivered, others=others)
    return Reason.of(Code.SHORT_NOT_COUNTED, sent=sent, number=delivered)


def _part_shown(order: Order, delivered: int, evidence: Evidence) -> Reason:
    is_exact = evidence.is_quiet or evidence.site_count is not None
    code = Code.COUNTER_SHOWS_A_PART if is_exact else Code.COUNTER_PROVES_A_PART
    sent = order.sent if order.cancel_requested else order.count
    return Reason.of(code, number=delivered, sent=sent)


def _end_of(order: Order, delivered: int) -> Status:
    if order.cancel_requested:
        return Status.CANCELED
    return Status.COMPLETED if delivered == order.count else Status.PARTIAL


def begin_verifying(order: Order, reason: ReasonOrText, until: datetime) -> Transition:
    """What is in flight becomes uncertain. `until`: the counter may lag until then."""
    changes = {
        "verify_until": until,
        "uncertain": order.uncertain + order.in_flight,
        "attempts": 0,  # those were failed sends
    }
    path = checked_path(order, Status.VERIFYING)
    return Transition(path, changes, reason).with_fence(order.fence)


def _wait(order: Order, verdict: Verdict, until: float) -> Transition:
    changes: dict[str, Any] = {
        "view_count": order.view_count,
        "verify_until": datetime.fromtimestamp(until, UTC),
        "attempts": 0,
        **reason_columns(verdict.remark, "attention"),
    }
    path = checked_path(order, *_via_verifying(order))
    return Transition(path, changes).with_fence(order.fence)


def _send_again(order: Order, missing: int) -> Transition:
    """The counter had its time and lacks `missing` plays; the site may have lost them."""
    changes = {
        "done": order.sent - missing,
        "failed": order.failed + missing,
        "reserved": order.reserved - missing,
        "resent": order.resent + missing,
        "uncertain": 0,
        "view_count": order.view_count,
        "attempts": 0,  # those were failed readings
    }
    path = checked_path(order, *_via_verifying(order), Status.RUNNING)
    reason = Reason.of(Code.PLAYS_SENT_AGAIN, number=missing)
    return Transition(path, changes, reason).with_fence(order.fence)


def _via_verifying(order: Order) -> tuple[Status, ...]:
    """VERIFYING, where the order is not there yet: its counter decides at the first look."""
    return (Status.VERIFYING,) if order.status == Status.RUNNING else ()
