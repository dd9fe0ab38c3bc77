"""The list of a model on the desk: as many queries, of the same small size, for 5,000,000 rows as
for 5,000. Filters and orders are those that an index answers; texts that no column shows stay
where they are.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin import paging
from core.admin.search import IndexedSearch
from core.db.plans import planned


class DeskChangeList(ChangeList):
    """`search_is_capped`: more rows than those shown were meant."""

    search_is_capped = False
    model_admin: Any
    paginator: Any

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """All rows that are meant; `get_results()` shows a page of them."""
        term, self.query = self.query, ""
        try:
            self.unsearched = super().get_queryset(request, exclude_parameters)
        finally:
            self.query = term
        if not term.strip():
            return self.unsearched
        found, _may_repeat = self.model_admin.get_search_results(request, self.unsearched, term)
        return found

    def get_ordering_field(self, field_name: Any) -> Any:
        """Nothing, also where an address asks for it, of a column that no index sorts."""
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """A list that says so is sorted by date within whatever else it is sorted by, forwards or
        backwards as that is: so one index serves a filter, its dates and both directions."""
        # Django says an order twice that the query has as well.
        ordering: list[Any] = list(dict.fromkeys(super().get_ordering(request, queryset)))
        dated: list[Any] = list(self.model_admin.ordering or ())
        if dated[:1] != ["-create_date"]:
            # Newest first either way; of a year, only the dates have an index.
            if ordering in (["-id"], ["-pk"]) and self.is_dated():
                return ["-create_date", "-pk"]
            if ordering[-1] == "-pk" and not ordering[0].startswith("-"):
                # Django's last word is "-pk", also behind what rises: no index is so.
                ordering[-1] = "pk"
            return ordering
        if ordering == dated:
            return ["-pk"] if self.is_of_a_customer() else dated
        chosen = ordering[: -len(dated)] if ordering[-len(dated) :] == dated else ordering
        sign = "-" if chosen[-1].startswith("-") else ""
        rest = [sign + name.lstrip("-") for name in dated]
        return chosen + [part for part in rest if part not in chosen]

    def is_of_a_customer(self) -> bool:
        """One customer's rows stand in an index by their numbers; the newest are the same."""
        named = any(name.startswith("customer__id") for name in self.params)
        return named and not self.is_dated()

    def is_dated(self) -> bool:
        return any(name.startswith("create_date__") for name in self.params)

    def get_results(self, request: HttpRequest) -> None:
        rows, hits = self.queryset, None
        if self.query.strip() and isinstance(self.model_admin, IndexedSearch):
            rows, hits = self.searched()
        paginator = self.model_admin.get_paginator(request, rows, self.list_per_page)
        if hits is not None:
            paginator.count = hits
        self.result_count = paginator.count
        try:
            number = self.page_num if self.result_count > self.list_per_page else 1
            page = paginator.page(number)
        except InvalidPage:
            raise IncorrectLookupParameters from None
        self.result_list = self.without_texts(cast("QuerySet[Any]", page.object_list))
        self.paginator = paginator
        self.show_full_result_count = False
        self.full_result_count = None
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = self.result_count > self.list_per_page

    @property
    def found_text(self) -> str:
        """How many rows were found, as far as they were counted."""
        number = self.result_count
        if self.paginator.is_estimated:
            text = _("about %(number)s results")
            number = round(number, 3 - len(str(number)))
        elif self.search_is_capped or self.paginator.is_capped:
            text = _("more than %(number)s results")
        else:
            text = ngettext("%(number)s result", "%(number)s results", number)
        return text % {"number": number_format(number, force_grouping=True)}

    def searched(self) -> tuple[QuerySet[Any], int]:
        """The newest rows that are meant, and how many these are."""
        rows = self.unsearched
        begun = planned(rows)
        some = begun.order_by().values("pk")[: paging.CAP + 1]
        few = bool(rows.query.where) and some.count() <= paging.CAP
        if not few:
            # Of many rows those that the search finds are fewer.
            begun = planned(rows, by_order=True)
        hits, more = self.model_admin.first_hits(begun, self.query.strip(), few)
        self.search_is_capped = more
        found = rows.all()
        found.query.clear_where()
        return found.filter(pk__in=hits), len(hits)

    def without_texts(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Memos are long and are shown on the row's own page; of another table's row a list shows
        the name."""
        shown = set(self.list_display)
        texts = [
            field.name
            for field in self.lookup_opts.concrete_fields
            if field.get_internal_type() == "TextField" and field.name not in shown
        ]
        for relation in cast("Sequence[str]", self.list_select_related or ()):
            name = self.model_admin.list_names.get(relation)
            if name is None:
                continue
            other_model: Any = self.lookup_opts.get_field(relation).related_model
            fields = other_model._meta.concrete_fields
            others = (field.name for field in fields if field.name not in ("id", name))
            texts += [f"{relation}__{other}" for other in others]
        return rows.defer(*texts) if texts else rows
