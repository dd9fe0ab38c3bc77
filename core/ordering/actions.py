"""What people do with an order that was placed, and with a balance. The models decide whether it
may be done; the consumers are told once it is committed.
"""

import uuid
from decimal import Decimal

from django.db import transaction

from booster import tasks
from core.models import Customer, LedgerEntry, Message, Order, Side, User, breaker_of
from core.models.ledger import adjustment_reference


def cancel(order: Order, actor: User | None, reason: str = "") -> None:
    """Cancel, and tell the consumer that delivers the order at once. Raises TransitionError."""
    order.cancel(actor, reason)
    if order.cancel_requested:
        tasks.wake_on_commit([order.pk])


def retry(order: Order, actor: User) -> None:
    """Go on now instead of when the order is next due, also at a site that seemed down. Raises
    TransitionError."""
    order.retry(actor)
    if breaker := breaker_of(order.site):
        breaker.probe_now()
    tasks.wake_on_commit([order.pk])


def approve(order: Order, actor: User) -> None:
    """Let an order that awaited approval be delivered. Raises OrderError."""
    order.approve(actor)
    tasks.wake_on_commit([order.pk])


def decline(order: Order, actor: User, reason: str) -> None:
    """Refund in full what awaited approval, and tell the customer why, in the conversation, where
    they can answer. Raises OrderError."""
    with transaction.atomic():
        order.decline(actor, reason)
        Message.objects.append(order, actor, Side.DESK, reason.strip())


def adjust(
    customer: Customer, amount: Decimal, *, note: str, actor: User, request_key: uuid.UUID | None
) -> LedgerEntry:
    """Correct a balance by a new entry. Raises InsufficientBalanceError, and IntegrityError where
    the same `request_key` did it before."""
    with transaction.atomic():
        return LedgerEntry.objects.post(
            kind=LedgerEntry.Kind.ADJUSTMENT,
            customer_id=customer.pk,
            amount=amount,
            reference=adjustment_reference(request_key or uuid.uuid4()),
            creator_id=actor and actor.pk,
            note=note,
        )
