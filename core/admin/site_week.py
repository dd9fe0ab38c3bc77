"""A site's week as fields of the site's form: its clock, its quiet hours as lines of text, and its
daily load profile as pasted from the operator's figures."""

import functools
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from booster.exceptions import PermanentError
from booster.week import DAYS, load_profile, quiet_lines
from core.admin.recipes import RecipeForm, lines
from core.reasons import translate_error

WEEK_FIELDS = ("time_zone", "quiet_hours", "load_profile")


class ZoneSelect(forms.Select):
    """Django draws each of the hundreds of options by a template."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((zone, flatatt({"selected": zone == value}), label) for zone, label in self.choices),
        )
        attrs = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, attrs, options)


class WeekForm(RecipeForm):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"), required=False, widget=ZoneSelect
    )
    quiet_hours = lines(
        gettext_lazy("Quiet hours"),
        gettext_lazy(
            "Nothing is sent in these hours of the site's time zone. One line for each: Mon-Fri "
            "22:00-06:00, or Sat,Sun 00:00-24:00. Plays of orders that are spread over hours move "
            "to the other hours; the other orders wait."
        ),
        placeholder="Mon-Fri 22:00-06:00",
    )
    load_profile = lines(
        gettext_lazy("Daily load profile"),
        gettext_lazy(
            "From your own traffic, for orders that are spread by daily load profile. Paste 24 "
            "numbers, 7 lines of 24 (Monday first), 24 lines of 7, or lines of weekday, hour, "
            "plays. Only the proportions matter. Empty: the built-in profile."
        ),
        rows=7,
        placeholder="weekday,hour,plays",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "time_zone" in self.fields:  # it is missing if the user may only look
            self.fields["time_zone"].choices = zones()  # type: ignore[attr-defined]
        self.initial["quiet_hours"] = "\n".join(map(in_words, self.instance.quiet_hours or ()))
        self.initial["load_profile"] = as_text(self.instance.load_profile)

    def clean_quiet_hours(self) -> list[str] | None:
        try:
            return quiet_lines(self.cleaned_data["quiet_hours"]) or None
        except PermanentError as error:
            raise forms.ValidationError(translate_error(error)) from None

    def clean_load_profile(self) -> list[list[float]] | None:
        text = self.cleaned_data["load_profile"].strip()
        try:
            return load_profile(text) if text else None
        except PermanentError as error:
            raise forms.ValidationError(translate_error(error)) from None


def zones() -> list[tuple[str, str]]:
    """Zones of cities and oceans; the others are old names or offsets."""
    office = _("as the office: %(zone)s") % {"zone": settings.TIME_ZONE}
    return [("", office), ("UTC", "UTC"), *((zone, zone) for zone in places())]


@functools.cache
def places() -> list[str]:
    """Cached: the system has each in a file of its own."""
    return sorted(filter(is_a_place, available_timezones()))


def is_a_place(zone: str) -> bool:
    region, slash, _city = zone.partition("/")
    return bool(slash) and region not in ("Etc", "SystemV", "US", "posix", "right")


def in_words(line: str) -> str:
    """A line of quiet hours with the names of days in the reader's language."""
    days, _space, times = line.partition(" ")
    for number, name in enumerate(DAYS):
        days = days.replace(name, str(WEEKDAYS_ABBR[number]))
    return f"{days} {times}"


def as_text(profile: list[list[float]] | None) -> str:
    """7 lines of 24 numbers."""
    return "\n".join(" ".join(map(in_digits, day)) for day in profile or ())


def in_digits(number: float) -> str:
    """A text that reads back as the same number: no exponent, no rounding noise."""
    return f"{Decimal(f'{number:.15g}'):f}"
