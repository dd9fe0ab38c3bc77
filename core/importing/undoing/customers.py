"""Customers that a file made are switched off, and an entry takes back each opening balance;
customers that it changed get their former values."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core.importing.customers import FIELDS, opening_balances
from core.importing.undoing.undoer import Undoer, lock_customers
from core.models import (
    Customer,
    FieldChange,
    ImportedRows,
    ImportJob,
    LedgerEntry,
    Order,
    WaitingTopUp,
)
from core.models.history import Difference, as_text
from core.models.ledger import Fact
from core.permissions import RIGHT_TO_BOOK, Right
from core.sentences.undoing import UndoCode

Kind = ImportedRows.Kind


class UndoCustomers(Undoer):
    rights: ClassVar[tuple[Right, ...]] = (Right.SWITCH_CUSTOMERS,)
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.CUSTOMERS,)

    @classmethod
    def rights_for(cls, job: ImportJob) -> tuple[Right, ...]:
        books = (RIGHT_TO_BOOK[LedgerEntry.Kind.ADJUSTMENT.name],) if job.amount else ()
        return (*cls.rights, *books)

    def knows_rows(self) -> bool:
        return super().knows_rows() and len(self._changed()) == self.job.updated

    def _changed(self) -> set[int]:
        """Customers whose fields the file changed."""
        changed: set[int] = set()
        for first, last in ImportedRows.objects.runs(self.job, Kind.FIELD_CHANGES):
            self.on_block()
            rows = FieldChange.objects.filter(pk__range=(first, last)).order_by()
            changed.update(rows.values_list("object_id", flat=True).distinct())
        return changed

    def figures(self) -> list[tuple[str, int | Decimal]]:
        return [
            (_("Customers to switch off"), self.job.created),
            (_("Opening balances to take back"), self.job.amount),
            (_("Customers to change back"), self.job.updated),
        ]

    def lock(self) -> None:
        made = {pk for block in self.blocks(Kind.CUSTOMERS) for pk in block}
        lock_customers(made | self._changed())

    def look(self) -> None:
        for customers in self.rows(Kind.CUSTOMERS):
            self._look_at_new(customers)
            names = dict(customers.values_list("pk", "username"))
            for pk, amount in sorted(opening_balances(list(names)).items()):
                self.look_at_amount(names[pk], amount)
        for changes in self.rows(Kind.FIELD_CHANGES):
            self._look_at_changed(list(changes))

    def _look_at_new(self, customers: QuerySet[Customer]) -> None:
        own = {"customer": OuterRef("pk")}
        entries = LedgerEntry.objects.filter(**own, order__isnull=True)
        for fact in (Fact.OPENING, Fact.OPENING_UNDONE):
            entries = entries.exclude(reference__startswith=fact.of(""))
        waiting = WaitingTopUp.objects.filter(**own, status=WaitingTopUp.Status.AWAITING)
        depending = {
            UndoCode.CUSTOMERS_ORDERED: Exists(Order.objects.filter(**own)),
            UndoCode.CUSTOMERS_BOOKED: Exists(entries),
            UndoCode.CUSTOMERS_LET_IN: Q(user__isnull=False) | Q(invited__isnull=False),
            UndoCode.CUSTOMERS_TO_CREDIT: Exists(waiting),
        }
        for code, condition in depending.items():
            found = customers.filter(condition).values_list("username", flat=True)
            self.add(code, found.iterator())

    def _look_at_changed(self, changes: Sequence[FieldChange]) -> None:
        now = values_of(change.object_id for change in changes)
        other = {
            change.object_id: now[change.object_id]["username"]
            for change in changes
            if as_text(now[change.object_id][change.field]) != change.after
        }
        self.add(UndoCode.FIELDS_CHANGED, other.values())

    def undo(self) -> None:
        for ids in self.blocks(Kind.CUSTOMERS):
            self._take_back_openings(ids)
            active = Customer.objects.filter(pk__in=ids, active=True)
            switched = list(active.values_list("pk", flat=True))
            active.update(active=False)
            self._keep(Difference(pk, "active", before=True, after=False) for pk in switched)
        for changes in self.rows(Kind.FIELD_CHANGES):
            self._restore(list(changes))

    def _take_back_openings(self, ids: Sequence[int]) -> None:
        undone = ImportedRows.objects.times_undone(Kind.CUSTOMERS, ids)
        back = {
            pk: (amount, Fact.OPENING_UNDONE.of(pk, undone[pk]))
            for pk, amount in opening_balances(ids).items()
        }
        LedgerEntry.objects.close_accounts(back, creator_id=self.actor.pk, note=self.note)

    def _restore(self, changes: Sequence[FieldChange]) -> None:
        now = values_of(change.object_id for change in changes)
        differences = []
        for change in changes:
            pk, field = change.object_id, change.field
            before = change.before == "True" if field == "active" else change.before
            differences.append(Difference(pk, field, now[pk][field], before))
            now[pk][field] = before
        rows = [(*(row[name] for name in FIELDS), pk) for pk, row in now.items()]
        Customer.objects.update_columns(FIELDS, rows)
        self._keep(differences)

    def _keep(self, differences: Iterable[Difference]) -> None:
        FieldChange.objects.keep(Customer, differences, actor=self.actor, source=self.note)


def values_of(ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Current values by id."""
    rows = Customer.objects.filter(pk__in=set(ids)).order_by("pk")
    return {row["pk"]: row for row in rows.values("pk", "username", *FIELDS)}
