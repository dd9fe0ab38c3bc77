"""What is on sale and what customers pay in: prices, and top-ups, which are added once and stay."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import money
from core.models.accounts import Administrator, Customer
from core.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from core.models.ledger import LedgerEntry, Posting, charge_reference
from core.reasons import Code, Reason, translate


class PricePolicy(models.Model):
    """A bundle on sale: `count` plays for `price`."""

    count = models.PositiveIntegerField(_("plays"), unique=True, validators=[MinValueValidator(1)])
    price = models.DecimalField(
        _("price"), max_digits=10, decimal_places=2, validators=[MinValueValidator(money.CENT)]
    )
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

    @classmethod
    def bundles(cls) -> list[money.Bundle]:
        """What is on sale now, smallest first."""
        on_sale = cls.objects.filter(active=True).values_list("count", "price")
        return [money.Bundle(count, price) for count, price in on_sale]


class ChargeRecordQuerySet(AppendOnlyQuerySet):
    def record_many(self, records: Sequence["ChargeRecord"]) -> None:
        """Insert top-ups and credit their customers, all together or not at all. Raises
        IntegrityError where a `request_key` was recorded before."""
        with transaction.atomic():
            self.bulk_create(records)
            LedgerEntry.objects.post_many(
                [
                    Posting(
                        kind=LedgerEntry.Kind.CHARGE,
                        customer_id=record.customer_id,
                        amount=record.amount,
                        reference=charge_reference(record.pk),
                        creator_id=record.creator_id,
                        note=record.memo,
                    )
                    for record in records
                ]
            )


class ChargeRecord(AppendOnlyModel):
    """A top-up that a customer paid: saving it credits the balance. Never edited or deleted;
    a mistake is corrected by an adjustment in the ledger."""

    customer = models.ForeignKey(
        Customer, verbose_name=_("customer"), on_delete=models.PROTECT, related_name="charges"
    )
    amount = models.DecimalField(
        _("amount"), max_digits=10, decimal_places=2, validators=[MinValueValidator(money.CENT)]
    )
    creator = models.ForeignKey(
        Administrator,
        verbose_name=_("creator"),
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    create_date = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    memo = models.CharField(_("memo"), max_length=200, blank=True)
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
        if self.customer_id and not self.customer.active:
            raise ValidationError({"customer": translate(Reason.of(Code.CUSTOMER_INACTIVE))})
