"""An order's steps, taken by hand: what a round would do, without a site."""

from typing import Any

from django.utils import timezone

from core.models import Order, Status, Transition, User, transitions
from core.models.transitions import checked_path, end_with
from core.reasons import ReasonOrText


def move(
    order: Order, to: Status, *, fence: int, reason: ReasonOrText = "", **changes: Any
) -> None:
    """A step that ends nothing, of the lease's holder with this fence."""
    transition = Transition(checked_path(order, to), changes, reason)
    transitions.apply([(order, transition.with_fence(fence))], None)


def begin(order: Order) -> None:
    """As its first claim does."""
    move(order, Status.RUNNING, fence=order.fence, start_date=order.start_date or timezone.now())


def pause_for_token(order: Order, reason: ReasonOrText, *, fence: int) -> None:
    """Pause it until its site shows the token."""
    move(order, Status.PAUSED, fence=fence, reason=reason, held_by_site=True, lease_until=None)


def settle(
    order: Order,
    to: Status,
    delivered: int,
    *,
    actor: User | None = None,
    fence: int | None = None,
    through: tuple[Status, ...] = (),
    **changes: Any,
) -> None:
    """End it with so many plays proved; the rest is refunded."""
    end = end_with(order, checked_path(order, *through, to), delivered, **changes)
    transitions.apply([(order, end if fence is None else end.with_fence(fence))], actor)
