"""Pages of a list that do not care how many rows there are.

Django counts all rows twice a page and reads every row before the page's first. Here

- a filter is counted up to CAP rows; beyond that, the size of the whole table is estimated,
- a page's ids come from an index alone, in a subquery, and its rows by id,
- pages of the second half are read from the end,
- a very long list that is not sorted newest first shows only its beginning and, reversed, its end,
- pages far from both ends begin at a row, not behind a million others: nothing is deleted, so the
  row's number tells its place. If numbers were left out, the next page repeats some rows.
"""

from typing import Any, cast

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.utils.functional import cached_property

from core.db.querysets import estimated_size, is_filtered, order_of, without_filters

CAP = 10_000
# From either end; skipping so many index entries takes some milliseconds.
FAR = 50_000
# Up to so many rows, a list in any order has all its pages.
SORTED = 500_000


class CappedPaginator(Paginator):
    """`is_capped`: there are more rows than `count`. `is_estimated`: `count` is not exact."""

    is_capped = False
    is_estimated = False

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        found = rows.order_by().values("pk")[: CAP + 1].count()
        if found <= CAP:
            return found
        about = 0 if is_filtered(rows) else max(found, estimated_size(rows))
        if not about or (about > SORTED and not self._is_newest_first):
            self.is_capped = True
            return CAP
        self.is_estimated = True
        return about

    def page(self, number: int | str) -> "Page[Any]":
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return super().page(number)
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        top = min(bottom + self.per_page, self.count)
        ids = rows.values("pk")
        if self.is_estimated and min(bottom, self.count - top) > FAR and self._is_newest_first:
            found = self._from(bottom).values("pk")[: self.per_page]
        elif self.is_capped or bottom < self.count // 2:
            found = ids[bottom:top]
        else:
            # Counted from the end, so that the last page is full even if the count is estimated.
            found = ids.reverse()[self.count - top : self.count - bottom]
        return Page(without_filters(rows).filter(pk__in=found), number, self)

    @property
    def _is_newest_first(self) -> bool:
        rows = cast("QuerySet[Any]", self.object_list)
        return order_of(rows)[:1] in (("-pk",), ("-id",), ("-create_date",))

    def _from(self, place: int) -> QuerySet[Any]:
        rows = cast("QuerySet[Any]", self.object_list)
        last = rows.order_by("-pk").values_list("pk", flat=True)[0]
        begin = rows.filter(pk__lte=last - place).order_by("-pk")
        if order_of(rows)[0] != "-create_date":
            return rows.filter(pk__lte=begin.values("pk")[:1])
        pk, moment = begin.values_list("pk", "create_date")[0]
        return rows.filter(~Q(create_date=moment, pk__gt=pk), create_date__lte=moment)
