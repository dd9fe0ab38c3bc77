"""Django's field that completes what is typed, which offers no more than an object's name."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest, HttpResponse


class DescribingAutocomplete(AutocompleteJsonView):
    """An admin class may say more of an object by `autocomplete_text()`."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        found: dict[str, str] = super().serialize_result(obj, to_field_name)
        describe = getattr(self.model_admin, "autocomplete_text", None)
        if describe is not None:
            found["text"] = describe(obj)
        return found


class DescribingSite(admin.AdminSite):
    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        view: Callable[..., HttpResponse] = DescribingAutocomplete.as_view(admin_site=self)  # type: ignore[assignment]
        return view(request)
