"""Django's ModelAdmin with names of ours for those of its steps that its documentation leaves
out."""

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
    """Of admins that leave something to subclasses; Django's have a metaclass of their own."""


class SteppedModelAdmin(admin.ModelAdmin, metaclass=AbstractAdmin):
    """An object's page says by `page_context()` what it shows beside its form."""

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """For the template of the page; `obj` is None where one is added. May replace what Django
        says there, such as the title."""
        return {}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(self.page_context(request, kwargs.get("obj")))
        return super().render_change_form(request, context, *args, **kwargs)

    @property
    def media(self) -> forms.Media:
        """Django's own without what fills one field in from another, which none of ours does: a
        quarter of all scripts."""
        return forms.Media(js=[f"admin/js/{name}.js" for name in SCRIPTS])

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Beside a picker there is a link that adds and no other: each is a Tab on the way to the
        next field."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_view_related = False
        return field

    def to_filtered_list(self, request: HttpRequest, url: str) -> str:
        """The address of a page from which Back leads to the list as it was filtered."""
        return with_filters(url, self.opts, self.get_preserved_filters(request))
