"""Top-ups: `username,amount,memo,reference,method`. A row is one payment, so two alike are two.

An earlier booking is recognized by its `reference`, the payment's number, which is credited once
for a customer; by file and line, which make the `request_key`; or by equal customer, amount and
memo within some days: then a person says whether it is the same payment. If it was booked after
that question, the row is refused. A row above its uploader's limit waits for a second person.
"""

import unicodedata
import uuid
from collections import deque
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import compress, count, islice
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from core.db.lookups import InArray
from core.importing import cells, store
from core.importing.accounts import find_customers
from core.importing.batch import Batch, Plan
from core.importing.columns import Layout
from core.importing.row_importer import RowImporter
from core.importing.rows import Row
from core.models import (
    BalanceTooLargeError,
    ChargeRecord,
    ImportedRows,
    ImportJob,
    LedgerEntry,
    WaitingTopUp,
)
from core.models.billing import PaymentMethod, already_booked, corrected_amounts
from core.models.ledger import MAX_CREDITED
from core.ordering import top_up_many
from core.ordering.equal_top_ups import bare, booked_lately
from core.permissions import Right
from core.reasons import translate

Kind = ImportedRows.Kind

METHODS = {
    **dict.fromkeys(("cash", "现金"), PaymentMethod.CASH),
    **dict.fromkeys(
        ("bank transfer", "transfer", "wire", "bank", "银行转账", "转账", "汇款"),
        PaymentMethod.TRANSFER,
    ),
    **dict.fromkeys(
        ("card", "credit card", "debit card", "银行卡", "信用卡", "刷卡"), PaymentMethod.CARD
    ),
    **dict.fromkeys(("alipay", "支付宝"), PaymentMethod.ALIPAY),
    **dict.fromkeys(("wechat pay", "wechat", "weixin", "微信支付", "微信"), PaymentMethod.WECHAT),
    **dict.fromkeys(("other", "其他", "其它"), PaymentMethod.OTHER),
}

# Customer, amount and memo.
Payment = tuple[int, Decimal, str]
# Of equal payments, by number: kind and id of what was booked, and when.
Booked = dict[str, deque[tuple[tuple[Kind, int], datetime]]]
# By customer and number: amount booked, amount after corrections, and when.
Numbered = dict[tuple[int, str], tuple[Decimal, Decimal, datetime]]


def methods(typed: Sequence[str]) -> cells.Parsed:
    """Payment methods by any of their names; None for an empty cell."""

    def read(cell: str) -> PaymentMethod | None:
        word = unicodedata.normalize("NFKC", cells.shorn(cell)).strip().lower()
        if not word or word in cells.UNSAID:
            return None
        if word not in METHODS:
            known = ", ".join(str(method.label) for method in PaymentMethod)
            raise ValidationError(_("Must be one of: %(known)s.") % {"known": known})
        return METHODS[word]

    return cells.read_each(typed, read, broken=None)


class TopUpRows(RowImporter):
    right = Right.IMPORT_TOP_UPS
    books = LedgerEntry.Kind.CHARGE
    required: ClassVar[tuple[str, ...]] = ("username", "amount")
    optional: ClassVar[tuple[str, ...]] = ("memo", "reference", "method")
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "amount": cells.amounts(8, least=Decimal("0.01")),
        "memo": cells.up_to(200),
        "reference": cells.references,
        "method": methods,
    }

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        super().__init__(job, layout)
        self.leaves_out = job.repeated_rows == ImportJob.Repeated.SKIP
        # An import knows the lines that the check showed, and what they may repeat.
        self.shown = frozenset() if self.checks else frozenset(store.repeated_lines(job))
        if not self.checks:
            self.explained = dict.fromkeys(explained_by_check(job), 0)
        self.unnamed = count()

    def keys(self, rows: list[Row]) -> list[str]:
        """A payment's number may appear once; rows without a number may repeat."""
        typed = self.layout.cells(rows, "reference")
        if typed is None:
            return []
        # A refused number is not remembered.
        numbers, _wrong = self.parsers["reference"](typed)
        return [
            f"{name}\n{number}" if number else f"\n{next(self.unnamed)}"
            for name, number in zip(self.names(rows), numbers, strict=True)
        ]

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        batch.fill(memo="", reference="", method=None)
        self.drop_repeated(batch, "reference", first_lines)
        find_customers(batch, lock=not self.checks)
        values = batch.values
        typed = zip(values["customer"], values["reference"], strict=True)
        values["number"] = [(customer.pk, number) for customer, number in typed]
        booked = numbered(values["number"])
        batch.refuse("amount", contradicted(batch, booked))
        keys, credited = self.keys_and_written(batch, Kind.TOP_UPS, Kind.WAITING_TOP_UPS)
        values["request_key"] = keys
        values["is_new"] = is_new = [
            key not in credited and number not in booked
            for key, number in zip(keys, values["number"], strict=True)
        ]
        declined = declined_among(credited) if self.checks and credited else []
        repeats = self._repeated(batch, credited)
        told = [(batch.lines[index], text) for index, text in repeats.items()]
        reasons = {} if self.checks else booked_since(repeats)
        if self.leaves_out:
            shown = {line for line, _text in told} if self.checks else self.shown
            for index, line in enumerate(batch.lines):
                is_new[index] = is_new[index] and line not in shown
        batch.refuse("amount", reasons | too_large(batch))
        new = {name: list(compress(column, values["is_new"])) for name, column in values.items()}
        amount = sum(map(Decimal, new["amount"]), Decimal(0))
        created = len(new["request_key"])
        return Plan(
            batch, created, 0, len(batch) - created, amount, new, repeats=told, declined=declined
        )

    def _repeated(self, batch: Batch, credited: set[uuid.UUID]) -> dict[int, str]:
        """By index, in words, new rows that equal a top-up of the last days, credited or waiting.
        Each top-up explains one row: the file may be a mended one whose good rows were taken
        before. Another number means another payment. During an import: only what was booked after
        the check."""
        # A block may be tried again.
        first = min(batch.lines, default=0)
        before = {key for key, line in self.explained.items() if line < first}
        customers = batch.values["customer"]
        booked = equal_ones(self.job, {one.pk for one in customers}, credited | before)
        memos, numbers = batch.values["memo"], batch.values["reference"]
        found, taken = {}, set[tuple[Kind, int]]()
        for index, customer in enumerate(customers):
            amount = batch.values["amount"][index]
            equal = booked.get((customer.pk, Decimal(amount), memos[index]), {})
            asked = batch.values["is_new"][index] and batch.lines[index] not in self.shown
            if asked and (one := take_one(equal, numbers[index], taken)):
                key, date = one
                self.explained[key] = batch.lines[index]
                day = timezone.localtime(date).date().isoformat()
                found[index] = f"{customer.username} {amount} ({day})"
        return found

    def write(self, plan: Plan) -> None:
        if not plan.created:
            return
        names = ("customer", "amount", "memo", "reference", "method", "request_key")
        records = [
            ChargeRecord(
                customer_id=customer.pk,
                amount=Decimal(amount),
                memo=memo,
                reference=number or None,
                method=method,
                creator_id=self.job.creator_id,
                request_key=key,
            )
            for customer, amount, memo, number, method, key in zip(
                *(plan.new[name] for name in names), strict=True
            )
        ]
        waiting = top_up_many(records, self.job.creator)
        self.keep_written(Kind.TOP_UPS, [record.pk for record in records if record.pk is not None])
        self.keep_written(Kind.WAITING_TOP_UPS, [one.pk for one in waiting])


def declined_among(keys: Collection[uuid.UUID]) -> list[str]:
    """In words, rows that a second person declined before."""
    those = InArray(F("request_key"), [key.hex for key in keys])
    rows = WaitingTopUp.objects.filter(those, status=WaitingTopUp.Status.DECLINED)
    return list(map(str, rows.select_related("customer").order_by("pk")))


def explained_by_check(job: ImportJob) -> Iterator[tuple[Kind, int]]:
    """What the check found for the lines it showed. Each one approved since is another row."""
    found = [(Kind(kind), pk) for kind, pk in store.explained(job)]
    yield from found
    waiting = [pk for kind, pk in found if kind == Kind.WAITING_TOP_UPS]
    approved = WaitingTopUp.objects.filter(InArray(F("pk"), waiting), charge__isnull=False)
    for pk in approved.order_by().values_list("charge", flat=True):
        yield Kind.TOP_UPS, pk


def equal_ones(
    job: ImportJob, customers: set[int], but: Container[uuid.UUID | tuple[Kind, int]]
) -> dict[Payment, Booked]:
    """What others than this job booked or entered for approval in the last days. A corrected one
    counts under both amounts: a file may have the wrong one, a bank's file the right one."""
    found: dict[Payment, Booked] = {}
    for kind, payment, amounts in booked_lately(customers, but=job):
        pk, customer, _entered, memo, date, key, number = payment
        if key in but or (kind, pk) in but:
            continue
        for amount in amounts:
            equal = found.setdefault((customer, amount, memo), {})
            equal.setdefault(bare(number or ""), deque()).append(((kind, pk), date))
    return found


def booked_since(repeats: Mapping[int, str]) -> dict[int, str]:
    """By index, why rows are refused that may repeat a booking which the check did not show."""
    reason = _("An equal top-up was booked after the check: %(payment)s. Upload the row again.")
    return {index: reason % {"payment": text} for index, text in repeats.items()}


def take_one(
    booked: Booked, number: str, taken: set[tuple[Kind, int]]
) -> tuple[tuple[Kind, int], datetime] | None:
    """Take one of equal payments that this row may be: with the same number, or if one of the two
    has none. `taken`: those that already explain a row, perhaps under another amount."""
    while True:
        names = (bare(number), "") if number else ("", *islice(booked, 1))
        name = next((name for name in names if name in booked), None)
        if name is None:
            return None
        found = booked[name].popleft()
        if not booked[name]:
            del booked[name]
        if found[0] not in taken:
            taken.add(found[0])
            return found


def numbered(payments: Sequence[tuple[int, str]]) -> Numbered:
    """What was booked or waits under these numbers ("" for none)."""
    numbers = sorted({number for _customer, number in payments if number})
    if not numbers:
        return {}
    waiting = WaitingTopUp.objects.filter(status=WaitingTopUp.Status.AWAITING)
    found: Numbered = {
        (row.customer_id, row.reference or ""): (row.amount, row.amount, row.create_date)
        for row in waiting.filter(InArray(F("reference"), numbers)).order_by()
    }
    charges = [row for row, is_undone in ChargeRecord.objects.numbered(numbers) if not is_undone]
    amounts = corrected_amounts({row.pk: row.amount for row in charges})
    for row in charges:
        key = (row.customer_id, row.reference or "")
        found[key] = (row.amount, amounts[row.pk], row.create_date)
    return found


def contradicted(batch: Batch, booked: Numbered) -> dict[int, str]:
    """By index, rows whose amount differs from what was booked under their number."""
    reasons = {}
    for index, number in enumerate(batch.values["number"]):
        if number not in booked:
            continue
        amount, corrected, date = booked[number]
        if corrected != Decimal(batch.values["amount"][index]):
            reasons[index] = already_booked(amount, corrected, date)
    return reasons


def too_large(batch: Batch) -> dict[int, str]:
    """By index, new rows that would make a balance larger than people may credit."""
    customers, amounts = batch.values["customer"], batch.values["amount"]
    balances = {customer.pk: customer.balance for customer in customers}
    highest = max(balances.values(), default=Decimal(0))
    if highest + sum(map(Decimal, amounts), Decimal(0)) <= MAX_CREDITED:
        return {}
    reasons = {}
    for index in compress(range(len(batch)), batch.values["is_new"]):
        pk = customers[index].pk
        balance = balances[pk] + Decimal(amounts[index])
        if balance > MAX_CREDITED:
            reasons[index] = translate(BalanceTooLargeError(balance).reason)
        else:
            balances[pk] = balance
    return reasons
