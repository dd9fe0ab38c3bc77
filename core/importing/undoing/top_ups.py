"""A file's top-ups are corrected to nothing; those that wait for a second person are declined."""

from collections import Counter
from decimal import Decimal
from typing import ClassVar

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from core.db.blocks import in_blocks
from core.importing.undoing.undoer import BLOCK, Undoer, lock_customers
from core.models import Customer, ImportedRows, LedgerEntry, TopUpCorrection, WaitingTopUp
from core.ordering.correcting import take_back
from core.permissions import RIGHT_TO_BOOK, Right
from core.sentences.undoing import UndoCode

Kind = ImportedRows.Kind


class UndoTopUps(Undoer):
    rights: ClassVar[tuple[Right, ...]] = (RIGHT_TO_BOOK[LedgerEntry.Kind.CORRECTION.name],)
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TOP_UPS, Kind.WAITING_TOP_UPS)

    def figures(self) -> list[tuple[str, int | Decimal]]:
        wait = Decimal(0)
        for waiting in self.rows(Kind.WAITING_TOP_UPS):
            wait += sum(waiting.values_list("amount", flat=True), Decimal(0))
        booked, entered = (ImportedRows.objects.count_of(self.job, kind) for kind in self.kinds)
        return [
            (_("Top-ups to take back"), booked),
            (_("Amount to take back"), self.job.amount - wait),
            (_("Entered for approval"), entered),
        ]

    def lock(self) -> None:
        """Corrections lock the customer first, approvals the waiting row."""
        customers: set[int] = set()
        for charges in self.rows(Kind.TOP_UPS):
            customers.update(charges.values_list("customer_id", flat=True))
        for waiting in self.rows(Kind.WAITING_TOP_UPS):
            list(waiting.select_for_update().values_list("pk"))
        lock_customers(customers)

    def look(self) -> None:
        credited: Counter[int] = Counter()
        columns = ("customer_id", "amount", "customer__username")
        corrections = TopUpCorrection.objects.filter(
            Q(entry__isnull=False) | Q(status=TopUpCorrection.Status.AWAITING),
            charge=OuterRef("pk"),
        )
        for charges in self.rows(Kind.TOP_UPS):
            corrected = charges.filter(Exists(corrections)).select_related("customer")
            self.add(UndoCode.TOP_UPS_CORRECTED, map(str, corrected))
            for customer_id, amount, name in charges.values_list(*columns):
                credited[customer_id] += amount
                self.look_at_amount(name, amount)
        self._look_at_balances(credited)
        for waiting in self.rows(Kind.WAITING_TOP_UPS):
            approved = waiting.filter(charge__isnull=False).select_related("customer")
            self.add(UndoCode.TOP_UPS_APPROVED, map(str, approved))

    def _look_at_balances(self, credited: Counter[int]) -> None:
        """The balance must still hold what was credited."""
        for ids in in_blocks(sorted(credited), BLOCK):
            rows = Customer.objects.filter(pk__in=ids).order_by("pk")
            found = rows.values_list("pk", "username", "balance")
            spent = (name for pk, name, balance in found if balance < Decimal(credited[pk]))
            self.add(UndoCode.TOP_UPS_SPENT, spent)

    def undo(self) -> None:
        for charges in self.rows(Kind.TOP_UPS):
            take_back(list(charges), self.note, self.actor)
        for ids in self.blocks(Kind.WAITING_TOP_UPS):
            WaitingTopUp.withdraw(ids, self.actor)
