"""Top-ups, one or thousands: credited at once or, above their creator's limit, once a second person
approves. Form, upload and bulk action go this way."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.models import ApprovalLimit, ChargeRecord, OrderError, User, WaitingTopUp
from core.models.approvals import requires_approval
from core.models.billing import already_booked, corrected_amount
from core.models.ledger import CustomerInactiveError, PostingRefusedError, refuse_inactive
from core.reasons import Code, Reason


def top_up_many(records: Sequence[ChargeRecord], creator: User | None) -> list[WaitingTopUp]:
    """Credit these top-ups of one creator, all or none; returns those that wait instead. Raises
    CustomerInactiveError, BalanceTooLargeError, and IntegrityError if a `request_key` was used
    before."""
    limit = ApprovalLimit.objects.of_top_ups(creator)
    if creator is None or limit is None:
        ChargeRecord.objects.record_many(records)
        return []
    credited = [record for record in records if not requires_approval(record.amount, limit)]
    with transaction.atomic():
        if len(credited) < len(records):
            refuse_inactive({record.customer_id for record in records})
        ChargeRecord.objects.record_many(credited)
        return WaitingTopUp.objects.bulk_create(
            WaitingTopUp(creator=creator, **entered(record))
            for record in records
            if requires_approval(record.amount, limit)
        )


def entered(payment: ChargeRecord | WaitingTopUp) -> dict[str, Any]:
    """The fields of a payment, as they were typed."""
    names = ("customer_id", "amount", "method", "memo", "reference", "request_key")
    return {name: getattr(payment, name) for name in names}


def approve_top_up(top_up: WaitingTopUp, actor: User) -> None:
    """Credit it, in the name of the person who entered it. Raises OrderError."""
    if not top_up.customer.active:
        raise OrderError(CustomerInactiveError.reason)
    if top_up.reference and booked(top_up.customer_id, top_up.reference):
        raise OrderError(Reason.of(Code.TOP_UP_BOOKED))
    try:
        with transaction.atomic():
            top_up.decide(WaitingTopUp.Status.APPROVED, actor)
            top_up.charge = ChargeRecord.objects.create(
                creator_id=top_up.creator_id, **entered(top_up)
            )
            top_up.save(update_fields=["charge"])
    except PostingRefusedError as error:
        raise OrderError(error.reason) from None
    except IntegrityError:  # somebody booked the same payment at the same moment
        raise OrderError(Reason.of(Code.TOP_UP_BOOKED)) from None


def decline_top_up(top_up: WaitingTopUp, actor: User) -> None:
    """Nobody is credited. Raises OrderError."""
    top_up.decide(WaitingTopUp.Status.DECLINED, actor)


def booked(customer_id: int, reference: str) -> ChargeRecord | None:
    """The top-up of the payment with this number, unless it was undone."""
    found = ChargeRecord.objects.filter(customer=customer_id).numbered([reference])
    return next((record for record, is_undone in found if not is_undone), None)


def payment_objection(customer_id: int, reference: str) -> str:
    """Why the payment with this number is not entered; "" if it is new."""
    waiting = WaitingTopUp.objects.filter(status=WaitingTopUp.Status.AWAITING)
    entered = waiting.filter(customer=customer_id, reference=reference).first()
    if charge := booked(customer_id, reference):
        return already_booked(charge.amount, corrected_amount(charge), charge.create_date)
    if entered:
        return already_booked(entered.amount, entered.amount, entered.create_date)
    return ""


def credit_objection(amount: Decimal, creator: User | None) -> str:
    """Why this user may not book a credit that cannot wait for a second person; "" if they may."""
    limit = ApprovalLimit.objects.of_top_ups(creator)
    return limit_error(limit) if requires_approval(amount, limit) else ""


def limit_error(limit: Decimal | None) -> str:
    text = _("Above your limit of %(limit)s: enter it as a top-up, which somebody else approves.")
    return text % {"limit": limit}
