"""What a step does to an order, decided before anything is written. Pure: one order's button and a
block of thousands follow the very same rules.

Each function takes an order as it was read and says its Step, or raises OrderError. `Order` writes
one step, core/bulk/steps.py many.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from core import money
from core.models.flow import FINAL, FLOW, OrderError, Status, TransitionError
from core.reasons import Code, Reason, ReasonOrText, columns

if TYPE_CHECKING:
    from core.models.accounts import User
    from core.models.orders import Order


@dataclass(frozen=True, slots=True)
class Step:
    """`path` begins with the status in which the order must still be, and has an event for each
    further one, of which the last says `why`. `changes` are other fields, `expected` those that
    must be as they were read; `refund` goes back to the customer."""

    path: tuple[Status, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: ReasonOrText = ""
    refund: Decimal = Decimal(0)
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ends(self) -> bool:
        return self.path[-1] in FINAL


def along(order: "Order", *onward: Status) -> tuple[Status, ...]:
    """The path from where the order is. Raises TransitionError where FLOW does not lead there."""
    path = (Status(order.status), *onward)
    for here, there in pairwise(path):
        if there not in FLOW[here]:
            raise TransitionError(Reason.of(Code.NO_SUCH_STEP, before=named(here), to=named(there)))
    return path


def end(
    order: "Order",
    path: tuple[Status, ...],
    delivered: int,
    *,
    now: datetime,
    reason: ReasonOrText = "",
    expected: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Step:
    """With `delivered` plays proved; the rest is refunded. An order is canceled by people, who need
    no remark about it."""
    changes |= {"delivered": delivered, "end_date": now, "lease_until": None}
    if path[-1] == Status.CANCELED:
        changes |= columns("", "attention")
    refund = money.refund_due(order.price, order.count, order.count - delivered)
    return Step(path, changes, reason, refund, expected or {})


def cancel(order: "Order", reason: ReasonOrText, now: datetime) -> Step | None:
    """A running order is asked to stop: whoever delivers it knows what is on the wire, and ends it
    within a round trip. Others end here and now. None where it was asked before."""
    if order.status == Status.RUNNING:
        if order.cancel_requested:
            return None
        asked = {"cancel_requested": True, "due": Now()}
        here = (Status.RUNNING, Status.RUNNING)
        return Step(
            here,
            asked,
            reason or Reason.of(Code.CANCEL_REQUESTED),
            expected={"cancel_requested": False},
        )
    if order.is_final:
        raise TransitionError(ended(order))
    # Nobody has sent a play since it was read.
    untouched = {"fence": order.fence}
    path = along(order, Status.CANCELED)
    return end(order, path, order.done, now=now, reason=reason, expected=untouched)


def resume(order: "Order", reason: ReasonOrText = "") -> Step:
    changes = {"held_by_site": False, "due": Now(), "attempts": 0}
    return Step(along(order, Status.PENDING), changes, reason)


def retry(order: "Order") -> Step:
    """Go on now instead of at the next due time."""
    if order.status == Status.PAUSED:
        return resume(order)
    if order.is_final:
        raise TransitionError(ended(order))
    if order.status == Status.AWAITING:
        raise TransitionError(Reason.of(Code.AWAITS_APPROVAL))
    return Step((Status(order.status),), {"due": Now(), "attempts": 0})


def approve(order: "Order", actor: "User") -> Step:
    """Four eyes: whoever made the order lets somebody else decide."""
    if order.status != Status.AWAITING:
        raise TransitionError(Reason.of(Code.AWAITS_NO_APPROVAL, status=named(order.status)))
    if order.is_own_of(actor):
        raise OrderError(Reason.of(Code.APPROVAL_OF_OWN_ORDER))
    return Step(along(order, Status.PENDING), {"due": Now()})


def ended(order: "Order") -> Reason:
    return Reason.of(Code.ALREADY_ENDED, status=named(order.status))


def named(status: int) -> Reason:
    """A status as another reason quotes it."""
    return Reason.of(f"status_{Status(status).name.lower()}")
