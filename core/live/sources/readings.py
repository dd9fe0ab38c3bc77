"""A site's counter while an order ran: the last readings, and a curve of all.

A drip-fed order has a hundred thousand readings, a curve needs a hundred points. The database thins
them once; then only new ones are read.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import Mod, RowNumber

from core.models import CounterReading

# Points of a curve; as many newest readings are listed whole.
POINTS = 120
NEWEST = 20

ReadingPoint = tuple[Any, int, int]  # when, what the counter said, plays received by then
FIELDS = ("order_id", "pk", "create_date", "views", "done")


class Readings:
    """By watched order. Only the holder of its lease writes an order's readings, so all new ones
    are above the highest id."""

    def __init__(self) -> None:
        self._known: dict[int, list[ReadingPoint]] = {}
        self._last: dict[int, int] = {}

    def load(self, ids: Sequence[int]) -> None:
        """Two queries at most, for any number of orders."""
        if known := [pk for pk in ids if pk in self._last]:
            above = min(self._last[pk] for pk in known)
            self._take(CounterReading.objects.filter(order__in=known, pk__gt=above))
        if new := [pk for pk in ids if pk not in self._last]:
            self._last |= dict.fromkeys(new, 0)
            self._known |= {pk: [] for pk in new}
            self._take(thinned(CounterReading.objects.filter(order__in=new)))

    def of(self, order_id: int) -> list[ReadingPoint]:
        return self._known.get(order_id, [])

    def retain(self, ids: set[int]) -> None:
        self._known = {pk: found for pk, found in self._known.items() if pk in ids}
        self._last = {pk: last for pk, last in self._last.items() if pk in ids}

    def _take(self, rows: "QuerySet[CounterReading]") -> None:
        for order_id, pk, *reading in rows.order_by("pk").values_list(*FIELDS):
            if pk > self._last[order_id]:
                self._last[order_id] = pk
                found = self._known[order_id]
                found.append(tuple(reading))
                if len(found) > 2 * POINTS:
                    found[:-NEWEST] = found[:-NEWEST:2]


def thinned(rows: "QuerySet[CounterReading]") -> "QuerySet[CounterReading]":
    """About POINTS of each order's readings, and its newest ones."""
    numbered = rows.annotate(
        number=Window(RowNumber(), partition_by="order_id", order_by="pk"),
        total=Window(Count("pk"), partition_by="order_id"),
    )
    every = Mod(F("number"), F("total") / POINTS + 1)
    return numbered.annotate(every=every).filter(
        Q(every=0) | Q(number=1) | Q(number__gt=F("total") - NEWEST)
    )
