"""Who uses the office: staff, customers, and what a name may look like.

Accounts are deactivated, never deleted: the ledger and the orders name them for ever.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.db import tables

# "{{" is a template to the admin's Vue, "<" and ">" are markup to whoever forgets to escape.
FORBIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff<>]|\{\{|\}\}"
)


def validate_name(value: str) -> None:
    """Refuse control and invisible characters, markup and template braces."""
    if found := FORBIDDEN.search(value):
        raise ValidationError(
            _("May not contain %(what)s."), code="name", params={"what": ascii(found.group())}
        )
    if value != value.strip():
        raise ValidationError(_("May not start or end with a space."), code="name")


validate_mobile = RegexValidator(
    r"^\+?[0-9]{3,15}\Z", _("Digits only, 3 to 15, with an optional +.")
)


class User(AbstractUser):
    """A login: staff work in the admin, others on the customers' pages."""

    first_name = models.CharField(
        _("first name"), max_length=150, blank=True, validators=[validate_name]
    )
    last_name = models.CharField(
        _("last name"), max_length=150, blank=True, validators=[validate_name]
    )
    mobile = models.CharField(
        _("mobile"), max_length=16, blank=True, db_index=True, validators=[validate_mobile]
    )

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")


class AdministratorManager(UserManager["Administrator"]):
    def get_queryset(self) -> models.QuerySet["Administrator"]:
        return super().get_queryset().filter(is_staff=True)


class Administrator(User):
    """Staff. A super administrator is one with `is_superuser`; others get rights by groups."""

    objects = AdministratorManager()  # type: ignore[misc]

    class Meta:
        proxy = True
        verbose_name = _("administrator")
        verbose_name_plural = _("administrators")


class CustomerQuerySet(models.QuerySet["Customer"]):
    """With writes of whole columns, for uploads: 1,000,000 customers by `bulk_create` take 5 to 15
    times as long, since it makes an object of each row (`make bench ARGS="importing --rounds 2"`).
    Values go past the fields' validation: callers have validated them.
    """

    def insert_columns(self, **columns: "Sequence[Any] | tables.Constant") -> None:
        """Insert rows: by field names, columns of one length, amounts as text. Inside a
        transaction. For a `balance` see LedgerEntry.objects.open_accounts()."""
        tables.insert(self.model, **columns)

    def update_columns(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Set these fields, by a row of values for each customer, whose id stands last."""
        tables.update(self.model, names, rows)


class Customer(models.Model):
    """Somebody who buys plays from a prepaid balance.

    `balance` equals the sum of the customer's ledger entries and is changed by
    core/models/ledger.py alone.
    """

    username = models.CharField(
        _("username"),
        max_length=32,
        unique=True,
        validators=[MinLengthValidator(1), validate_name],
        error_messages={"unique": _("A customer with this username already exists.")},
    )
    mobile = models.CharField(
        _("mobile"), max_length=16, blank=True, db_index=True, validators=[validate_mobile]
    )
    balance = models.DecimalField(
        _("balance"), max_digits=12, decimal_places=2, default=0, editable=False
    )
    user = models.OneToOneField(
        User,
        verbose_name=_("portal login"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customer",
        help_text=_("Only customers who use the portal need one."),
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
    active = models.BooleanField(
        _("active"), default=True, help_text=_("Switch off instead of deleting; orders are kept.")
    )
    # The newest one-time link to set a password; older ones are void.
    invited = models.DateTimeField(_("login link made"), null=True, editable=False)
    memo = models.TextField(_("memo"), blank=True, max_length=2000)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["id"], name="customer_inactive", condition=Q(active=False)),
            # Each order moves its customer in it: no slower by what can be measured.
            models.Index(fields=["balance", "id"], name="customer_balance"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(balance__gte=0), name="customer_balance_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.username
