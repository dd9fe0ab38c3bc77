"""What is on sale and what customers pay in: prices, and top-ups, which are added once and stay; a
correction adds the difference to what was really paid."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from core import money
from core.db import clock
from core.db.lookups import InArray
from core.models.accounts import Administrator, Customer
from core.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from core.models.approvals import FourEyesModel
from core.models.fields import amount_field, created_field, protected_key
from core.models.imported_rows import ImportedRows
from core.models.ledger import CustomerInactiveError, Fact, LedgerEntry, Posting
from core.reasons import Code, Reason, translate

REFERENCE_LENGTH = 64
REASON_LENGTH = 200


class PricePolicy(models.Model):
    """A bundle on sale: `count` plays for `price`."""

    count = models.PositiveIntegerField(_("plays"), unique=True, validators=[MinValueValidator(1)])
    price = amount_field(_("price"), validators=[MinValueValidator(money.CENT)])
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("price policy")
        verbose_name_plural = _("price policies")
        ordering = ("count",)
        constraints = [
            models.CheckConstraint(
                condition=Q(count__gt=0, price__gt=0), name="price_policy_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count:,} → {self.price}"

    def clean(self) -> None:
        if not self.active:
            return  # also what was sold before there was a limit can be switched off
        if self.count and self.count > money.MAX_COUNT:
            raise ValidationError({"count": translate(too_many_plays())})
        if self.count and self.price and self.price >= self.count * money.TOO_DEAR:
            raise ValidationError({"price": translate(play_too_dear())})

    @classmethod
    def bundles(cls) -> list[money.Bundle]:
        """What is on sale now, smallest first."""
        on_sale = cls.objects.filter(active=True).values_list("count", "price")
        return [money.Bundle(count, price) for count, price in on_sale]

    @classmethod
    def digest(cls, bundles: Sequence[money.Bundle] | None = None) -> str:
        """Of what is on sale, or of these: the same as long as everything costs the same."""
        found = cls.bundles() if bundles is None else bundles
        on_sale = ";".join(f"{bundle.count}:{bundle.price}" for bundle in found)
        return sha256(on_sale.encode()).hexdigest()


def play_too_dear() -> Reason:
    return Reason.of(Code.PLAY_TOO_DEAR, most=f"{money.TOO_DEAR:,}")


def too_many_plays() -> Reason:
    return Reason.of(Code.TOO_MANY_PLAYS, most=f"{money.MAX_COUNT:,}")


class PaymentMethod(models.IntegerChoices):
    CASH = 1, _("cash")
    TRANSFER = 2, _("bank transfer")
    CARD = 3, _("card")
    ALIPAY = 4, _("Alipay")
    WECHAT = 5, _("WeChat Pay")
    OTHER = 9, _("other")


class ChargeRecordQuerySet(AppendOnlyQuerySet):
    def record_many(self, records: Sequence["ChargeRecord"]) -> None:
        """Insert top-ups and credit their customers, all or none. Raises IntegrityError where a
        `request_key`, or a payment that was not undone, was recorded before."""
        with transaction.atomic():
            self._count_undone(records)
            clock.stamp(records)
            self.bulk_create(records)
            LedgerEntry.objects.post_many(
                Posting(
                    kind=LedgerEntry.Kind.CHARGE,
                    customer_id=record.customer_id,
                    amount=record.amount,
                    reference=Fact.CHARGE.of(record.pk),
                    creator_id=record.creator_id,
                    note=record.memo,
                )
                for record in records
            )

    def numbered(self, references: Sequence[str]) -> "list[tuple[ChargeRecord, bool]]":
        """The top-ups of payments with these numbers, and whether each was undone."""
        rows = list(self.filter(InArray(F("reference"), references)).order_by("pk"))
        ids = [row.pk for row in rows]
        undone = ImportedRows.objects.undone_among(ImportedRows.Kind.TOP_UPS, ids)
        return [(row, row.pk in undone) for row in rows]

    def _count_undone(self, records: Sequence["ChargeRecord"]) -> None:
        """A payment of which the top-up was undone may be booked again, once."""
        if not (references := [record.reference for record in records if record.reference]):
            return
        undone = Counter(
            (row.customer_id, row.reference)
            for row, is_undone in ChargeRecord.objects.numbered(references)
            if is_undone
        )
        for record in records:
            record.rebooked = undone[record.customer_id, record.reference] or None


class ChargeRecord(AppendOnlyModel):
    """A top-up that a customer paid: saving it credits the balance. Never edited or deleted;
    a mistake is corrected by an entry of its own: TopUpCorrection."""

    customer = protected_key(Customer, _("customer"), related_name="charges")
    amount = amount_field(_("amount"), validators=[MinValueValidator(money.CENT)])
    creator = protected_key(
        Administrator, _("creator"), null=True, editable=False, related_name="+"
    )
    create_date = created_field(_("created"), db_index=True)
    # None: nobody said.
    method = models.PositiveSmallIntegerField(
        _("paid by"), choices=PaymentMethod, null=True, blank=True
    )
    memo = models.CharField(_("memo"), max_length=200, blank=True)
    # None and not "", by which SQLite does not make the table anew: see the constraints.
    reference = models.CharField(  # noqa: DJ001
        _("reference"),
        max_length=REFERENCE_LENGTH,
        null=True,
        blank=True,
        help_text=_("The payment's own number, if it has one; it is never credited twice."),
    )
    # How many top-ups of the same payment were undone before this one; None: none.
    rebooked = models.PositiveSmallIntegerField(null=True, editable=False)
    # Of the form that made it, so that a double click is one top-up.
    request_key = models.UUIDField(null=True, editable=False)

    objects = ChargeRecordQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        ordering = ("-id",)
        indexes = [models.Index(fields=["amount", "id"], name="charge_amount")]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="charge_amount_positive"),
            # With a condition it is an index: without one SQLite makes the table anew, and the
            # triggers that keep its rows from change would be lost with the old one.
            models.UniqueConstraint(
                fields=["request_key"],
                name="charge_once_a_form",
                condition=Q(request_key__isnull=False),
            ),
            models.UniqueConstraint(
                "reference",
                "customer",
                Coalesce("rebooked", 0),
                name="charge_once_a_payment",
                condition=Q(reference__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} +{self.amount}"

    def save(self, *args: object, **kwargs: object) -> None:
        """Insert the record and credit the customer, together or not at all."""
        if self._state.adding:
            type(self).objects.record_many([self])
        else:
            super().save(*args, **kwargs)

    def clean(self) -> None:
        self.reference = self.reference or None
        if self.customer_id and not self.customer.active:
            raise ValidationError({"customer": translate(CustomerInactiveError.reason)})


class WaitingTopUp(FourEyesModel):
    """A top-up above its creator's limit: it credits nobody until a second person approves it, and
    then is one: `charge`."""

    customer = protected_key(Customer, _("customer"), related_name="+")
    amount = amount_field(_("amount"))
    method = models.PositiveSmallIntegerField(
        _("paid by"), choices=PaymentMethod, null=True, blank=True
    )
    memo = models.CharField(_("memo"), max_length=200, blank=True)
    reference = models.CharField(  # noqa: DJ001 - as a top-up's
        _("reference"), max_length=REFERENCE_LENGTH, null=True, blank=True
    )
    # As a top-up's, which gets it.
    request_key = models.UUIDField(null=True, unique=True, editable=False)
    charge = models.OneToOneField(
        ChargeRecord, verbose_name=_("top-up"), on_delete=models.PROTECT, null=True
    )

    class Meta:
        verbose_name = _("top-up above a limit")
        verbose_name_plural = _("top-ups above a limit")
        ordering = ("-id",)
        default_permissions = ()
        indexes = [
            # 1 is AWAITING.
            models.Index(fields=["id"], name="top_up_awaiting", condition=Q(status=1)),
        ]

    def __str__(self) -> str:
        return f"{self.customer} +{self.amount}"


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
    """By id, what top-ups amount to by all that was booked; given, as what they were entered."""
    amounts = dict(entered)
    if amounts:
        those = InArray(F("charge"), list(amounts))
        booked = TopUpCorrection.objects.filter(those, entry__isnull=False).order_by()
        for pk, difference in booked.values_list("charge", "amount"):
            amounts[pk] += difference
    return amounts


def corrected_amount(charge: ChargeRecord) -> Decimal:
    return corrected_amounts({charge.pk: charge.amount})[charge.pk]


def plain_reference(text: str) -> str:
    """A payment's number in the one form by which it is known: nobody sees that blanks around it, a
    mark inside, the width of its digits or the apostrophe of a spreadsheet make it another."""
    seen = "".join(mark for mark in text if unicodedata.category(mark) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split()).lstrip("'")


def already_booked(amount: Decimal, corrected: Decimal, date: datetime) -> str:
    """`corrected`: what the top-up of this amount amounts to now."""
    text = gettext("This payment was booked on %(day)s as %(amount)s.")
    if corrected != amount:
        text = gettext(
            "This payment was booked on %(day)s as %(amount)s; since a correction it amounts to "
            "%(corrected)s."
        )
    day = timezone.localtime(date).date().isoformat()
    return text % {"day": day, "amount": amount, "corrected": corrected}
