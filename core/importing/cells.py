"""What a cell may hold. A parser takes one column of a block and returns values and, by index,
what is wrong.

Each first tries to prove in a few C calls that the whole column is good; only a column that is not
is looked at cell by cell, by the model's own rules, for the texts. The first must never pass what
the second would refuse.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.db.formulas import unescape_formula
from core.models import Customer

CellErrors = dict[int, str]
Parsed = tuple[Sequence[Any], CellErrors]
Parser = Callable[[Sequence[str]], Parsed]

MOBILE = re.compile(r"(?:\+?[0-9]{3,15})?")
COUNT = re.compile(r"[0-9]{1,9}")
MOST_COUNT = 10**9 - 1
MEMO_LENGTH = 2000
USERNAME = Customer._meta.get_field("username")
USERNAME_LENGTH = USERNAME.max_length or 0
MOBILE_FIELD = Customer._meta.get_field("mobile")

YES = ("1", "true", "yes", "on", "是")
NO = ("0", "false", "no", "off", "否")
# An empty cell: as it is.
WORDS: dict[str, bool | None] = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False), "": None}


def usernames(cells: Sequence[str]) -> Parsed:
    names = texts(cells)
    if (
        is_harmless("".join(names))
        and all(names)
        and len(max(names, key=len, default="")) <= USERNAME_LENGTH
        and list(map(str.strip, names)) == names
    ):
        return names, {}
    return names, cell_errors(names, lambda name: USERNAME.clean(name, None))


def is_harmless(text: str) -> bool:
    """Nothing in it that core.models.accounts.FORBIDDEN could find: those are not printable."""
    return text.isprintable() and not any(sign in text for sign in ("<", ">", "{{", "}}"))


def mobiles(cells: Sequence[str]) -> Parsed:
    numbers = texts(cells)
    if all(map(MOBILE.fullmatch, numbers)):
        return numbers, {}
    return numbers, cell_errors(numbers, lambda number: MOBILE_FIELD.clean(number, None))


def memos(cells: Sequence[str]) -> Parsed:
    return up_to(MEMO_LENGTH)(cells)


def up_to(length: int) -> Parser:
    """Any text of at most so many characters."""

    def parse(cells: Sequence[str]) -> Parsed:
        found = texts(cells)
        if len(max(found, key=len, default="")) <= length:
            return found, {}

        def check(text: str) -> None:
            if len(text) > length:
                raise ValidationError(_("Longer than %(most)s characters.") % {"most": length})

        return found, cell_errors(found, check)

    return parse


def switches(cells: Sequence[str]) -> Parsed:
    """Yes and no as people write them; None for an empty cell."""
    words = [cell.strip().lower() for cell in cells]
    if WORDS.keys() >= set(words):
        return [WORDS[word] for word in words], {}

    def check(word: str) -> None:
        if word not in WORDS:
            raise ValidationError(_("Must be yes or no."))

    return [WORDS.get(word) for word in words], cell_errors(words, check)


def amounts(digits: int, *, empty: str | None = None, least: Decimal | None = None) -> Parser:
    """Money with at most so many digits before the point, as its text; `empty` stands for a cell
    without any, None refuses it."""
    shape = re.compile(rf"[0-9]{{1,{digits}}}(?:\.[0-9]{{1,2}})?")

    def parse(cells: Sequence[str]) -> Parsed:
        if empty is not None and "" in cells:
            cells = [cell or empty for cell in cells]
        if all(map(shape.fullmatch, cells)) and (
            least is None or min(map(Decimal, cells), default=least) >= least
        ):
            return cells, {}

        def check(cell: str) -> None:
            check_amount(cell, digits)
            if least is not None and Decimal(cell) < least:
                raise ValidationError(_("Less than %(least)s.") % {"least": least})

        return cells, cell_errors(cells, check)

    return parse


def check_amount(cell: str, digits: int) -> None:
    """Raise what keeps this from being an amount; what a person meant is never guessed."""
    if not cell:
        raise ValidationError(_("An amount is missing."))
    if cell.startswith("-"):
        raise ValidationError(_("May not be negative."))
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", cell):
        whole, _point, cents = cell.partition(".")
        if len(whole) > digits:
            raise ValidationError(
                _("Larger than %(most)s.") % {"most": f"{10**digits - Decimal('0.01'):,}"}
            )
        if len(cents) > 2:
            raise ValidationError(_("At most two decimals."))
        return
    if any(sign.isdigit() and not sign.isascii() for sign in cell):
        raise ValidationError(_("Use the digits 0 to 9, not full-width digits."))
    raise ValidationError(_("Not an amount: write it in plain digits, such as 1200.50."))


def counts(cells: Sequence[str]) -> Parsed:
    """Whole numbers as int; 0 stands for one that is none."""
    if all(map(COUNT.fullmatch, cells)):
        return list(map(int, cells)), {}

    def check(cell: str) -> None:
        if cell.isascii() and cell.isdigit():
            if int(cell[:30]) > MOST_COUNT:
                raise ValidationError(_("Larger than %(most)s.") % {"most": f"{MOST_COUNT:,}"})
        else:
            raise ValidationError(_("Not a whole number in the digits 0 to 9."))

    wrong = cell_errors(cells, check)
    return [0 if index in wrong else int(cell) for index, cell in enumerate(cells)], wrong


def texts(cells: Sequence[str]) -> list[str]:
    """Cells without the apostrophe that keeps spreadsheets from running them."""
    if "'" not in "".join(cells):
        return list(cells)
    return list(map(unescape_formula, cells))


def cell_errors(cells: Sequence[str], check: Callable[[str], Any]) -> CellErrors:
    """What `check` raises, by the index of the cell."""
    found: CellErrors = {}
    for index, cell in enumerate(cells):
        try:
            check(cell)
        except ValidationError as error:
            found[index] = " ".join(error.messages)
    return found
