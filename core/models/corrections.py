"""Corrections of top-ups: what was really paid. The top-up stays as it was entered; a correction
adds the difference to the book, as one entry of its own."""

from collections.abc import Mapping
from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.db.lookups import InArray
from core.models.approvals import FourEyesModel
from core.models.billing import ChargeRecord
from core.models.fields import amount_field, protected_key
from core.models.ledger import LedgerEntry
from core.reasons import Code

REASON_LENGTH = 200


class TopUpCorrection(FourEyesModel):
    """`amount` is the difference that `right_amount` makes to what stood there; `entry`, where it
    was booked: at once, or above its creator's limit when a second person approved it."""

    charge = protected_key(ChargeRecord, _("top-up"), related_name="corrections")
    right_amount = amount_field(_("right amount"), validators=[MinValueValidator(Decimal(0))])
    amount = amount_field(_("difference"), digits=12)
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH)
    entry = models.OneToOneField(
        LedgerEntry, verbose_name=_("ledger entry"), on_delete=models.PROTECT, null=True
    )

    customer_path = "charge__customer"
    own = Code.APPROVAL_OF_OWN_CORRECTION

    class Meta:
        verbose_name = _("correction of a top-up")
        verbose_name_plural = _("corrections of top-ups")
        ordering = ("-id",)
        default_permissions = ()
        indexes = [
            # 1 is AWAITING.
            models.Index(fields=["id"], name="correction_awaiting", condition=Q(status=1)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["charge"], name="correction_one_waits", condition=Q(status=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charge} → {self.right_amount}"


def corrected_amounts(entered: Mapping[int, Decimal]) -> dict[int, Decimal]:
    """What top-ups amount to by all that was booked of them; given, by their ids, as what they were
    entered."""
    amounts = dict(entered)
    if amounts:
        those = InArray(F("charge"), list(amounts))
        booked = TopUpCorrection.objects.filter(those, entry__isnull=False).order_by()
        for pk, difference in booked.values_list("charge", "amount"):
            amounts[pk] += difference
    return amounts


def corrected_amount(charge: ChargeRecord) -> Decimal:
    return corrected_amounts({charge.pk: charge.amount})[charge.pk]
