"""Amounts and quantities in forms: read as in files; a large amount is repeated in words first."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext as _

from core import money
from core.pages import display
from core.pages.idempotent_forms import IdempotentForm, come_back_with, question
from core.reasons import translate_error

# From here on a wrong digit is a large loss.
LARGE = Decimal(10_000)

ONES = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
TENS = ("", "", *("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"))
SCALES = ("", " thousand", " million", " billion")
DIGITS = "零一二三四五六七八九"
PLACES = ("", "十", "百", "千")
MYRIADS = ("", "万", "亿")


class AmountField(forms.DecimalField):
    """A text, not a number: a number's field silently drops a decimal comma, and its arrow keys
    change the amount."""

    widget = forms.TextInput(
        attrs={"inputmode": "decimal", "autocomplete": "off", "class": "vTextField"}
    )

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Not the `step` and `min` of a number's field."""
        return {}

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        return value if isinstance(value, Decimal) else read_typed(money.parse_amount, value)


class WholeNumberInput(forms.TextInput):
    """A text as well: a mouse wheel changes a number's field."""

    def __init__(self, attrs: Any = None) -> None:
        super().__init__({"inputmode": "numeric", "autocomplete": "off", **(attrs or {})})


class WholeNumberField(forms.IntegerField):
    """`10,000` is ten thousand; `10.000` is asked about, as Django's field takes it for ten."""

    widget = WholeNumberInput

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        return value if isinstance(value, int) else read_typed(money.parse_count, value)


def read_typed(parse: Callable[[str], Any], value: Any) -> Any:
    """Raises ValidationError that says why it is no such number."""
    try:
        return parse(str(value))
    except money.AmountError as error:
        raise ValidationError(translate_error(error), code="invalid") from None


class AnswersField(forms.CharField):
    """The questions that were answered by saving again; no part of the row."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class AsksAgain(forms.Form):
    """Asks about what looks like a slip, and takes it when it is sent again."""

    confirmed = AnswersField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned.pop("confirmed", None)
        return cleaned

    def was_confirmed(self, what: str) -> bool:
        """Whether this was asked before; from now on it was."""
        answered = self.data.get(self.add_prefix("confirmed"), "").split()
        if what in answered:
            return True
        come_back_with(self, "confirmed", " ".join((*answered, what)))
        return False

    def large_amount_question(self, amount: Decimal | None) -> str:
        """In words; "" if there is none to ask, or it was answered."""
        if amount is None or abs(amount) < LARGE or self.was_confirmed(str(amount)):
            return ""
        text = _("%(amount)s: %(words)s. If this is intended, save again.")
        return text % {"amount": display.money(amount), "words": in_words(amount)}


class LargeAmountForm(AsksAgain, IdempotentForm):
    """For a row with an `amount`."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.recognize():
            self.refuse(self.objections(cleaned))
        return cleaned

    def objections(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Field -> objection; at last, that the amount is large."""
        text = self.large_amount_question(cleaned.get("amount"))
        return {"amount": [question(text)]} if text else {}


def in_words(amount: Decimal) -> str:
    """The whole part in words of the current language, the cents in digits."""
    whole, cents = divmod(int(abs(amount) * 100), 100)
    if (get_language() or "").startswith("zh"):
        sign = "负" if amount < 0 else ""
        return sign + chinese_words(whole) + (f"点{cents:02}" if cents else "")
    return ("minus " if amount < 0 else "") + f"{english_words(whole)} and {cents:02}/100"


def english_words(number: int) -> str:
    parts = []
    for place, scale in enumerate(SCALES):
        group = number // 1000**place % 1000
        if group:
            parts.append(hundreds(group) + scale)
    return " ".join(reversed(parts)) or "zero"


def hundreds(number: int) -> str:
    rest = number % 100
    small = ONES[rest] if rest < 20 else "-".join(filter(None, (TENS[rest // 10], ONES[rest % 10])))
    large = f"{ONES[number // 100]} hundred" if number >= 100 else ""
    return " ".join(filter(None, (large, small)))


def chinese_words(number: int) -> str:
    text = spelled(
        number, 10_000, MYRIADS, lambda group: spelled(group, 10, PLACES, DIGITS.__getitem__)
    )
    return text.removeprefix("一") if text.startswith("一十") else text or DIGITS[0]


def spelled(number: int, base: int, places: Sequence[str], say: Callable[[int], str]) -> str:
    """The digits of a number in `base`, each by `say` with its place; one zero for a gap."""
    text, is_gap = "", False
    for place in reversed(range(len(places))):
        group = number // base**place % base
        if not group:
            is_gap = bool(text)
            continue
        if text and (is_gap or group < base // 10):
            text += DIGITS[0]
        text += say(group) + places[place]
        is_gap = False
    return text
