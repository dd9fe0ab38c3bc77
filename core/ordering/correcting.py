"""Top-ups that were entered wrongly: the difference to the real payment is booked at once, or,
above the limit of the person who found it, once a second person approves."""

from collections.abc import Sequence
from decimal import Decimal

from django.db import transaction

from core.db.blocks import update_by_id
from core.models import (
    ApprovalLimit,
    ChargeRecord,
    Customer,
    ImportedRows,
    LedgerEntry,
    OrderError,
    Posting,
    TopUpCorrection,
    User,
)
from core.models.approvals import requires_approval
from core.models.billing import REASON_LENGTH, corrected_amount
from core.models.flow import given_reason
from core.models.ledger import Fact, PostingRefusedError
from core.reasons import Code, Reason


def correct_top_up(
    charge: ChargeRecord, right_amount: Decimal, reason: str, actor: User
) -> TopUpCorrection:
    """Record what was really paid; 0 if nothing was. The correction waits if its difference is
    above the actor's limit for top-ups. Raises OrderError."""
    reason = given_reason(reason, most=REASON_LENGTH, missing=Code.CORRECTION_REASON_MISSING)
    limit = ApprovalLimit.objects.of_top_ups(actor)
    with transaction.atomic():
        # Two people who correct the same top-up take turns.
        Customer.objects.select_for_update().get(pk=charge.customer_id)
        # An undone top-up may be booked again, even with its number: a correction would credit it
        # twice.
        if ImportedRows.objects.undone_among(ImportedRows.Kind.TOP_UPS, [charge.pk]):
            raise OrderError(Reason.of(Code.TOP_UP_UNDONE))
        if charge.corrections.filter(status=TopUpCorrection.Status.AWAITING).exists():
            raise OrderError(Reason.of(Code.CORRECTION_WAITS))
        difference = right_amount - corrected_amount(charge)
        if not difference:
            raise OrderError(Reason.of(Code.CORRECTS_NOTHING, amount=str(right_amount)))
        waits = requires_approval(abs(difference), limit)
        status = TopUpCorrection.Status.AWAITING if waits else TopUpCorrection.Status.APPROVED
        correction = TopUpCorrection.objects.create(
            charge=charge,
            right_amount=right_amount,
            amount=difference,
            reason=reason,
            creator=actor,
            status=status,
        )
        if not waits:
            book([correction])
    return correction


def approve_correction(correction: TopUpCorrection, actor: User) -> None:
    """Book it, in the name of the person who found it. Raises OrderError."""
    with transaction.atomic():
        correction.decide(TopUpCorrection.Status.APPROVED, actor)
        book([correction])


def decline_correction(correction: TopUpCorrection, actor: User) -> None:
    """The top-up stays as it was. Raises OrderError."""
    correction.decide(TopUpCorrection.Status.DECLINED, actor)


def take_back(charges: Sequence[ChargeRecord], reason: str, actor: User) -> None:
    """Correct top-ups that have no correction yet to zero, in the caller's transaction, whatever
    the actor's limit. Raises OrderError."""
    corrections = TopUpCorrection.objects.bulk_create(
        TopUpCorrection(
            charge=charge,
            right_amount=Decimal(0),
            amount=-charge.amount,
            reason=reason,
            creator=actor,
            status=TopUpCorrection.Status.APPROVED,
        )
        for charge in charges
    )
    book(corrections)


def book(corrections: Sequence[TopUpCorrection]) -> None:
    """In the caller's transaction. Raises OrderError if a balance is too small or too large."""
    try:
        entries = LedgerEntry.objects.post_many(
            Posting(
                kind=LedgerEntry.Kind.CORRECTION,
                customer_id=correction.charge.customer_id,
                amount=correction.amount,
                reference=Fact.CORRECTION.of(correction.pk),
                creator_id=correction.creator_id,
                note=correction.reason,
            )
            for correction in corrections
        )
    except PostingRefusedError as error:
        raise OrderError(error.reason) from None
    booked = {}
    for correction, entry in zip(corrections, entries, strict=True):
        correction.entry = entry
        booked[correction.pk] = {"entry": entry.pk}
    update_by_id(TopUpCorrection, booked)
