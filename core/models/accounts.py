"""Who uses the office. Accounts are deactivated, never deleted: ledger and orders name them for
ever."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MinLengthValidator, RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.db import tables
from core.db.lookups import InArray
from core.models.fields import amount_field, created_field, protected_key
from core.models.names import KEY_LENGTH, name_key, name_keys, validate_name

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
        indexes = [models.Index(fields=["username"], name="user_staff", condition=Q(is_staff=True))]

    def clean(self) -> None:
        super().clean()
        if not self.username or User.objects.filter(pk=self.pk, username=self.username).exists():
            return  # from before; another name is for a person to give
        if twin := login_like(self.username, but=self.pk):
            raise ValidationError({"username": name_taken(twin)})


def person_field(label: Any, **options: Any) -> "models.ForeignKey[User | None, User | None]":
    """Which login did it, where that is known."""
    return protected_key(User, label, null=True, related_name="+", **options)


def login_like(username: str, *, but: int | None = None) -> str:
    """A login whose name differs from this one in case or form alone; "" where there is none."""
    folded = {username.lower(), username.upper(), username.casefold(), username.capitalize()}
    near = Q(username__iexact=username) | Q(username__in={*folded, name_key(username)})
    others = User.objects.filter(near).exclude(username=username)
    if but is not None:
        others = others.exclude(pk=but)
    return others.values_list("username", flat=True).first() or ""


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
    """With writes of whole columns, for uploads: see core/db/tables.py."""

    def insert_columns(self, **columns: "Sequence[Any] | tables.Constant") -> None:
        """Inside a transaction. For a `balance` see LedgerEntry.objects.open_accounts()."""
        names = columns["username"]
        assert not isinstance(names, tables.Constant)
        tables.insert(self.model, name_key=name_keys(names), **columns)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        objs = list(objs)
        for one in objs:
            one.name_key = name_key(one.username)
        return super().bulk_create(objs, *args, **kwargs)

    def named(self, text: str) -> "Customer | None":
        """Called exactly so, else but for case and form."""
        return self.filter(username=text).first() or self.filter(name_key=name_key(text)).first()

    def give_keys(self, most: int = 1000) -> int:
        """To those that the release before made, which knows of none, unless another has the same.
        Returns how many got one."""
        rows = self.filter(name_key=None).order_by("-pk").values_list("pk", "username")[:most]
        keys = {pk: name_key(name) for pk, name in rows}
        those = self.filter(InArray(F("name_key"), list(keys.values()))).order_by()
        taken = set(those.values_list("name_key", flat=True))
        given = 0
        for pk, key in sorted(keys.items()):
            if key not in taken:
                taken.add(key)
                with suppress(IntegrityError), transaction.atomic():
                    given += self.filter(pk=pk, name_key=None).update(name_key=key)
        return given

    def update_columns(self, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Set these fields, by a row of values for each customer, whose id stands last."""
        tables.update(self.model, names, rows)


class Customer(models.Model):
    """Somebody who buys plays from a prepaid balance: the sum of the customer's ledger entries,
    which core/models/ledger.py alone changes."""

    username = models.CharField(
        _("username"),
        max_length=32,
        unique=True,
        validators=[MinLengthValidator(1), validate_name],
        error_messages={"unique": _("A customer with this username already exists.")},
    )
    # None: written before names were told apart by it, and like another's (manage.py doctor).
    name_key = models.CharField(  # noqa: DJ001 - "" would be a name as well
        max_length=KEY_LENGTH, null=True, editable=False
    )
    mobile = models.CharField(
        _("mobile"), max_length=16, blank=True, db_index=True, validators=[validate_mobile]
    )
    balance = amount_field(_("balance"), digits=12, default=0, editable=False)
    user = models.OneToOneField(
        User,
        verbose_name=_("portal login"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customer",
        help_text=_("Only customers who use the portal need one."),
    )
    creator = protected_key(
        Administrator, _("creator"), null=True, editable=False, related_name="+"
    )
    create_date = created_field(_("created"), db_index=True)
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
            models.Index(
                fields=["id"], name="customer_name_unclear", condition=Q(name_key__isnull=True)
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(balance__gte=0), name="customer_balance_not_negative"
            ),
            # With a condition it is an index, for which SQLite does not make the table anew.
            models.UniqueConstraint(
                fields=["name_key"], name="customer_name_once", condition=Q(name_key__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def save(self, **kwargs: Any) -> None:
        names = kwargs.get("update_fields")
        is_whole = names is None and (self.pk is None or self.name_key is not None)
        if is_whole or (names is not None and "username" in names):
            self.name_key = name_key(self.username)
            if names is not None:
                kwargs["update_fields"] = {*names, "name_key"}
        super().save(**kwargs)

    def clean(self) -> None:
        key = name_key(self.username or "")
        if not key or key == self.name_key:
            return
        if self.pk and Customer.objects.filter(pk=self.pk, username=self.username).exists():
            return  # from before; another name is for a person to give
        twin = Customer.objects.exclude(pk=self.pk).filter(name_key=key).first()
        if twin and twin.username != self.username:
            raise ValidationError({"username": name_taken(twin.username)})


def name_taken(other: str) -> str:
    text = _("There is already “%(name)s”; names that differ only in case or form are one name.")
    return text % {"name": other}
