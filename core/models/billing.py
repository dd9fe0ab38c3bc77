"""What is paid and what is charged. The ledger is append-only, also for a database client:
triggers refuse UPDATE and DELETE. The balance is the sum of the entries, always.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Round
from django.utils.translation import gettext_lazy as _

from core import money
from core.db import statements
from core.models.accounts import Administrator, Customer, User

if TYPE_CHECKING:
    from core.models.orders import Order


class InsufficientBalanceError(Exception):
    """The customer's balance does not cover a debit; `missing` says by how much."""

    def __init__(self, missing: Decimal) -> None:
        super().__init__(missing)
        self.missing = missing


class AppendOnlyError(Exception):
    """Somebody tried to change or delete what may only be added to."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: object) -> int:
        raise AppendOnlyError(f"{self.model.__name__} rows are never changed; add a new one")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError(f"{self.model.__name__} rows are never deleted; add a new one")


class AppendOnlyModel(models.Model):
    """Rows are inserted once. `save()` of an existing row and `delete()` are refused."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise AppendOnlyError(f"{type(self).__name__} rows are never changed; add a new one")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError(f"{type(self).__name__} rows are never deleted; add a new one")


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


class LedgerQuerySet(AppendOnlyQuerySet):
    def post(
        self,
        *,
        kind: "LedgerEntry.Kind",
        customer_id: int,
        amount: Decimal,
        reference: str,
        order: "Order | None" = None,
        creator: User | None = None,
        note: str = "",
    ) -> "LedgerEntry":
        """Change a balance and write its entry, in the caller's transaction.

        The debit is one conditional UPDATE: of 64 orders at once on a balance for 10, ten pass.
        Raises InsufficientBalanceError, and IntegrityError where `reference` was posted before.
        """
        if not transaction.get_connection(self.db).in_atomic_block:
            raise transaction.TransactionManagementError(
                "a ledger entry is written in the transaction of the fact it pays for"
            )
        amount = money.quantize(amount)
        account = {"customer_id": customer_id}
        changed = statements.change(_moved, amount=amount, least=-amount, **account)
        # Once it changed, the row is ours until commit: this reads what the UPDATE left.
        customer = statements.first(_balance_of, **account)
        if customer is None:
            raise Customer.DoesNotExist(f"there is no customer {customer_id}")
        if changed != 1:
            raise InsufficientBalanceError(-amount - customer.balance)
        entry = LedgerEntry(
            kind=kind,
            customer_id=customer_id,
            amount=amount,
            balance_after=customer.balance,
            reference=reference,
            order=order,
            creator=creator,
            note=note,
        )
        statements.add(entry)
        return entry


def _moved(customer_id: Any, amount: Any, least: Any) -> tuple[models.QuerySet[Customer], Any]:
    """The one change of a balance; SQLite keeps decimals as floats: 0.30 less three times 0.10
    must be nothing at all."""
    enough = Customer.objects.filter(pk=customer_id, balance__gte=least)
    return enough, {"balance": Round(F("balance") + amount, precision=2)}


def _balance_of(customer_id: Any) -> models.QuerySet[Customer]:
    return Customer.objects.filter(pk=customer_id).only("balance")


class LedgerEntry(AppendOnlyModel):
    """One change of one balance. `reference` names the fact it pays for and is unique, so an
    order is charged once and refunded at most once."""

    class Kind(models.IntegerChoices):
        CHARGE = 1, _("top-up")
        ORDER = 2, _("order")
        REFUND = 3, _("refund")
        ADJUSTMENT = 4, _("adjustment")

    kind = models.PositiveSmallIntegerField(_("kind"), choices=Kind)
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.PROTECT,
        related_name="ledger",
        db_index=False,
    )
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    balance_after = models.DecimalField(_("balance after"), max_digits=12, decimal_places=2)
    order = models.ForeignKey(
        "core.Order",
        verbose_name=_("order"),
        on_delete=models.PROTECT,
        null=True,
        related_name="ledger",
    )
    creator = models.ForeignKey(
        User,
        verbose_name=_("creator"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    reference = models.CharField(_("reference"), max_length=80, unique=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    create_date = models.DateTimeField(_("created"), auto_now_add=True)

    objects = LedgerQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["customer", "-id"], name="ledger_customer_newest"),
            models.Index(fields=["create_date", "id"], name="ledger_created"),
            models.Index(fields=["kind", "create_date", "id"], name="ledger_kind_created"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(balance_after__gte=0), name="ledger_balance_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.reference


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
        with transaction.atomic():
            super().save(*args, **kwargs)
            LedgerEntry.objects.post(
                kind=LedgerEntry.Kind.CHARGE,
                customer_id=self.customer_id,
                amount=self.amount,
                reference=f"charge:{self.pk}",
                creator=self.creator,
                note=self.memo,
            )

    def clean(self) -> None:
        if self.customer_id and not self.customer.active:
            raise ValidationError({"customer": _("This customer is switched off.")})
