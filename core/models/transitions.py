"""What a step does to an order, decided before anything is written. Pure: one order's button and a
block of thousands follow the very same rules.

Each function takes an order as it was read and returns its Transition, or raises OrderError.
`Order.objects.apply()` writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from core import money
from core.models.flow import FINAL, FLOW, WORKABLE, OrderError, Status, TransitionError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from core.models.accounts import User
    from core.models.orders import Order


@dataclass(frozen=True, slots=True)
class Transition:
    """`path` begins with the status in which the order must still be, and has an event for each
    further one, of which the last says `why`. `changes` are other fields, `expected` those that
    must be as they were read; `refund` goes back to the customer."""

    path: tuple[Status, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: "str | _StrPromise" = ""
    refund: Decimal = Decimal(0)
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ends(self) -> bool:
        return self.path[-1] in FINAL

    @property
    def conditions(self) -> dict[str, Any]:
        """What the row must say for the change to be made."""
        return {"status": self.path[0], **self.expected} if self.path[1:] else dict(self.expected)

    @property
    def values(self) -> dict[str, Any]:
        """What the row says after it."""
        return {"status": self.path[-1], **self.changes} if self.path[1:] else dict(self.changes)

    def under(self, fence: int) -> "Transition":
        """For the holder of a lease alone."""
        return replace(self, expected={**self.expected, "fence": fence})


def checked_path(order: "Order", *onward: Status) -> tuple[Status, ...]:
    """The path from where the order is. Raises TransitionError where FLOW does not lead there."""
    path = (Status(order.status), *onward)
    for here, there in pairwise(path):
        if there not in FLOW[here]:
            raise TransitionError(
                _("An order that is %(before)s cannot become %(to)s.")
                % {"before": here.label, "to": there.label}
            )
    return path


def end(
    order: "Order",
    path: tuple[Status, ...],
    delivered: int,
    *,
    now: datetime,
    reason: "str | _StrPromise" = "",
    expected: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Transition:
    """With `delivered` plays proved; the rest is refunded. An order is canceled by people, who need
    no remark about it."""
    refund = money.refund_due(order.price, order.count, order.count - delivered)
    changes |= {"delivered": delivered, "refunded": refund, "end_date": now, "lease_until": None}
    if path[-1] == Status.CANCELED:
        changes["attention"] = ""
    return Transition(path, changes, reason, refund, expected or {})


def cancel(order: "Order", reason: str, now: datetime) -> Transition | None:
    """A running order is asked to stop: whoever delivers it knows what is on the wire, and ends it
    within a round trip. Others end here and now. None where it was asked before."""
    if order.status == Status.RUNNING:
        if order.cancel_requested:
            return None
        asked = {"cancel_requested": True, "due": Now()}
        here = (Status.RUNNING, Status.RUNNING)
        return Transition(
            here, asked, reason or "cancel requested", expected={"cancel_requested": False}
        )
    if order.is_final:
        raise TransitionError(ended(order))
    # Nobody has sent a play since it was read.
    untouched = {"fence": order.fence}
    path = checked_path(order, Status.CANCELED)
    return end(order, path, order.done, now=now, reason=reason, expected=untouched)


def resume(order: "Order", reason: "str | _StrPromise" = "") -> Transition:
    changes = {"held_by_site": False, "due": Now(), "attempts": 0}
    return Transition(checked_path(order, Status.PENDING), changes, reason)


def retry(order: "Order") -> Transition:
    """Go on now instead of at the next due time."""
    if order.status == Status.PAUSED:
        return resume(order)
    if order.is_final:
        raise TransitionError(ended(order))
    if order.status == Status.AWAITING:
        raise TransitionError(_("It waits for approval."))
    # It does not matter how far its delivery came meanwhile.
    anywhere = {"status__in": WORKABLE}
    return Transition((Status(order.status),), {"due": Now(), "attempts": 0}, expected=anywhere)


def approve(order: "Order", actor: "User") -> Transition:
    """Four eyes: whoever made the order lets somebody else decide."""
    if order.status != Status.AWAITING:
        raise TransitionError(
            _("It does not wait for approval: %(status)s.") % {"status": order.get_status_display()}
        )
    if order.is_own_of(actor):
        raise OrderError(_("Somebody else than its creator has to approve an order."))
    return Transition(checked_path(order, Status.PENDING), {"due": Now()})


def ended(order: "Order") -> str:
    return _("It has ended already: %(status)s.") % {"status": order.get_status_display()}
