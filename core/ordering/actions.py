"""What people do with an order that was placed, and with a balance. The models decide whether it is
allowed; the consumers are told after the commit."""

import uuid
from collections.abc import Sequence
from decimal import Decimal

from django.db import transaction

from booster import tasks
from core.db import clock
from core.models import (
    WORKABLE,
    Customer,
    LedgerEntry,
    Message,
    Order,
    Pause,
    Side,
    User,
    probe_now,
    transitions,
)
from core.models.ledger import Fact
from core.models.transitions import Transition


def apply_transitions(
    chosen: Sequence[tuple[Order, Transition]], actor: User | None, *, probe_sites: bool = False
) -> None:
    """Write the decisions for one order or a block, and wake the orders that go on. `probe_sites`:
    try their sites at once, even if they seem down."""
    transitions.apply(chosen, actor)
    going_on = [order for order, transition in chosen if transition.path[-1] in WORKABLE]
    to_wake = [order.pk for order in going_on if not order.starts_later]
    if probe_sites:
        probe_now({order.site_id for order in going_on})
    tasks.wake_on_commit(to_wake)


def cancel(order: Order, actor: User | None, reason: str = "") -> None:
    """Stop it, refund the undelivered plays, and tell its worker at once. Raises OrderError."""
    if transition := transitions.cancel(order, reason):
        apply_transitions([(order, transition)], actor)


def pause(order: Order, actor: User | None, reason: str = "") -> None:
    """Hold it until somebody resumes it; its worker is told at once. Raises OrderError."""
    apply_transitions([(order, transitions.pause(order, reason))], actor)


def resume(order: Order, actor: User, *, shift: bool) -> None:
    """`shift`: its drip plan ends later; otherwise it catches up. Raises OrderError."""
    now, held = clock.now(), Pause.objects.in_force()
    transition = transitions.go_on(order, now, shift=shift, held_since=held.since(order.site_id))
    apply_transitions([(order, transition)], actor)


def retry(order: Order, actor: User) -> None:
    """Do not wait until it is due, even at a site that seemed down. Raises TransitionError."""
    apply_transitions([(order, transitions.retry(order))], actor, probe_sites=True)


def approve(order: Order, actor: User) -> None:
    """Let an order that awaited approval be delivered. Raises OrderError."""
    apply_transitions([(order, transitions.approve(order, actor))], actor)


def decline(order: Order, actor: User, reason: str) -> None:
    """Refund it in full, and tell the customer why in the conversation. Raises OrderError."""
    transition = transitions.decline(order, actor, reason)
    with transaction.atomic():
        apply_transitions([(order, transition)], actor)
        Message.objects.append(order, actor, Side.DESK, str(transition.reason))


def adjust(
    customer: Customer, amount: Decimal, *, note: str, actor: User, request_key: uuid.UUID | None
) -> LedgerEntry:
    """Correct a balance by a new entry. Raises InsufficientBalanceError, and IntegrityError if the
    same `request_key` did it before."""
    with transaction.atomic():
        return LedgerEntry.objects.post(
            kind=LedgerEntry.Kind.ADJUSTMENT,
            customer_id=customer.pk,
            amount=amount,
            reference=Fact.ADJUSTMENT.of(request_key or uuid.uuid4()),
            creator_id=actor and actor.pk,
            note=note,
        )
