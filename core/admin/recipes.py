"""The recipe of a site of no other kind, as fields of the site's form: one line of words each, and
the reason at its field when it is wrong.
"""

from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from booster.sites import Recipe, RecipeError, needs_recipe
from booster.sites.http import METHODS
from core.models import Site

PREFIX = "recipe_"


def line(label: Any, help_text: Any = "", **options: Any) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"})
    return forms.CharField(
        label=label, help_text=help_text, required=False, widget=widget, strip=False, **options
    )


def lines(label: Any, help_text: Any) -> forms.CharField:
    widget = forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3, "spellcheck": "false"})
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget)


class RecipeForm(forms.ModelForm):
    """Wants a recipe for the kinds of site that need one, and keeps none for the others."""

    recipe_video_pattern = line(
        _("Video address"),
        _("Regular expression on path and query; its group is the video's id: /watch/([\\w-]+)"),
    )
    recipe_count_path = line(_("Path of the count"), _("Read with GET: /api/videos/{video_id}"))
    recipe_count_json = line(_("Count in JSON"), _("Keys with dots between them: data.views"))
    recipe_count_pattern = line(
        _("Or count in text"), _("Regular expression; its group is the count.")
    )
    recipe_play_method = forms.ChoiceField(
        label=_("Method of a play"),
        required=False,
        choices=[(name, name) for name in METHODS],
        initial="POST",
    )
    recipe_play_path = line(
        _("Path of a play"), _("May hold {video_id}, {order}, {sequence} and {play_key}.")
    )
    recipe_play_headers = lines(_("Headers of a play"), _("One per line: Name: value"))
    recipe_play_body = lines(
        _("Body of a play"), _("Sent as written here, with placeholders filled in.")
    )
    recipe_counted = line(
        _("Accepted statuses"), _("Statuses that mean a play was received: 200, 201, 202, 204")
    )
    recipe_idempotent = forms.BooleanField(
        label=_("Counts a resent play only once"),
        required=False,
        help_text=_(
            "The site knows a play by {play_key} or {sequence}; plays of unknown "
            "fate are then resent."
        ),
    )
    recipe_settle_seconds = forms.IntegerField(
        label=_("Counter lag in seconds"), required=False, min_value=1, max_value=86_400
    )

    class Meta:
        model = Site
        fields = "__all__"  # noqa: DJ007  the admin class names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, value in (self.instance.recipe or {}).items():
            self.initial.setdefault(PREFIX + name, as_text(name, value))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.instance.recipe = cleaned["recipe"] = None
        if not needs_recipe(cleaned.get("adapter", "")):
            return cleaned
        data = {
            name.removeprefix(PREFIX): value
            for name, value in cleaned.items()
            if name.startswith(PREFIX)
        }
        try:
            self.instance.recipe = cleaned["recipe"] = asdict(Recipe.parse(data))
        except RecipeError as error:
            for name, reason in error.errors.items():
                self.add_error(PREFIX + name, reason)
        return cleaned


RECIPE_FIELDS = tuple(name for name in RecipeForm.base_fields if name.startswith(PREFIX))


def as_text(name: str, value: Any) -> Any:
    """A stored value as its field shows it."""
    if name == "play_headers":
        return "\n".join(f"{header}: {content}" for header, content in value)
    if name == "counted":
        return ", ".join(map(str, value))
    return value
