"""Columns by choice: each person's choice changes only their own list."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, QueryDict

from core.admin.base import DeskAdmin, staff
from core.admin.saved_filters import filters_of
from core.admin.views import address, require
from core.models import ListColumns
from core.theme.result_list import title_of


class ChosenColumnsAdmin(DeskAdmin):
    """`list_display`: the columns until somebody chooses; `more_columns`: the others on offer. The
    first column leads to the row's page and always stays."""

    more_columns: ClassVar[tuple[str, ...]] = ()

    @property
    def all_columns(self) -> tuple[str, ...]:
        return (*self.list_display, *self.more_columns)

    def get_list_display(self, request: HttpRequest) -> Any:
        chosen = self.chosen_columns(request)
        if chosen is None:
            return self.list_display
        first = self.list_display[0]
        return tuple(name for name in self.all_columns if name == first or name in chosen)

    def chosen_columns(self, request: HttpRequest) -> list[str] | None:
        """None: this user did not choose. Looked up once a page."""
        if not hasattr(request, "chosen_columns"):
            mine = ListColumns.objects.filter(user=staff(request), model=self.opts.label_lower)
            names = mine.values_list("names", flat=True).first()
            request.chosen_columns = names  # type: ignore[attr-defined]
        found: list[str] | None = request.chosen_columns  # type: ignore[attr-defined]
        return found

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        shown = self.get_list_display(request)
        offered = [(name, title_of(self, name), name in shown) for name in self.all_columns[1:]]
        columns = {"columns": offered, "columns_url": self.url_of("columns")}
        return super().list_context(request) | columns

    @address("columns/", "columns", post=True)
    def columns_view(self, request: HttpRequest) -> HttpResponse:
        require(self.has_view_or_change_permission(request))
        user, model = staff(request), self.opts.label_lower
        names = [name for name in self.all_columns if name in request.POST.getlist("column")]
        if request.POST.get("do") == "reset":
            ListColumns.objects.filter(user=user, model=model).delete()
        else:
            ListColumns.objects.update_or_create(user=user, model=model, defaults={"names": names})
        kept = QueryDict(filters_of(QueryDict(request.POST.get("query", ""))), mutable=True)
        kept.pop("o", None)  # the order in the address counts columns
        return self.to_list(kept.urlencode())
