"""THE writer of money: a balance is the sum of its ledger entries, and nothing but this
module changes a balance or adds an entry, each in the transaction of the fact it pays for.

The ledger is append-only, also for a database client: triggers refuse UPDATE and DELETE.
"""

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from core import money
from core.db import clock, tables
from core.db.blocks import BLOCK, in_blocks, update_by_id
from core.models.accounts import Customer, person_field
from core.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from core.models.fields import amount_field, created_field, protected_key
from core.reasons import Code, Reason

if TYPE_CHECKING:
    from core.models.orders import Order


# What the column of a balance holds.
MAX_BALANCE = Decimal("9999999999.99")
# Up to where people credit one: the rest is room for what open orders give back.
MAX_CREDITED = Decimal("5000000000.00")


class PostingRefusedError(Exception):
    """A balance does not change so; `reason` is fit for people."""

    reason: Reason


class BalanceTooLargeError(PostingRefusedError):
    """A credit would make the customer's balance, `balance`, larger than people may make it, or a
    refund larger than its column holds."""

    def __init__(self, balance: Decimal, most: Decimal = MAX_CREDITED) -> None:
        super().__init__(balance)
        self.balance = balance
        self.reason = Reason.of(Code.BALANCE_TOO_LARGE, most=str(most))


class CustomerInactiveError(PostingRefusedError):
    """A switched-off customer would pay in or buy."""

    reason = Reason.of(Code.CUSTOMER_INACTIVE)

    def __init__(self, customer_id: int) -> None:
        super().__init__(f"customer {customer_id} is switched off")


class InsufficientBalanceError(PostingRefusedError):
    """The customer's balance does not cover a debit; `missing` says by how much."""

    def __init__(self, missing: Decimal) -> None:
        super().__init__(missing)
        self.missing = missing
        self.reason = Reason.of(Code.BALANCE_SHORT, missing=str(missing))


class Fact(StrEnum):
    """What an entry pays for. Its reference, the fact and the key of its row, exists once."""

    CHARGE = "charge"
    ORDER = "order"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    CORRECTION = "correction"
    AUDIT = "audit"
    AUDIT_REFUND = "audit-refund"
    OPENING = "opening"
    OPENING_UNDONE = "opening-undone"

    def of(self, key: object, undone: int = 0) -> str:
        """`undone`: how many opening balances of this customer were undone before."""
        return f"{self}:{key}:{undone}" if undone else f"{self}:{key}"

    def of_column(self, keys: Any) -> Concat:
        return Concat(Value(f"{self}:"), Cast(keys, models.CharField()))


@dataclass(frozen=True, slots=True)
class Posting:
    """One change of one balance to be: `amount` is positive for a credit, negative for a debit, and
    `reference` names the fact that it pays for."""

    kind: "LedgerEntry.Kind"
    customer_id: int
    amount: Decimal
    reference: str
    order: "Order | None" = None
    creator_id: int | None = None
    note: str = ""


class LedgerQuerySet(AppendOnlyQuerySet):
    def post(self, **posting: Any) -> "LedgerEntry":
        """One posting, given by the fields of `Posting`; otherwise as `post_many()`."""
        return self.post_many([Posting(**posting)])[0]

    def post_many(self, postings: Iterable[Posting]) -> list["LedgerEntry"]:
        """Change balances and write their entries, one after the other, in the caller's
        transaction; all of them or, where it raises, none once that is rolled back.

        The customers' rows are locked first, by rising id: of 64 orders at once on a balance for
        10, ten pass. Who was switched off while we waited for the lock neither pays in nor buys.
        Raises CustomerInactiveError, InsufficientBalanceError, BalanceTooLargeError,
        Customer.DoesNotExist, and IntegrityError where a reference was posted before.
        """
        if not transaction.get_connection(self.db).in_atomic_block:
            raise transaction.TransactionManagementError(
                "a ledger entry is written in the transaction of the fact it pays for"
            )
        postings = list(postings)
        active = {one.customer_id for one in postings if one.kind in LedgerEntry.ACTIVE_ONLY}
        balances = _locked_balances({posting.customer_id for posting in postings}, active)
        entries = [_entry(posting, balances) for posting in postings]
        clock.stamp(entries)
        self.bulk_create(entries)
        update_by_id(Customer, {pk: {"balance": balance} for pk, balance in balances.items()})
        return entries

    def open_accounts(self, *, creator_id: int | None, note: str, **columns: Any) -> None:
        """New customers with their opening balances, by columns (see
        CustomerQuerySet.insert_columns): `balance` is a column of amounts as text, none of them
        negative.

        An opening balance is an adjustment, since nothing was paid today: takings count top-ups.
        A column of a million entries is written as customers are, for the same reason.
        """
        opened = [
            (pk, amount)
            for pk, amount in zip(columns["id"], columns["balance"], strict=True)
            if Decimal(amount)
        ]
        Customer.objects.insert_columns(**columns)
        if not opened:
            return
        ids, amounts = zip(*opened, strict=True)
        tables.insert(
            LedgerEntry,
            kind=tables.Constant(LedgerEntry.Kind.ADJUSTMENT.value),
            customer=ids,
            amount=amounts,
            balance_after=amounts,
            reference=[Fact.OPENING.of(pk) for pk in ids],
            creator=tables.Constant(creator_id),
            note=tables.Constant(note),
        )

    def close_accounts(
        self, openings: Mapping[int, tuple[Decimal, str]], *, creator_id: int, note: str
    ) -> None:
        """Take back opening balances, of customers who have just that, in the caller's transaction:
        by a customer's id the amount, and the reference of the entry to be. By columns, as they
        were opened. Raises ValueError where a balance is another."""
        ids, amounts = sorted(openings), {pk: amount for pk, (amount, _name) in openings.items()}
        if not ids:
            return
        if _locked_balances(set(ids)) != amounts:
            raise ValueError("a balance is not what the customer was opened with")
        tables.insert(
            LedgerEntry,
            kind=tables.Constant(LedgerEntry.Kind.ADJUSTMENT.value),
            customer=ids,
            amount=[str(-amounts[pk]) for pk in ids],
            balance_after=tables.Constant(Decimal(0)),
            reference=[openings[pk][1] for pk in ids],
            creator=tables.Constant(creator_id),
            note=tables.Constant(note),
        )
        for some in in_blocks(ids, BLOCK):
            Customer.objects.filter(pk__in=some).update(balance=0)


def refuse_inactive(customers: set[int]) -> None:
    """Lock these customers until commit. Raises CustomerInactiveError where one is switched off."""
    _locked_balances(customers, customers)


def _locked_balances(
    customers: set[int], active: AbstractSet[int] = frozenset()
) -> dict[int, Decimal]:
    """By id, of rows that are ours until commit: on SQLite the transaction holds the only write
    lock, so that nobody else can change them there either. Raises CustomerInactiveError where one
    of `active` is not."""
    found: dict[int, Decimal] = {}
    for some in in_blocks(sorted(customers), BLOCK):
        rows = Customer.objects.filter(pk__in=some).order_by("pk").select_for_update()
        for pk, balance, is_active in rows.values_list("pk", "balance", "active"):
            if pk in active and not is_active:
                raise CustomerInactiveError(pk)
            found[pk] = balance
    if missing := customers - found.keys():
        raise Customer.DoesNotExist(f"there is no customer {min(missing)}")
    return found


def _entry(posting: Posting, balances: dict[int, Decimal]) -> "LedgerEntry":
    """The entry of a posting, which moves the customer's balance among `balances`."""
    amount = money.quantize(posting.amount)
    balance = balances[posting.customer_id] + amount
    if balance < 0 and amount < 0:
        raise InsufficientBalanceError(-balance)
    most = MAX_BALANCE if posting.kind == LedgerEntry.Kind.REFUND else MAX_CREDITED
    if balance > most and amount > 0:
        raise BalanceTooLargeError(balance, most)
    balances[posting.customer_id] = balance
    return LedgerEntry(
        kind=posting.kind,
        customer_id=posting.customer_id,
        amount=amount,
        balance_after=balance,
        reference=posting.reference,
        order=posting.order,
        creator_id=posting.creator_id,
        note=posting.note,
    )


class LedgerEntry(AppendOnlyModel):
    """One change of one balance. `reference` names the fact it pays for and is unique, so an
    order is charged once and refunded at most once."""

    class Kind(models.IntegerChoices):
        CHARGE = 1, _("top-up")  # what a customer paid in; what an order costs is ORDER
        ORDER = 2, _("order")
        REFUND = 3, _("refund")
        ADJUSTMENT = 4, _("adjustment")
        CORRECTION = 5, _("correction of a top-up")

    # What only customers do who are switched on; what is theirs they get back all the same.
    ACTIVE_ONLY: ClassVar[tuple[Kind, ...]] = (Kind.CHARGE, Kind.ORDER)

    kind = models.PositiveSmallIntegerField(_("kind"), choices=Kind)
    customer = protected_key(Customer, _("customer"), related_name="ledger", db_index=False)
    amount = amount_field(_("amount"), digits=12)
    balance_after = amount_field(_("balance after"), digits=12)
    order = protected_key("core.Order", _("order"), null=True, related_name="ledger")
    creator = person_field(_("creator"), db_index=False)
    reference = models.CharField(_("reference"), max_length=80, unique=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    create_date = created_field(_("created"))

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
