"""An object's history: each changed field before and after, by whom, when, by what."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import capfirst
from django.utils.translation import gettext as _

from core.admin.recipes import without_credentials_in
from core.db.keys import key_of
from core.models import FieldChange
from core.models.history import SHOWN


class HistoryAdmin(admin.ModelAdmin):
    """Shows what DeskAdmin.save_model() kept, on the page behind History."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        changes = FieldChange.objects.of(obj)[:SHOWN] if obj is not None else []
        context = {"differences": [described(self.model, change) for change in changes]}
        return super().history_view(request, object_id, context | (extra_context or {}))


def described(model: type[models.Model], change: FieldChange) -> dict[str, Any]:
    field = field_of(model, change.field)
    return {
        "when": change.create_date,
        "who": change.creator,
        "actor": change.source,
        "field": capfirst(str(getattr(field, "verbose_name", change.field))),
        "before": said(field, shown(change, change.before)),
        "after": said(field, shown(change, change.after)),
    }


def field_of(model: Any, name: str) -> Any:
    """None if an older version of the office had it, or if only a form has it."""
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def shown(change: FieldChange, text: str) -> str:
    """Old rows may hold credentials in a recipe."""
    return without_credentials_in(text) if change.field == "recipe" else text


def said(field: Any, text: str) -> str:
    if text == "":
        return "–"
    if isinstance(field, models.ForeignKey):
        return str(field.related_model._base_manager.filter(pk=key_of(text)).first() or text)
    if isinstance(field, models.BooleanField):
        return _("Yes") if text == "True" else _("No")
    choices = {str(value): str(label) for value, label in getattr(field, "choices", None) or ()}
    return choices.get(text, text)
