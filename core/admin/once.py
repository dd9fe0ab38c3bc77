"""A form that charges is one row, however often it is sent: double clicks, reloads, time-outs.

The form carries a hidden `request_key`; the row keeps it under a unique constraint. Scripts may
leave it out.
"""

import uuid
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from core.admin.base import DeskAdmin
from core.models import InsufficientBalanceError
from core.ordering import OrderRefusedError

# What a second form can meet between its checks and its writes; run again, its checks say so.
OVERTAKEN = (IntegrityError, InsufficientBalanceError, OrderRefusedError)
TRIES = 5


class OnceForm(forms.ModelForm):
    """`placed` is the row that this form made before, when it is sent again."""

    # A form with the same key and the same values here is the same form.
    bought: ClassVar[tuple[str, ...]]

    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid.uuid4)
    placed: Any = None

    def find_placed(self, key: uuid.UUID) -> Model | None:
        return self._meta.model._default_manager.filter(request_key=key).first()

    def objections(self, cleaned: dict[str, Any]) -> dict[str, str]:
        """What speaks against it now, by field."""
        return {}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.placed = self._placed_before(cleaned)
        if self.placed is not None:
            return cleaned
        errors = self.objections(cleaned)
        if errors:
            # It may be the row itself, made in the meantime by the same form, that is in the way.
            self.placed = self._placed_before(cleaned)
        if self.placed is None:
            for field, text in errors.items():
                self.add_error(field, text)
        return cleaned

    def _placed_before(self, cleaned: dict[str, Any]) -> Any:
        key = cleaned.get("request_key")
        placed = self.find_placed(key) if key else None
        if placed and any(cleaned.get(name) != getattr(placed, name) for name in self.bought):
            # Somebody went back in the browser and changed the form: that is a new one.
            fresh = {self.add_prefix("request_key"): str(uuid.uuid4())}
            self.data = {**self.data, **fresh}
            raise ValidationError(
                _("This form was saved before as %(placed)s. Save again to make another one."),
                params={"placed": str(placed)},
            )
        return placed


class OnceAdmin(DeskAdmin):
    """An add form that is a OnceForm; what is saved cannot be bought differently afterwards."""

    once_form: type[OnceForm]

    def place(self, request: HttpRequest, form: Any) -> Model:
        """Write what the form bought."""
        raise NotImplementedError

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if not change:
            kwargs["form"] = self.once_form
        return super().get_form(request, obj, change=change, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        for _attempt in range(TRIES - 1):
            try:
                return super().changeform_view(request, object_id, form_url, extra_context)
            except OVERTAKEN:
                continue
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Saving leads to the page of what was made; there is nothing to continue editing."""
        if kwargs.get("add"):
            context["show_save_and_continue"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        if form.placed is None:
            return self.place(request, form)
        form.placed.placed_before = True
        return form.placed

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Adding has been done by place()."""
        if change:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if change:
            super().save_related(request, form, formsets, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if not hasattr(obj, "placed_before"):
            return super().log_addition(request, obj, message)
        return None

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if not hasattr(obj, "placed_before"):
            return super().response_add(request, obj, post_url_continue)
        text = _("This form was saved before; nothing was done a second time.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(self.change_url(obj))

    def response_post_save_add(self, request: HttpRequest, obj: Model) -> HttpResponseRedirect:
        """On to what was made, not back to the list."""
        return HttpResponseRedirect(self.change_url(obj))
