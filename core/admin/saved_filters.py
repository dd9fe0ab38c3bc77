"""Saved filters: a person's own names for a list's filters, search and order, above the list. Only
their owner sees them. They open nothing: the list shows what its reader may see."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _

from core.admin.views import AddressedAdmin, address, require
from core.db.keys import key_of
from core.models import SavedFilter
from core.pages.people import user_of

MOST = 30
# Parts of an address that are no filter: the page, and Django's notes on errors and pop-ups.
NO_FILTERS = ("p", "e", "all", "_popup", "_to_field", "_changelist_filters")


class SavedFiltersAdmin(AddressedAdmin):
    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().list_context(request)
        if request.method != "GET":
            return context
        query = filters_of(request.GET)
        saved = list(self.saved_filters(request))
        for one in saved:
            one.address = with_order(one.query, self.places_of_columns(request, one.query))
        return context | {
            "saved_filters": saved,
            "saved_filters_query": query,
            "saved_filters_is_new": bool(query) and all(one.address != query for one in saved),
            "saved_filters_url": self.url_of("filters"),
        }

    def places_of_columns(self, request: HttpRequest, query: str) -> dict[str, str]:
        """Name -> place of each column that this person sees there; an address orders by places."""
        if "o" not in QueryDict(query):
            return {}
        there = copy(request)
        there.GET = QueryDict(query)
        names = [str(name) for name in self.get_list_display(there)]
        first = 1 if self.get_actions(there) else 0  # with actions comes a column of boxes
        return {name: str(place) for place, name in enumerate(names, first)}

    def saved_filters(self, request: HttpRequest) -> Any:
        return SavedFilter.objects.filter(user=user_of(request), model=self.opts.label_lower)

    @address("filters/", "filters", post=True)
    def filters_view(self, request: HttpRequest) -> HttpResponse:
        require(self.has_view_or_change_permission(request))
        query = filters_of(QueryDict(request.POST.get("query", "")))
        name = request.POST.get("name", "").strip()[:60]
        match request.POST.get("do"):
            case "save":
                self.save_filter(request, name, query)
            case "rename":
                self.rename_filter(request, name)
            case "delete":
                self.one_filter(request).delete()
            case _:
                raise Http404
        return self.to_list(query)

    def save_filter(self, request: HttpRequest, name: str, query: str) -> None:
        """Keeps the order by names of columns: places change when people choose other columns."""
        places = self.places_of_columns(request, query)
        query = with_order(query, {place: column for column, place in places.items()})
        mine = self.saved_filters(request)
        if not name or not query or len(query) > 2000:
            self.message_user(request, _("A filter needs a name."), messages.ERROR)
        elif mine.exclude(name=name).count() >= MOST:
            text = _("At most %(most)s saved filters per list; delete one first.") % {"most": MOST}
            self.message_user(request, text, messages.ERROR)
        else:
            SavedFilter.objects.update_or_create(
                user=user_of(request),
                model=self.opts.label_lower,
                name=name,
                defaults={"query": query},
            )

    def rename_filter(self, request: HttpRequest, name: str) -> None:
        mine = self.saved_filters(request).filter(pk=self.one_filter(request).pk)
        if not name:
            self.message_user(request, _("It needs a name."), messages.ERROR)
            return
        try:
            with transaction.atomic():
                mine.update(name=name)
        except IntegrityError:
            self.message_user(request, _("A filter with this name already exists."), messages.ERROR)

    def one_filter(self, request: HttpRequest) -> SavedFilter:
        """Raises Http404 for filters of others."""
        key = key_of(request.POST.get("id", ""))
        found: SavedFilter | None = self.saved_filters(request).filter(pk=key).first()
        if found is None:
            raise Http404
        return found


def filters_of(given: QueryDict) -> str:
    """An address's filters, sorted, so that equal filters are equal texts."""
    kept = given.copy()
    for name in NO_FILTERS:
        kept.pop(name, None)
    pairs = sorted((name, value) for name, values in kept.lists() for value in values if value)
    query = QueryDict(mutable=True)
    for name, value in pairs:
        query.appendlist(name, value)
    return query.urlencode()


def with_order(query: str, said: Mapping[str, str]) -> str:
    """An address's filters, with the columns of its order renamed. A column without a new name is
    not shown and is left out. Numbers, as older releases kept them, stay."""

    def called(term: str) -> str:
        sign, column = ("-", term[1:]) if term.startswith("-") else ("", term)
        name = said.get(column) or (column if column.isdecimal() else "")
        return name and sign + name

    kept = QueryDict(query, mutable=True)
    terms = map(called, kept.pop("o", [""])[-1].split("."))
    kept["o"] = ".".join(filter(None, terms))
    return filters_of(kept)
