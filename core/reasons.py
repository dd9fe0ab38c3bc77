"""Why something happened or was refused: a code with parameters, put into words where it is read.

Rows keep the code and its parameters, so that programs can ask for them and every reader has the
sentence in their own language. SENTENCES is the one catalogue: of the office's own codes (`Code`)
and of those of sites and addresses; most stand in core/sentences/. Law: what a person wrote, and
the sentences that rows kept before there were codes, are shown unchanged, but for the stop at their
end where a sentence quotes them; and so is a code that this release does not know.
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

# Control characters, half characters, and the marks that turn the direction of a line; not the
# joiners that scripts and emoji are written with.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# Of what a person typed; longer texts are cut.
TEXT_LENGTH = 300
# From here on a number is shown as 10,000.
GROUPED_FROM = 10_000
CODE_LENGTH = 64
# What a sentence quotes of another reason, a person or a program: it ends as a sentence of its own.
QUOTING = frozenset({"reason", "why", "error"})
STOP = _(".")
STOPS = (".", "!", "?", "…", "。", "！", "？")
# What may stand behind the last stop.
CLOSING_MARKS = "\"'”’)）"
# Before these marks no stop is said.
MARKS = (".", ",", ";", ":", ")", "。", "，", "；", "：", "）")

SENTENCES: dict[str, str] = {
    **{code: code.sentence for code in (*Code, *UndoCode)},
    **SITE_SENTENCES,
    # Why a text is no amount or no quantity (core/money.py)
    "amount_missing": _("An amount is missing."),
    "amount_unclear": _("Not an amount: write it in plain digits, such as 1200.50."),
    "amount_ambiguous": _("May be %(many)s or %(few)s: write one of them."),
    "amount_too_fine": _("At most two decimals."),
    "amount_too_long": _("Too many digits."),
    "count_not_whole": _("Not a whole number: use the digits 0 to 9."),
    "number_damaged": _(
        "The spreadsheet damaged this number: format the column as text and enter it again."
    ),
    # The statuses of an order, quoted by other reasons
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
    """What `booster` raises and reports, seen from below it."""

    code: Any
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """`params` are texts, numbers, and other reasons as {"code": …, "params": …}, so that they fit
    into JSON. Make one by `of` or `of_error`: what a row keeps may be of another release."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, /, **params: Any) -> Self:
        """Raises TypeError where the catalogue has no such code, or the code other parameters."""
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
        """For logs; pages ask for `translate()`."""
        return in_english(self)


# The text is a person's, or of a row from before there were codes; "" where there is no reason.
ReasonOrText = Reason | str


def translate(reason: ReasonOrText) -> str:
    """In the language in force, with what it quotes."""
    return _worded(reason, gettext)


def translate_error(error: Coded) -> str:
    return translate(Reason.of_error(error))


def closed(text: str) -> str:
    """A text, such as a person's, to which a sentence is added."""
    return _closed(text, gettext)


def in_english(reason: ReasonOrText) -> str:
    return _worded(reason, str)


def reason_of(row: Any, name: str = "reason") -> ReasonOrText:
    """What a row keeps as `name`: see `reason_columns()`."""
    code: str = getattr(row, f"{name}_code")
    text: str = getattr(row, name)
    return Reason(code, getattr(row, f"{name}_params") or {}) if code else text


def reason_columns(reason: ReasonOrText, name: str = "reason") -> dict[str, Any]:
    """A reason as a row keeps it: a text as it is, or a code with the parameters that it has."""
    if isinstance(reason, Reason):
        params = dict(reason.params) or None
        return {name: "", f"{name}_code": reason.code, f"{name}_params": params}
    return {name: printable(reason)[:TEXT_LENGTH], f"{name}_code": "", f"{name}_params": None}


@cache
def parameters_of(sentence: str) -> frozenset[str]:
    """The names of a sentence's placeholders."""
    return frozenset(PLACEHOLDER.findall(sentence))


def _plain(value: Any) -> Any:
    """As JSON and every database take it: a file's text may hold what PostgreSQL refuses."""
    if isinstance(value, Reason):
        return value.as_json()
    if isinstance(value, str):
        return printable(value).replace("\n", "\\n").replace("\t", "\\t")
    return value


def printable(text: str) -> str:
    """The text with what nobody sees, and what moves a cursor, written out: `\\x1b`. Lines and tabs
    stay."""
    return UNPRINTABLE.sub(lambda found: ascii(found.group())[1:-1], text)


def _worded(reason: ReasonOrText, translated: Callable[[str], str]) -> str:
    if isinstance(reason, str):
        return printable(reason)  # a row's, from before they were kept so
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
    """With the stop that ends it as a sentence, if it has none."""
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
