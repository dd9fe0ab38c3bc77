"""A file's orders are canceled with their whole refund, if none has begun."""

from decimal import Decimal
from typing import ClassVar

from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from core.importing.undoing.undoer import Undoer, lock_customers
from core.models import FINAL, ImportedRows, LedgerEntry, Repeat, transitions
from core.ordering import actions
from core.permissions import RIGHT_TO_BOOK, Right
from core.reasons import Code, Reason
from core.sentences.undoing import UndoCode

Kind = ImportedRows.Kind
# Nothing is left to undo of these.
GIVEN_BACK = Q(status__in=FINAL, refunded=F("price"))


class UndoOrders(Undoer):
    rights: ClassVar[tuple[Right, ...]] = (RIGHT_TO_BOOK[LedgerEntry.Kind.REFUND.name],)
    kinds: ClassVar[tuple[Kind, ...]] = (Kind.ORDERS,)

    def figures(self) -> list[tuple[str, int | Decimal]]:
        number, price = 0, Decimal(0)
        for orders in self.rows(Kind.ORDERS):
            prices = orders.exclude(GIVEN_BACK).values_list("price", flat=True)
            number, price = number + len(prices), price + sum(prices, Decimal(0))
        return [(_("Orders to cancel"), number), (_("To refund"), price)]

    def lock(self) -> None:
        """Orders before customers, as everywhere."""
        customers: set[int] = set()
        for orders in self.rows(Kind.ORDERS):
            customers.update(orders.select_for_update().values_list("customer_id", flat=True))
        lock_customers(customers)

    def look(self) -> None:
        repeats = Repeat.objects.filter(order=OuterRef("pk"), next_at__isnull=False)
        for orders in self.rows(Kind.ORDERS):
            oids = orders.values_list("oid", flat=True)
            begun = oids.filter(start_date__isnull=False).exclude(GIVEN_BACK)
            self.add(UndoCode.ORDERS_BEGUN, begun.iterator())
            self.add(UndoCode.ORDERS_REPEATED, oids.filter(Exists(repeats)).iterator())

    def undo(self) -> None:
        reason = Reason.of(Code.IMPORT_UNDONE, number=self.job.pk)
        for orders in self.rows(Kind.ORDERS):
            chosen = [
                (order, transition)
                for order in orders.exclude(GIVEN_BACK)
                if (transition := transitions.cancel(order, reason))
            ]
            actions.apply_transitions(chosen, self.actor)
