"""Customers with opening balances: `username,mobile,balance,active,memo`.

An opening balance is an adjustment in the ledger, not a top-up: nothing was paid today. So it takes
the right to adjust balances. Its reference names the customer, so nobody ever gets two, however
often a file is uploaded. A file gives existing customers no money, unless the import that made them
was undone: then it may make them again.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import compress
from typing import Any, ClassVar

from django.contrib.contenttypes.models import ContentType
from django.db.models import F
from django.utils.translation import gettext as _

from core.db import tables
from core.db.lookups import InArray
from core.importing import cells, store
from core.importing.accounts import twins_of
from core.importing.batch import Batch, Plan, RowError, Understood
from core.importing.columns import Layout
from core.importing.notes import note_on_some
from core.importing.number_formats import DIGITS_KEPT
from core.importing.row_importer import RowImporter
from core.importing.rows import Row
from core.importing.similar_names import skeletons
from core.importing.totals import notes_among, totals_among
from core.models import (
    ApprovalLimit,
    BalanceTooLargeError,
    Customer,
    FieldChange,
    ImportedRows,
    ImportJob,
    LedgerEntry,
    Posting,
)
from core.models.accounts import name_taken
from core.models.approvals import requires_approval
from core.models.history import Difference
from core.models.ledger import MAX_CREDITED, Fact
from core.models.names import name_keys
from core.money import quantize
from core.ordering.topping_up import limit_error
from core.permissions import RIGHT_TO_BOOK, Right, may
from core.reasons import Code, Reason, translate

# What a file may change of an existing customer.
FIELDS = ("mobile", "active", "memo")
LONG_NUMBER = 12  # digits: spreadsheets show a power of ten
Kind = ImportedRows.Kind


@dataclass(frozen=True, slots=True)
class Known:
    """What a file can say about an existing customer."""

    pk: int
    mobile: str
    active: bool
    memo: str
    balance: Decimal
    # Made by an import that was undone, and inactive since.
    undone: bool = False


class CustomerRows(RowImporter):
    right = Right.IMPORT_CUSTOMERS
    books = LedgerEntry.Kind.ADJUSTMENT
    updates: ClassVar[bool] = True
    required: ClassVar[tuple[str, ...]] = ("username",)
    optional: ClassVar[tuple[str, ...]] = ("mobile", "balance", "active", "memo")
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "mobile": cells.mobiles,
        "balance": cells.amounts(10, empty="0"),
        "active": cells.switches,
        "memo": cells.memos,
    }

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        super().__init__(job, layout)
        # Exported balances that differ from today's, and numbers without their zeros.
        self.differing, self.cut = Understood(), Understood()

    @property
    def notes(self) -> list[Reason]:
        notes = note_on_some(Code.BALANCES_STAY, self.differing.number, self.differing.examples)
        return notes + note_on_some(Code.CUT_NUMBERS_STAY, self.cut.number, self.cut.examples)

    def keys(self, rows: list[Row]) -> list[str]:
        return name_keys(self.names(rows))

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        self.drop_repeated(batch, "username", first_lines)
        known = known_customers(batch.values["username"], lock=not self.checks)
        batch.refuse("username", totals(batch, known))
        batch.refuse("username", taken(batch, known))
        self._drop_forbidden_openings(batch, known)
        openings = {}
        if known and "balance" in batch.values:
            openings = opening_balances([customer.pk for customer in known.values()])
        return self._compared(batch, known, openings)

    def write(self, plan: Plan) -> None:
        if plan.new["username"]:
            self._insert(plan.new)
        if plan.revived:
            self._revive(plan.revived)
        if plan.changed:
            Customer.objects.update_columns(FIELDS, plan.changed)
            changes = self._keep_changes(plan.differences)
            self.keep_written(Kind.FIELD_CHANGES, [change.pk for change in changes])

    def _drop_forbidden_openings(self, batch: Batch, known: Mapping[str, Known]) -> None:
        """Refuse opening balances that are too large or that the uploader may not book (alone)."""
        names, balances = batch.values["username"], batch.values.get("balance", ())
        highest = max(map(Decimal, balances), default=Decimal(0))
        if highest <= (MAX_CREDITED if self._books and self._limit is None else 0):
            return
        reasons = {}
        for index, balance in enumerate(balances):
            customer = known.get(names[index])
            is_new = customer is None or customer.undone
            if Decimal(balance) and is_new and (reason := self._opening_objection(balance)):
                reasons[index] = reason
        batch.refuse("balance", reasons)

    def _opening_objection(self, balance: str) -> str:
        if not self._books:
            return _("Opening balances are for those who may adjust balances; leave this empty.")
        if requires_approval(Decimal(balance), self._limit):
            return limit_error(self._limit)
        if Decimal(balance) > MAX_CREDITED:
            return translate(BalanceTooLargeError(Decimal(balance)).reason)
        return ""

    @cached_property
    def _books(self) -> bool:
        """Whether the uploader may book these rows. A command on the host needs no user."""
        user = self.job.creator
        return user is None or may(user, RIGHT_TO_BOOK[self.books.name])

    @cached_property
    def _limit(self) -> Decimal | None:
        return ApprovalLimit.objects.of_top_ups(self.job.creator)

    def _compared(
        self, batch: Batch, known: Mapping[str, Known], openings: Mapping[int, Decimal]
    ) -> Plan:
        """Tell new customers from existing ones, and what is stored from what the file says."""
        plan = Plan(batch)
        faults: dict[int, list[RowError]] = {}
        names = batch.values["username"]
        is_new = [name not in known for name in names]
        for index, name in enumerate(names):
            if (customer := known.get(name)) is None:
                continue
            row = {field: column[index] for field, column in batch.values.items()}
            after = self._after(row, customer)
            if customer.undone:
                plan.revived.append((customer, after, Decimal(row.get("balance", 0))))
                continue
            errors = self._money_errors(batch, index, customer, openings.get(customer.pk))
            different = differences_of(customer, after)
            told = [(name, one.field, str(one.before), str(one.after)) for one in different]
            if different and not self.job.update:
                errors.append(self._exists(batch, index, different))
            elif not (self.checks or all(map(self._was_shown, told))):
                reason = _("This customer was changed after the check: look at the row again.")
                errors.append(batch.fault(index, "username", reason))
            if errors:
                faults[index] = errors
            elif not different:
                plan.unchanged += 1
            else:
                plan.changed.append((*after, customer.pk))
                plan.differences += different
                plan.shown_changes += told
        plan.new = {name: list(compress(column, is_new)) for name, column in batch.values.items()}
        batch.drop(faults)
        plan.amount = sum(map(Decimal, plan.new.get("balance", ())), Decimal(0))
        plan.amount += sum(opening for _customer, _after, opening in plan.revived)
        plan.created = len(plan.new["username"]) + len(plan.revived)
        plan.updated = len(plan.changed)
        return plan

    def _after(self, row: Mapping[str, Any], customer: Known) -> tuple[str, bool, str]:
        """What the row asks for; a missing column and an empty `active` change nothing."""
        name, active = row["username"], row.get("active")
        mobile = self._whole(name, customer.mobile, row.get("mobile", customer.mobile))
        memo = self._whole(name, customer.memo, row.get("memo", customer.memo))
        if memo.splitlines() == customer.memo.splitlines():
            memo = customer.memo  # forms and spreadsheets end lines differently
        before = customer.active or customer.undone
        return mobile, before if active is None else active, memo

    def _whole(self, name: str, before: str, said: str) -> str:
        """The cell, or the stored digits if a spreadsheet damaged them: no zeros in front, or a
        power of ten."""
        if not (said and said != before and before.isdigit() and is_left_of(before, said)):
            return said
        self.cut.add(Understood(1, [f"{name} {before} ≠ {said}"]))
        return before

    def _money_errors(
        self, batch: Batch, index: int, customer: Known, opening: Decimal | None
    ) -> list[RowError]:
        """A file may repeat the opening balance it gave, or the current balance, but give no other.
        An export may show the balance of another day."""
        if "balance" not in batch.values:
            return []
        said = Decimal(batch.values["balance"][index])
        if not said or said in (opening, customer.balance):
            return []
        if self.job.update and self.layout.is_export:
            example = f"{batch.values['username'][index]} {customer.balance} ≠ {quantize(said)}"
            self.differing.add(Understood(1, [example]))
            return []
        reason = _(
            "The balance is now %(balance)s, but the file says %(said)s; files do not "
            "change balances: clear the column."
        )
        params = {"balance": customer.balance, "said": quantize(said)}
        return [batch.fault(index, "balance", reason % params)]

    def _was_shown(self, change: tuple[str, ...]) -> bool:
        """Whether the check showed this change to somebody."""
        place = bisect_left(self._shown, hash(change))
        return self._shown[place : place + 1] == array("q", [hash(change)])

    @cached_property
    def _shown(self) -> "array[int]":
        """Eight bytes for each change that the check showed."""
        return array("q", sorted(map(hash, map(tuple, store.rows_of(self.job, store.CHANGES)))))

    def _exists(self, batch: Batch, index: int, different: list[Difference]) -> RowError:
        text = _("A customer with this username already exists with a different %(columns)s.")
        reason = text % {"columns": ", ".join(one.field for one in different)}
        return batch.fault(index, "username", reason)

    def _insert(self, new: Mapping[str, Any]) -> None:
        names, active, creator_id = new["username"], new.get("active"), self.job.creator_id
        ids = tables.new_ids(Customer, len(names))
        customers: dict[str, Any] = {
            "id": ids,
            "username": names,
            "mobile": new.get("mobile") or tables.Constant(""),
            "active": [word is not False for word in active] if active else tables.Constant(True),
            "memo": new.get("memo") or tables.Constant(""),
            "creator": tables.Constant(creator_id),
        }
        if balances := new.get("balance"):
            LedgerEntry.objects.open_accounts(
                creator_id=creator_id, note=self._note, balance=balances, **customers
            )
        else:
            Customer.objects.insert_columns(**customers)
        self.keep_written(Kind.CUSTOMERS, ids)

    @property
    def _note(self) -> str:
        return f"opening balance, import {self.job.pk}"

    def _revive(self, revived: Sequence[tuple[Known, tuple[Any, ...], Decimal]]) -> None:
        """Make customers of an undone import as if they were new."""
        ids = [customer.pk for customer, _after, _opening in revived]
        undone = ImportedRows.objects.times_undone(Kind.CUSTOMERS, ids)
        Customer.objects.update_columns(
            FIELDS, [(*after, customer.pk) for customer, after, _opening in revived]
        )
        self._keep_changes(
            difference
            for customer, after, _opening in revived
            for difference in differences_of(customer, after)
        )
        LedgerEntry.objects.post_many(
            Posting(
                kind=LedgerEntry.Kind.ADJUSTMENT,
                customer_id=customer.pk,
                amount=opening,
                reference=Fact.OPENING.of(customer.pk, undone[customer.pk]),
                creator_id=self.job.creator_id,
                note=self._note,
            )
            for customer, _after, opening in revived
            if opening
        )
        self.keep_written(Kind.CUSTOMERS, ids)

    def _keep_changes(self, differences: Iterable[Difference]) -> list[FieldChange]:
        source = f"{self.job._meta.verbose_name} {self.job.pk}"
        keep = FieldChange.objects.keep
        return keep(Customer, differences, actor=self.job.creator, source=source)


def is_left_of(digits: str, said: str) -> bool:
    """Whether a spreadsheet shows these digits so: without zeros in front, or a long number rounded
    or cut off."""
    if said[DIGITS_KEPT:] and said.isdigit() and not said[DIGITS_KEPT:].strip("0"):
        said = f"{Decimal(said):.14E}"
    if len(digits) < LONG_NUMBER or not cells.DAMAGED_NUMBER.fullmatch(said):
        return said == digits.lstrip("0")
    power = Decimal(said.replace(",", "."))
    unit = Decimal(1).scaleb(int(power.as_tuple().exponent))
    return -unit / 2 <= Decimal(digits) - power < unit


def totals(batch: Batch, known: Mapping[str, Known]) -> dict[int, str]:
    """By index, rows that add up the others or are notes on the table: no customer is called so."""
    names = batch.values["username"]
    total = _("This is a total row; if a customer really has this name, add them by hand.")
    note = _("This is a note on the table; if a customer really has this name, add them by hand.")
    keys = skeletons(names)
    reasons = dict.fromkeys(notes_among(keys), note) | dict.fromkeys(totals_among(keys), total)
    return {index: reason for index, reason in reasons.items() if names[index] not in known}


def taken(batch: Batch, known: Mapping[str, Known]) -> dict[int, str]:
    """By index, new names that differ from a customer's only in case or form."""
    new = {index: name for index, name in enumerate(batch.values["username"]) if name not in known}
    twins = twins_of(list(new.values()))
    return {index: name_taken(twins[name]) for index, name in new.items() if name in twins}


def known_customers(names: Any, *, lock: bool) -> dict[str, Known]:
    """One query for all names of a block. `lock` them until commit: otherwise an undoing could
    change them before they are written."""
    rows = Customer.objects.filter(InArray(F("username"), names)).order_by()
    if lock:
        rows = rows.select_for_update().order_by("pk")
    found = rows.values_list("username", "pk", *FIELDS, "balance")
    known = {row[0]: Known(*row[1:]) for row in found.iterator()}
    inactive = {customer.pk: name for name, customer in known.items() if not customer.active}
    undone = ImportedRows.objects.undone_among(Kind.CUSTOMERS, inactive)
    for pk in undone - switched_off_by_hand(undone):
        known[inactive[pk]] = replace(known[inactive[pk]], undone=True)
    return known


def switched_off_by_hand(undone: set[int]) -> set[int]:
    """Customers of undone imports whom somebody switched on or off since, or had switched off
    before, so that the undoing had nothing to do."""
    if not undone:
        return set()
    moments = ImportedRows.objects.moments_undone(Kind.CUSTOMERS, undone)
    kind = ContentType.objects.get_for_model(Customer)
    changes = FieldChange.objects.filter(content_type=kind, object_id__in=undone, field="active")
    rows = changes.order_by("pk").values_list("object_id", "create_date", "source")
    latest = {pk: (at, source) for pk, at, source in rows}
    return {pk for pk, (at, source) in latest.items() if at > moments[pk] or not source}


def opening_balances(ids: Sequence[int]) -> dict[int, Decimal]:
    """The opening balances that stand, by customer id."""
    undone = ImportedRows.objects.times_undone(Kind.CUSTOMERS, ids)
    references = [Fact.OPENING.of(pk, undone[pk]) for pk in ids]
    entries = LedgerEntry.objects.filter(InArray(F("reference"), references)).order_by()
    return dict(entries.values_list("customer_id", "amount"))


def differences_of(customer: Known, after: tuple[Any, ...]) -> list[Difference]:
    before = (customer.mobile, customer.active, customer.memo)
    if before == after:  # the rule: a file that was uploaded before
        return []
    return [
        Difference(customer.pk, field, old, new)
        for field, old, new in zip(FIELDS, before, after, strict=True)
        if old != new
    ]
