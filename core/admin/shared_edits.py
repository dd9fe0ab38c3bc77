"""Two people edit one row. A page says which values it showed; Save writes the fields that its
person changed, and asks if somebody else changed one of them meanwhile."""

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from core.admin.history import field_of, said
from core.db.keys import key_of
from core.models import FieldChange
from core.models.history import as_text
from core.pages.idempotent_forms import question

SHOWN = "shown_values"
QUOTED = 200  # characters of a value in a question


class SharedEditsAdmin(admin.ModelAdmin):
    def add_view(self, *args: Any, **kwargs: Any) -> Any:
        return rechecked(super().add_view, *args, **kwargs)

    def change_view(self, *args: Any, **kwargs: Any) -> Any:
        return rechecked(super().change_view, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not change or not self.has_change_permission(request, obj):
            return form  # users who may only look learn no more than the page shows
        return type(form.__name__, (SharedEditForm, form), {})

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Save locks the row before it compares: a second Save waits and finds the first one's
        values."""
        obj = super().get_object(request, object_id, from_field)
        if obj is None or request.method != "POST" or not connection.in_atomic_block:
            return obj
        self.model._base_manager.select_for_update(no_key=True).filter(pk=obj.pk).first()
        return super().get_object(request, object_id, from_field)


def rechecked(view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """If somebody took a name while a Save was checked, a second check says so at the field."""
    try:
        return view(*args, **kwargs)
    except IntegrityError:
        return view(*args, **kwargs)


class SharedEditForm(forms.ModelForm):
    """Knows what its page showed of each field. A field that its person left alone keeps the value
    stored now. If the page does not say what it showed, every difference counts as typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = {
            name: plain(self[name].initial)
            for name, field in self.fields.items()
            if not field.disabled
        }
        self.asked: set[str] = set()
        self.page = page_values(self.data)
        self.shown = {
            **self.now,
            **{name: text for name, text in (self.page or {}).items() if name in self.now},
        }

    @property
    def shown_values(self) -> SafeString:
        """Hidden in the page. After a question, the other person's value counts as seen."""
        seen = {name: self.now[name] for name in self.asked}
        text = json.dumps({**self.shown, **seen}, ensure_ascii=False)
        return format_html('<input type="hidden" name="{}" value="{}">', SHOWN, text)

    def clean(self) -> dict[str, Any] | None:
        if self.page is None:
            text = _("This page is damaged; open it again. Nothing was saved.")
            raise ValidationError(text, code=SHOWN)
        shown = self.shown
        for name in self.now.keys() & self.cleaned_data.keys():
            if not self.typed(name, shown[name]):
                self.cleaned_data[name] = self.stored(name)
            elif shown[name] != self.now[name] and self.typed(name, self.now[name]):
                self.asked.add(name)
        cleaned = super().clean()
        for name in self.asked:
            self.add_error(name, question(self.told(name, shown[name])))
        return cleaned

    def typed(self, name: str, before: Any) -> bool:
        """Whether a value was sent that differs from `before`."""
        field, sent = self.fields[name], self[name].data
        if isinstance(before, str) and isinstance(sent, str) and tidy(before) == tidy(sent):
            return False
        try:
            return field.has_changed(field.to_python(before), sent)
        except ValidationError:
            return True

    def stored(self, name: str) -> Any:
        field = field_of(self.instance, name)
        if field is None:
            return self.fields[name].to_python(self[name].initial)
        value = getattr(self.instance, name)
        return value.all() if isinstance(value, Manager) else value

    def told(self, name: str, before: Any) -> str:
        field = field_of(self.instance, name)
        last = FieldChange.objects.of(self.instance).filter(field=name).first()
        label = getattr(self.fields[name], "label_from_instance", str)
        who = f"{last.creator}, {localize(localtime(last.create_date))}" if last else _("somebody")
        facts = {
            "who": who,
            "before": in_words(field, before, label),
            "now": in_words(field, self.now[name], label),
            "yours": in_words(field, plain(self.cleaned_data[name]), label),
        }
        text = _(
            "Changed meanwhile (%(who)s): it was “%(before)s” and is now “%(now)s”. You entered "
            "“%(yours)s”. Nothing was saved. Save again to put yours in its place, or open the "
            "page again to keep theirs."
        )
        return text % facts


def page_values(data: Any) -> dict[str, Any] | None:
    """What the page says it showed; None if no page of ours can have sent it."""
    try:
        values = json.loads(data.get(SHOWN, "{}"))
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def changed_columns(obj: Model, names: Iterable[str]) -> list[str]:
    """Those of these fields whose value is not the stored one. The caller has locked the row."""
    names = sorted(names)
    row = type(obj)._base_manager.filter(pk=obj.pk).values(*names).get() if names else {}
    return [name for name in names if row[name] != getattr(obj, field_of(obj, name).attname)]


def plain(value: Any) -> Any:
    """A form's value as JSON holds it."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet) or (
        isinstance(value, list) and any(isinstance(one, Model) for one in value)
    ):
        return sorted(one.pk for one in value)
    if value is None or isinstance(value, bool | int | float | str | list):
        return value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def tidy(text: str) -> str:
    """Browsers send other line ends than the database holds."""
    return "\n".join(text.splitlines()).strip()


def in_words(field: Any, value: Any, label: Callable[[Any], str]) -> str:
    """`label`: how the form names a choice."""
    if field is None:
        return truncatechars(as_text(value), QUOTED) or "–"
    if field.many_to_many:
        keys = map(key_of, value if isinstance(value, list) else ())
        found = field.related_model._base_manager.filter(pk__in=[*filter(None, keys)])
        return truncatechars(", ".join(map(label, found)), QUOTED) or "–"
    return truncatechars(said(field, as_text(value)), QUOTED)
