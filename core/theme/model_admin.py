"""Django's ModelAdmin with names of ours for those of its steps that its documentation leaves
out."""

from abc import ABCMeta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from core.theme.links import with_filters


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

    def to_filtered_list(self, request: HttpRequest, url: str) -> str:
        """The address of a page from which Back leads to the list as it was filtered."""
        return with_filters(url, self.opts, self.get_preserved_filters(request))
