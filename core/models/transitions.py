"""What a step does to an order, and THE writer of an order's status.

Deciding is pure: a function takes an order as it was read and returns its Transition, or raises
OrderError; one order's button and a block of thousands follow the very same rules. `apply()`
writes them, for one order and for many.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils.translation import gettext as _

from core import money
from core.db.blocks import insert_block, values_by_id
from core.db.notifier import notify
from core.models.approvals import undecidable
from core.models.events import OrderEvent
from core.models.failpoints import failpoint
from core.models.flow import (
    FINAL,
    WORKABLE,
    OrderError,
    RefundRefusedError,
    Status,
    TransitionError,
    already_ended,
    given_reason,
    onward_from,
    status_reason,
)
from core.models.ledger import MAX_BALANCE, BalanceTooLargeError, Fact, LedgerEntry, Posting
from core.reasons import Code, Reason, ReasonOrText, reason_columns

if TYPE_CHECKING:
    from core.models.accounts import User
    from core.models.orders import Order


NOW = Now()
# When an order may go on: at once, but never before the start that was planned for it.
SOONEST = Greatest(Now(), Coalesce(F("planned_start"), Now()))
# What a row says that people paused, and the events by which they asked for it.
PAUSED = {"paused_at": Now(), "held_by_site": False, "pause_requested": False, "lease_until": None}
PAUSE_REQUESTS = (Code.PAUSE_REQUESTED, Code.PAUSE_REQUESTED_BECAUSE)


@dataclass(frozen=True, slots=True)
class Transition:
    """`path[0]` is the expected status; each further status gets an event, the last of which
    carries `reason`. A path of one leaves the status alone and does not check it.

    `changes` are other fields, `expected` further conditions; `refund` goes back to the customer.
    """

    path: tuple[int, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: ReasonOrText = ""
    refund: Decimal = Decimal(0)
    # In whose name, where that is not the one who applies it.
    creator_id: int | None = None
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        return self.path[-1] in FINAL

    @property
    def conditions(self) -> dict[str, Any]:
        """What the row must say for the change to be made."""
        return {"status": self.path[0], **self.expected} if self.path[1:] else dict(self.expected)

    @property
    def values(self) -> dict[str, Any]:
        """What the row says after it."""
        return {"status": self.path[-1], **self.changes} if self.path[1:] else dict(self.changes)

    def with_fence(self, fence: int) -> "Transition":
        """For the holder of a lease alone."""
        return replace(self, expected={**self.expected, "fence": fence})


def checked_path(order: "Order", *onward: Status) -> tuple[int, ...]:
    """The path from where the order is. Raises TransitionError where FLOW does not lead there."""
    path = (order.status, *onward)
    for here, there in pairwise(path):
        if there not in onward_from(here):
            raise TransitionError(
                Reason.of(Code.NO_SUCH_STEP, before=status_reason(here), to=status_reason(there))
            )
    return path


def end_with(
    order: "Order",
    path: tuple[int, ...],
    delivered: int,
    *,
    reason: ReasonOrText = "",
    expected: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Transition:
    """The end of `path`, with `delivered` plays proved; the rest is refunded. An order is canceled
    by people, who need no remark about it. Raises ValueError for more plays than were bought."""
    refund = money.refund_due(order.price, order.count, order.count - delivered)
    changes |= {"delivered": delivered, "refunded": refund, "end_date": NOW, "lease_until": None}
    if path[-1] == Status.CANCELED:
        changes |= reason_columns("", "attention")
    return Transition(path, changes, reason, refund, expected=expected or {})


def cancel(order: "Order", reason: ReasonOrText) -> Transition | None:
    """A running order is asked to stop: whoever delivers it knows what is in flight. Plays that
    were sent are paid for as far as the counter proves them, so it is verified before it ends; one
    of which nothing was sent ends here and now. Returns None where it was asked before. Raises
    TransitionError where it has ended or is being verified, OrderError for a reason that is too
    long."""
    if isinstance(reason, str):
        reason = given_reason(reason)
    if order.status == Status.RUNNING:
        if order.cancel_requested:
            return None
        asked = {"cancel_requested": True, "due": Now()}
        here = (Status.RUNNING, Status.RUNNING)
        reason = reason or Reason.of(Code.CANCEL_REQUESTED)
        return Transition(here, asked, reason, expected={"cancel_requested": False})
    if order.is_final:
        raise TransitionError(already_ended(order.status))
    if order.status == Status.VERIFYING:
        step = {"before": status_reason(order.status), "to": status_reason(Status.CANCELED)}
        raise TransitionError(Reason.of(Code.NO_SUCH_STEP, **step))
    # Nobody has sent a play since it was read.
    untouched = {"fence": order.fence}
    if order.reserved:
        changes = {
            "cancel_requested": True,
            "uncertain": order.reserved - order.done,
            "verify_until": Now(),
            "held_by_site": False,
            "paused_at": None,
            "attempts": 0,
            "due": Now(),
        }
        # One that was resumed waits for its claim, which is the step before.
        resumed = (Status.RUNNING,) if order.status == Status.PENDING else ()
        path = checked_path(order, *resumed, Status.VERIFYING)
        reason = reason or Reason.of(Code.CANCEL_REQUESTED)
        return Transition(path, changes, reason, expected=untouched)
    path = checked_path(order, Status.CANCELED)
    return end_with(order, path, 0, reason=reason, expected=untouched)


def pause(order: "Order", why: str = "") -> Transition:
    """A running order is asked to: whoever delivers it writes down what is in flight and pauses it
    by `pause_as_requested()`. Others are paused here and now. Raises OrderError where FLOW does not
    lead there, where it was done or asked before, and for a reason that is too long."""
    why = given_reason(why)
    if order.is_paused_by_people:
        raise OrderError(Reason.of(Code.ALREADY_PAUSED))
    if order.cancel_requested:
        raise OrderError(Reason.of(Code.STOP_ALREADY_REQUESTED))
    if order.pause_requested:
        raise OrderError(Reason.of(Code.PAUSE_ALREADY_REQUESTED))
    if order.is_final:
        raise TransitionError(already_ended(order.status))
    if order.status == Status.RUNNING:
        here = (Status.RUNNING, Status.RUNNING)
        reason = Reason.of(Code.PAUSE_REQUESTED)
        if why:
            reason = Reason.of(Code.PAUSE_REQUESTED_BECAUSE, why=why)
        asked = {"pause_requested": True, "due": Now()}
        return Transition(here, asked, reason, expected={"pause_requested": False})
    # One that waits for its site's token no longer goes on by itself.
    waits = order.status == Status.PAUSED
    path = (Status.PAUSED, Status.PAUSED) if waits else checked_path(order, Status.PAUSED)
    # Nobody has claimed it since it was read.
    return Transition(path, dict(PAUSED), why, expected={"fence": order.fence})


def pause_as_requested(orders: Sequence["Order"]) -> "list[tuple[Order, Transition]]":
    """For the holder of these running orders' leases, all of whom people asked to pause: each with
    its transition, in the name and with the reason of who asked, to be applied with its fence when
    what was in flight is written down."""
    asked = OrderEvent.objects.filter(order__in=orders, reason_code__in=PAUSE_REQUESTS)
    latest = {event.order_id: event for event in asked.order_by("pk")}
    return [
        (
            order,
            Transition(
                checked_path(order, Status.PAUSED),
                dict(PAUSED),
                (latest[order.pk].reason_params or {}).get("why", ""),
                creator_id=latest[order.pk].creator_id,
                expected={"pause_requested": True},  # it may be withdrawn meanwhile
            ),
        )
        for order in orders
    ]


def go_on(
    order: "Order", now: datetime, *, shift: bool, held_since: datetime | None = None
) -> Transition:
    """Let what people paused go on; its deadline moves by the time that took. `shift`: so does its
    drip plan, which catches up otherwise. `now` and `held_since`, since when its site is paused as
    well, are the database's: that time counts when its site goes on. Raises OrderError where people
    did not pause it."""
    if order.is_paused_by_people:
        seconds = paused_seconds(order, min(now, held_since or now))
        reason: ReasonOrText = ""
        changes: dict[str, Any] = {"pause_requested": False}
        changes["paused_seconds"] = order.paused_seconds + seconds
        changes["shift_seconds"] = order.shift_seconds + (seconds if shift else 0)
        if order.hours and seconds:
            reason = Reason.of(Code.PLAN_SHIFTED if shift else Code.PLAN_CATCHES_UP)
        again = resume(order, reason)
        return replace(again, changes={**again.changes, **changes})
    if order.is_resumable:
        here = (order.status,) * 2
        withdrawn = {"pause_requested": False}
        reason = Reason.of(Code.PAUSE_WITHDRAWN)
        return Transition(here, withdrawn, reason, expected={"pause_requested": True})
    raise TransitionError(
        already_ended(order.status) if order.is_final else Reason.of(Code.NOT_PAUSED)
    )


def paused_seconds(order: "Order", now: datetime) -> int:
    """For how long it has been paused, since it began."""
    if order.start_date is None or order.paused_at is None:
        return 0
    return max(0, round((now - max(order.paused_at, order.start_date)).total_seconds()))


def resume(order: "Order", reason: ReasonOrText = "") -> Transition:
    """Wait for a consumer again. Raises TransitionError where FLOW does not lead there."""
    changes = {"held_by_site": False, "paused_at": None, "due": SOONEST, "attempts": 0}
    return Transition(checked_path(order, Status.PENDING), changes, reason)


def retry(order: "Order") -> Transition:
    """Go on now instead of at the next due time. Raises TransitionError where it does not."""
    if reason := order.why_not_retried():
        raise TransitionError(reason)
    if order.status == Status.PAUSED:
        return resume(order)
    # It does not matter how far its delivery came meanwhile.
    anywhere = {"status__in": WORKABLE}
    return Transition((order.status,), {"due": SOONEST, "attempts": 0}, expected=anywhere)


def approve(order: "Order", actor: "User", close: Collection[int] | None = None) -> Transition:
    """Raises OrderError where `actor` may not decide on it. `close`: of `undecidable()`."""
    _check_decision(order, actor, close)
    return Transition(checked_path(order, Status.PENDING), {"due": SOONEST})


def decline(order: "Order", actor: "User", reason: str) -> Transition:
    """The other answer: all is refunded, and the customer reads `reason`. Raises OrderError where
    `actor` may not decide on it, and for a reason that is missing or too long."""
    _check_decision(order, actor)
    reason = given_reason(reason, missing=Code.REASON_MISSING)
    return end_with(order, checked_path(order, Status.CANCELED), 0, reason=reason)


def _check_decision(order: "Order", actor: "User", close: Collection[int] | None = None) -> None:
    if reason := undecidable(order, actor, close):
        raise OrderError(reason) if order.awaits_approval else TransitionError(reason)


# --- writing

Chosen = Sequence[tuple["Order", Transition]]


def apply(chosen: Chosen, actor: "User | None") -> None:
    """THE change of status, of one order or of a block of them: each conditional on what its
    transition expects, with an event for each step and the ledger entry that it pays for, all in
    one transaction. Raises TransitionError where somebody else changed one of the orders first, and
    RefundRefusedError; then nothing has changed.

    Orders are locked before customers, both by rising id where the caller holds a block.
    """
    if not chosen:
        return
    orders = type(chosen[0][0]).objects
    if any(transition.is_final for _order, transition in chosen):
        failpoint("before-settle")
    # Whoever names a fence lets an error undo all, or has a savepoint: another would cost time.
    is_fenced = all("fence" in transition.expected for _order, transition in chosen)
    with transaction.atomic(savepoint=not is_fenced):
        for conditions, rows in _alike(chosen):
            changes = values_by_id(orders.model, rows)
            if orders.filter(pk__in=list(rows), **conditions).update(**changes) != len(rows):
                raise TransitionError(
                    _("Somebody else changed this order first; reload the page and check it.")
                )
        _record_events(chosen, actor)
        _pay_refunds(chosen, actor)
    if any(transition.is_final for _order, transition in chosen):
        failpoint("after-settle")
    for order, transition in chosen:
        order.reflect_update(transition.values)


def apply_unchanged(chosen: Chosen, actor: "User | None") -> list[int]:
    """apply() to those of a block that nobody else changed first. Returns their ids."""
    try:
        apply(chosen, actor)
    except TransitionError:
        if len(chosen) == 1:
            return []
        return [pk for one in chosen for pk in apply_unchanged([one], actor)]
    return [order.pk for order, _transition in chosen]


Values = dict[str, Any]


def _alike(chosen: Chosen) -> Iterator[tuple[Values, dict[int, Values]]]:
    """Conditions, with the values of all orders, by id, that one UPDATE can write under them."""
    found: dict[Any, dict[int, Values]] = {}
    for order, transition in chosen:
        conditions, values = transition.conditions, transition.values
        rows = found.setdefault((tuple(conditions.items()), tuple(values)), {})
        rows[order.pk] = values
    for (conditions, _names), rows in found.items():
        yield dict(conditions), rows


def _record_events(chosen: Chosen, actor: "User | None") -> None:
    """An event for each step of each path; the last one of a path says why."""
    events = [
        {
            "order": order.pk,
            "from_status": before,
            "to_status": after,
            **reason_columns(transition.reason if after is transition.path[-1] else ""),
            "creator": transition.creator_id or (actor.pk if actor else None),
        }
        for order, transition in chosen
        for before, after in pairwise(transition.path)
    ]
    insert_block(OrderEvent, events)
    notify()


def _pay_refunds(chosen: Chosen, actor: "User | None") -> None:
    refunds = [
        Posting(
            kind=LedgerEntry.Kind.REFUND,
            customer_id=order.customer_id,
            amount=transition.refund,
            reference=Fact.REFUND.of(order.oid),
            order=order,
            creator_id=actor.pk if actor else None,
        )
        for order, transition in chosen
        if transition.refund
    ]
    if refunds:
        failpoint("before-refund")
        try:
            LedgerEntry.objects.post_many(refunds)
        except BalanceTooLargeError:
            reason = Reason.of(Code.REFUND_TOO_LARGE, most=str(MAX_BALANCE))
            raise RefundRefusedError(reason) from None
        failpoint("after-refund")
