"""Why something happened or was refused: a code with parameters, put into words where it is read.

Rows keep code and parameters, so that programs can search for them and each reader gets the
sentence in their language. SENTENCES is the one catalogue, for the office's own codes (`Code`) and
those of sites and addresses; most are in core/sentences/. A person's text, a sentence from before
there were codes, and a code that this release does not know are shown unchanged; a sentence that
quotes them only adds a missing stop.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, Self

from django.utils.translation import gettext

from core.sentences import _
from core.sentences.office import Code
from core.sentences.sites import SITE_SENTENCES
from core.sentences.undoing import UndoCode

# Control characters, half characters, marks of direction; not the joiners of scripts and emoji.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# Longer texts of people are cut.
TEXT_LENGTH = 300
# From here on numbers are shown as 10,000.
GROUPED_FROM = 10_000
CODE_LENGTH = 64
# Parameters that quote a reason, a person or a program: they end as sentences of their own.
QUOTING = frozenset({"reason", "why", "error"})
STOP = _(".")
STOPS = (".", "!", "?", "…", "。", "！", "？")
# May follow the last stop.
CLOSING_MARKS = "\"'”’)）"
# No stop is written before these.
MARKS = (".", ",", ";", ":", ")", "。", "，", "；", "：", "）")

SENTENCES: dict[str, str] = {
    **{code: code.sentence for code in (*Code, *UndoCode)},
    **SITE_SENTENCES,
    # core/money.py
    "amount_missing": _("An amount is missing."),
    "amount_unclear": _("Not an amount: write it in plain digits, such as 1200.50."),
    "amount_ambiguous": _("May be %(many)s or %(few)s: write one of them."),
    "amount_too_fine": _("At most two decimals."),
    "amount_too_long": _("Too many digits."),
    "count_not_whole": _("Not a whole number: use the digits 0 to 9."),
    "number_damaged": _(
        "The spreadsheet damaged this number: format the column as text and enter it again."
    ),
    # Statuses of an order, quoted by other reasons
    "status_pending": _("pending"),
    "status_running": _("running"),
    "status_completed": _("completed"),
    "status_failed": _("failed"),
    "status_partial": _("partial"),
    "status_canceled": _("canceled"),
    "status_awaiting": _("awaiting approval"),
    "status_verifying": _("verifying"),
    "status_paused": _("paused"),
}


class Coded(Protocol):
    """What `booster` raises and reports."""

    code: Any
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """`params` are texts, numbers, and other reasons as {"code": …, "params": …}, ready for JSON.
    Make one by `of` or `of_error`: a row may keep one of another release."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, /, **params: Any) -> Self:
        """Raises TypeError if the catalogue has no such code, or other parameters for it."""
        if code not in SENTENCES:
            raise TypeError(f"no such reason: {code}")
        if params.keys() != parameters_of(SENTENCES[code]):
            raise TypeError(f"{code} takes {sorted(parameters_of(SENTENCES[code]))}, not {params}")
        return cls(str(code), {name: _plain(value) for name, value in params.items()})

    @classmethod
    def of_error(cls, error: Coded) -> Self:
        return cls.of(error.code, **error.params)

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "params": dict(self.params)}

    def __str__(self) -> str:
        """For logs; pages use `translate()`."""
        return in_english(self)


# The text is a person's, or from before there were codes; "" means no reason.
ReasonOrText = Reason | str


def translate(reason: ReasonOrText) -> str:
    """In the active language, including what it quotes."""
    return _worded(reason, gettext)


def translate_error(error: Coded) -> str:
    return translate(Reason.of_error(error))


def closed(text: str) -> str:
    """A text that another sentence can follow."""
    return _closed(text, gettext)


def in_english(reason: ReasonOrText) -> str:
    return _worded(reason, str)


def reason_of(row: Any, name: str = "reason") -> ReasonOrText:
    """The counterpart of `reason_columns()`."""
    code: str = getattr(row, f"{name}_code")
    text: str = getattr(row, name)
    return Reason(code, getattr(row, f"{name}_params") or {}) if code else text


def reason_columns(reason: ReasonOrText, name: str = "reason") -> dict[str, Any]:
    """A row's columns for a text, or for a code with its parameters."""
    if isinstance(reason, Reason):
        params = dict(reason.params) or None
        return {name: "", f"{name}_code": reason.code, f"{name}_params": params}
    return {name: printable(reason)[:TEXT_LENGTH], f"{name}_code": "", f"{name}_params": None}


@cache
def parameters_of(sentence: str) -> frozenset[str]:
    return frozenset(PLACEHOLDER.findall(sentence))


def _plain(value: Any) -> Any:
    """Fit for JSON and every database: a file's text may hold what PostgreSQL refuses."""
    if isinstance(value, Reason):
        return value.as_json()
    if isinstance(value, str):
        return printable(value).replace("\n", "\\n").replace("\t", "\\t")
    return value


def printable(text: str) -> str:
    """The text with invisible signs, and those that move a cursor, written out: `\\x1b`. Lines and
    tabs stay."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], text)


def _worded(reason: ReasonOrText, translated: Callable[[str], str]) -> str:
    if isinstance(reason, str):
        return printable(reason)  # from a row older than that rule
    values = {name: _shown(value, translated) for name, value in reason.params.items()}
    sentence = SENTENCES.get(reason.code)
    if sentence is None or not parameters_of(sentence) <= values.keys():
        return " ".join([reason.code, *(f"{name}={value}" for name, value in values.items())])
    sentence = translated(sentence)
    for found in PLACEHOLDER.finditer(sentence):
        name, rest = found.group(1), sentence[found.end() :]
        if rest.startswith(MARKS):
            values[name] = values[name].removesuffix(STOP).removesuffix(translated(STOP))
        elif name in QUOTING:
            values[name] = _closed(values[name], translated)
    return sentence % values


def _closed(text: str, translated: Callable[[str], str]) -> str:
    """With a stop at the end, if it has none."""
    if not text or text.rstrip(CLOSING_MARKS).endswith(STOPS):
        return text
    return text + translated(STOP)


def _shown(value: Any, translated: Callable[[str], str]) -> str:
    if isinstance(value, Mapping):
        quoted = Reason(str(value.get("code", "")), value.get("params") or {})
        return _worded(quoted, translated)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= GROUPED_FROM else str(value)
    return f"{value:g}" if isinstance(value, float) else printable(str(value))
