"""A form that charges is one row, however often it is sent: double clicks, reloads, time-outs.

The form carries a hidden `request_key`; the row keeps it under a unique constraint. Scripts may
leave it out.
"""

import uuid
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Model
from django.forms.models import construct_instance
from django.utils.translation import gettext_lazy as _

from core.db import statements
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

    def _post_clean(self) -> None:
        """The row is written elsewhere, where the database has the last word on what may stand
        beside it. Here is checked what was typed; what was picked its field has just read."""
        picked = {
            name for name, field in self.fields.items() if isinstance(field, forms.ModelChoiceField)
        }
        exclude = self._get_validation_exclusions() | picked  # type: ignore[attr-defined]
        meta = self._meta
        try:
            self.instance = construct_instance(self, self.instance, meta.fields, meta.exclude)
            self.instance.full_clean(exclude, validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]

    def find_placed(self, key: uuid.UUID) -> Model | None:
        rows = self._meta.model._default_manager
        placed: Model | None = statements.first(rows.filter, request_key=key)
        return placed

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
