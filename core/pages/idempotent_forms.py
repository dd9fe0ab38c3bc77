"""A form that charges makes one row, however often it is sent: double clicks, reloads, time-outs.
Its hidden `request_key` is unique among the rows. Scripts may leave it out."""

import uuid
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

QUESTION = "question"


def question(text: str) -> ValidationError:
    """A question about a form, answered by sending it again. It is no error."""
    return ValidationError(text, code=QUESTION)


def only_asks(form: forms.BaseForm) -> bool:
    """Whether a refused form has only questions and no errors."""
    told = [error for errors in form.errors.as_data().values() for error in errors]
    return bool(told) and all(error.code == QUESTION for error in told)


def come_back_with(form: forms.BaseForm, name: str, value: str) -> None:
    """Show a refused form as it was sent, but with this value in one field."""
    sent: Any = copy(form.data)
    sent[form.add_prefix(name)] = value
    form.data = sent


class IdempotentForm(forms.ModelForm):
    """`placed`: the row that this form made when it was sent before."""

    # A form with the same key and the same values in these fields is the same form.
    bought: ClassVar[tuple[str, ...]]

    request_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid.uuid4)
    placed: Any = None

    def refuse(self, errors: Mapping[str, Any]) -> None:
        """Show objections at their fields, even those that come up while it is written. If the same
        form made the row meanwhile, that row is `placed` instead."""
        if errors and not self.recognize():
            for field, text in errors.items():
                self.add_error(None if field == "__all__" else field, text)

    def recognize(self) -> bool:
        """Find the row that this form made before, as `placed`. If somebody went back in the
        browser and changed the form, it is a new one, and they are asked whether they mean it.
        Returns whether either is so; then the form needs no other objection."""
        key = self.cleaned_data.get("request_key")
        placed = self.placed_with(key) if key else None
        if placed is None:
            return False
        if all(self.cleaned_data.get(name) == getattr(placed, name) for name in self.bought):
            self.placed = placed
            return True
        come_back_with(self, "request_key", str(uuid.uuid4()))
        text = _("This form was already saved as %(placed)s. Save again to create another.")
        self.add_error(None, question(text % {"placed": placed}))
        return True

    def placed_with(self, key: uuid.UUID) -> Model | None:
        placed: Model | None = self._meta.model._default_manager.filter(request_key=key).first()
        return placed
