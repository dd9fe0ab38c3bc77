"""New rows of a table that only grows, each exactly once.

A row's id is drawn when it is inserted, the row is seen when its transaction commits: on PostgreSQL
the lower of two ids can appear after the higher. A tail that remembers only the highest would lose
it. So the ids that were jumped over are remembered and asked for as well, until they are so old
that their transaction must have ended.
"""

import time
from typing import Any

from django.db.models import Max, Model, Q, QuerySet

# A transaction that inserts rows is over by then; one that was rolled back leaves its gap for ever.
GAP_SECONDS = 60.0
# A jump wider than this is a deletion or a sequence set by hand, not as many open transactions.
MOST_GAPS = 10_000


class Tail:
    """`rows()` gives what has been committed since the last call, in the order of ids; the first
    call only takes up its place. `queryset` says what is read of the rows."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        self.queryset = queryset
        self._top: int | None = None
        self._gaps: dict[int, float] = {}  # by when it was jumped over

    def rows(self) -> list[Any]:
        if self._top is None:
            self.restart()
            return []
        found = list(self._unseen().order_by("pk"))
        self._take(found)
        return found

    def restart(self) -> None:
        """Begin at the end of the table; whatever is not committed by now will be new."""
        rows = self.queryset.model._base_manager.using(self.queryset.db)
        self._top = rows.aggregate(top=Max("pk"))["top"] or 0
        # Ids just below the top may belong to transactions that are still open.
        near = range(max(1, self._top - 100), self._top)
        there = set(rows.filter(pk__in=near).values_list("pk", flat=True)) if near else set()
        self._gaps = dict.fromkeys((pk for pk in near if pk not in there), time.monotonic())

    def _unseen(self) -> QuerySet[Any]:
        late = Q(pk__in=list(self._gaps)) if self._gaps else Q()
        return self.queryset.filter(Q(pk__gt=self._top) | late)

    def _take(self, found: list[Model]) -> None:
        now = time.monotonic()
        for row in found:
            assert self._top is not None
            if row.pk > self._top:
                first = max(self._top + 1, row.pk - MOST_GAPS)
                self._gaps.update(dict.fromkeys(range(first, row.pk), now))
                self._top = row.pk
            else:
                del self._gaps[row.pk]
        self._gaps = {pk: since for pk, since in self._gaps.items() if now - since < GAP_SECONDS}
