"""The list of a model on the desk: as many small queries for 5,000,000 rows as for 5,000. It
filters and sorts only by an index, and reads no text that no column shows."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.admin import paging
from core.admin.filters import DatesFilter
from core.admin.search import IndexedSearch
from core.db.querysets import is_filtered, without_filters
from core.pages import display
from core.theme.changelist import SteppedChangeList


class DeskChangeList(SteppedChangeList):
    """`search_is_capped`: the search found more rows than are shown."""

    # core/admin/dates.py makes the dates above it; lists of other packages have Django's.
    has_dates = True
    search_is_capped = False
    model_admin: Any
    paginator: Any

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """All rows that match; `get_results()` shows a page of them."""
        term, self.query = self.query, ""
        try:
            self.unsearched = super().get_queryset(request, exclude_parameters)
        finally:
            self.query = term
        if not term.strip():
            return self.unsearched
        found, _may_repeat = self.model_admin.get_search_results(request, self.unsearched, term)
        return found

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """If the list's `ordering` begins with the date, its rows are sorted by date within any
        other order, too, in the same direction: one index serves a filter, its dates and both
        directions."""
        # Django repeats an order that the query has as well.
        ordering: list[Any] = list(dict.fromkeys(super().get_ordering(request, queryset)))
        dated: list[Any] = list(self.model_admin.ordering or ())
        if dated[:1] != ["-create_date"]:
            # Both put the newest first; only the dates of a year have an index.
            if ordering in (["-id"], ["-pk"]) and self.is_dated():
                return ["-create_date", "-pk"]
            if ordering[-1] == "-pk" and not ordering[0].startswith("-"):
                # Django always ends with "-pk", even after an ascending column; no index is like
                # that.
                ordering[-1] = "pk"
            return ordering
        if ordering == dated:
            return ["-pk"] if self.is_of_a_customer() else dated
        chosen = ordering[: -len(dated)] if ordering[-len(dated) :] == dated else ordering
        sign = "-" if chosen[-1].startswith("-") else ""
        rest = [sign + name.lstrip("-") for name in dated]
        return chosen + [part for part in rest if part not in chosen]

    def is_of_a_customer(self) -> bool:
        """An index holds one customer's rows by their numbers; the newest have the highest."""
        return any(name.startswith("customer__id") for name in self.params) and not self.is_dated()

    def is_dated(self) -> bool:
        return any(
            name in DatesFilter.parameters or name.startswith("create_date__")
            for name in self.params
        )

    @property
    def typed_parameters(self) -> set[str]:
        """Parameters with fields of their own in the search form."""
        drawn = (getattr(spec, "parameters", ()) for spec in self.filter_specs)
        return {name for names in drawn for name in names}

    def rows_to_page(self) -> QuerySet[Any]:
        if self.query.strip() and isinstance(self.model_admin, IndexedSearch):
            return self.newest_hits()
        return self.queryset

    @property
    def found_text(self) -> str:
        number = self.result_count
        if self.paginator.is_estimated:
            text = _("about %(number)s results")
            number = round(number, 3 - len(str(number)))
        elif self.search_is_capped or self.paginator.is_capped:
            text = _("more than %(number)s results")
        else:
            text = ngettext("%(number)s result", "%(number)s results", number)
        return text % {"number": display.number(number)}

    @property
    def sums(self) -> list[tuple[str, str]]:
        """The sums of the rows found, by the list's `summed`; [] if there are too many to count:
        those are added up on request."""
        return [] if self.is_long else self.sums_of(self.paginator.object_list)

    @property
    def is_long(self) -> bool:
        return self.search_is_capped or self.paginator.is_capped or self.paginator.is_estimated

    def sums_of(self, rows: QuerySet[Any]) -> list[tuple[str, str]]:
        summed = self.model_admin.summed
        if not summed or not self.result_count:
            return []
        found = rows.order_by().aggregate(**{name: Sum(name) for name in summed})
        return [(str(label), show(found[name])) for name, (label, show) in summed.items()]

    def newest_hits(self) -> QuerySet[Any]:
        rows = self.unsearched
        some = rows.order_by().values("pk")[: paging.CAP + 1]
        few = is_filtered(rows) and some.count() <= paging.CAP
        hits, self.search_is_capped = self.model_admin.first_hits(rows, self.query.strip(), few)
        return without_filters(rows).filter(pk__in=hits)

    def columns_to_read(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Reads only the columns that the list shows, or all but memos, which are long and stand on
        the row's own page; of related rows it reads the name."""
        if not self.multi_page:
            # Django would read all rows of the list, with all columns used by filters.
            rows = self.paginator.page(1).object_list
        reads = self.model_admin.list_reads
        kept = {"id", *self.list_display, *reads}
        unread = [
            field.name
            for field in self.lookup_opts.get_fields()
            if field.concrete
            and field.name not in kept
            and (reads or field.get_internal_type() == "TextField")
        ]
        for relation in cast("Sequence[str]", self.list_select_related or ()):
            name = self.model_admin.list_names.get(relation)
            if name is None:
                continue
            other_model: Any = self.lookup_opts.get_field(relation).related_model
            columns = (one.name for one in other_model._meta.get_fields() if one.concrete)
            others = (column for column in columns if column not in ("id", name))
            unread += [f"{relation}__{other}" for other in others]
        return rows.defer(*unread) if unread else rows


class AttentionFilter(admin.SimpleListFilter):
    """For a queryset that has `needing_a_person()`."""

    title = gettext_lazy("needs attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.needing_a_person() if self.value() == "1" else queryset
