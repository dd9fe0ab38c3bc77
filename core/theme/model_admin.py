"""Django's ModelAdmin, with our names for its undocumented steps."""

from abc import ABCMeta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import Field
from django.http import HttpRequest, HttpResponse

from core.theme.links import with_filters

# jQuery first: the others wait for it.
SCRIPTS = (
    *("vendor/jquery/jquery.min", "jquery.init", "core"),
    *("admin/RelatedObjectLookups", "actions"),
)


class AbstractAdmin(forms.MediaDefiningClass, ABCMeta):
    """For admins that leave something to subclasses; Django's have a metaclass of their own."""


class SteppedModelAdmin(admin.ModelAdmin, metaclass=AbstractAdmin):
    """An object's page says by `page_context()` what it shows beside its form."""

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """For the page's template; `obj` is None for a new row. May replace Django's values, as the
        title."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(self.page_context(request, kwargs.get("obj")))
        return super().render_change_form(request, context, *args, **kwargs)

    @property
    def media(self) -> forms.Media:
        """Without Django's script that fills one field from another: a quarter of all, used
        nowhere."""
        return forms.Media(js=[f"admin/js/{name}.js" for name in SCRIPTS])

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Beside a picker only the link that adds: each link is one more Tab to the next field."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def to_filtered_list(self, request: HttpRequest, url: str) -> str:
        """An address of a page from which Back leads to the list as it was filtered."""
        return with_filters(url, self.opts, self.get_preserved_filters(request))
