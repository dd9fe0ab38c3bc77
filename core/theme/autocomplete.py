"""Django's autocomplete shows only an object's name; these show more."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import HttpRequest, HttpResponse

from core.db.keys import key_of


class DescribingAutocomplete(AutocompleteJsonView):
    """An admin class may say more of an object by `autocomplete_text()`."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        found: dict[str, str] = super().serialize_result(obj, to_field_name)
        describe = getattr(self.model_admin, "autocomplete_text", None)
        if describe is not None:
            found["text"] = describe(obj)
        return found


class PickedSelect(AutocompleteSelect):
    """Shows what was picked; Django's own fails on a value that cannot be a key."""

    def optgroups(
        self, name: str, value: Sequence[str], attrs: dict[str, Any] | None = None
    ) -> Any:
        return super().optgroups(name, [one for one in value if key_of(one) is not None], attrs)


def pick_by_typing(field: forms.ModelChoiceField, key: Any, site: admin.AdminSite) -> None:
    """Let a form's field autocomplete like that of the foreign key `key`."""
    field.widget = PickedSelect(key, site)
    field.widget.choices = field.choices


class DescribingSite(admin.AdminSite):
    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        view: Callable[..., HttpResponse] = DescribingAutocomplete.as_view(admin_site=self)  # type: ignore[assignment]
        return view(request)
