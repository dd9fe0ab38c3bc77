"""What a cell may hold. A parser takes one column of a block and returns values and, by index,
errors.

It first tries to prove in a few C calls that the whole column is good. Only if that fails does it
look at each cell: what a person plainly meant is understood, the rest is refused in words. The
first step must never pass what the second would refuse.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _, gettext_lazy

from core.db.formulas import unescape_formula
from core.importing.decimal_signs import DecimalSigns
from core.importing.number_formats import Number
from core.importing.workbooks import UNCALCULATED
from core.models import Customer
from core.models.billing import REFERENCE_LENGTH, plain_reference
from core.models.names import FORBIDDEN, VISIBLE
from core.money import AmountCode, AmountError, has_digit_beside, parse_amount, parse_count
from core.reasons import translate_error

UNREAD_FORMULA = gettext_lazy(
    "A formula without its result: open the file in a spreadsheet and save it."
)
Parsed = tuple[Sequence[Any], dict[int, str]]
Parser = Callable[..., Parsed]

MOBILE = re.compile(r"(?:\+?[0-9]{3,15})?")
COUNT = re.compile(r"[0-9]{1,9}")
MOST_COUNT = 10**9 - 1
MEMO_LENGTH = 2000
# Normalizing the Unicode of a longer cell would take minutes.
MOST_SIGNS = 2 * MEMO_LENGTH
USERNAME = Customer._meta.get_field("username")
USERNAME_LENGTH = USERNAME.max_length or 0
MOBILE_FIELD = Customer._meta.get_field("mobile")

YES = (
    *("1", "true", "yes", "on", "y", "t", "active", "enabled", "\u2713", "\u2714", "\u221a"),
    *("是", "是的", "对", "對", "启用", "啟用", "有效", "正常", "开", "\u2611", "\u2705"),
    *("wahr", "ja", "vrai", "oui", "sí", "да", "はい", "1.0", "checked"),
)
NO = (
    *("0", "false", "no", "off", "n", "f", "inactive", "disabled", "\u2717", "\u2718", "\u00d7"),
    *("否", "不", "不是", "停用", "禁用", "无效", "注销", "关", "\u2610", "\u274c"),
    *("falsch", "nein", "faux", "non", "нет", "いいえ", "0.0", "unchecked"),
)
WORDS: dict[str, bool | None] = {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False), "": None}

# How people write that there is nothing, and how programs do.
NOTHING = ("-", "--", "\u2013", "\u2014", "/", "n/a", "na", "none", "无", "没有")
UNSAID = (*NOTHING, "nan", "null", "(null)", "<na>", "\\n")
# A spreadsheet could not work out the cell, or its column is too narrow.
SPREADSHEET_ERROR = re.compile(
    "#(?:N/A|NV|##+|GETTING_DATA|NAME[?]|NOM[?]|"
    "(?:REF|VALUE|DIV/0|NUM|NULL|SPILL|CALC|FIELD|BUSY|CONNECT|BLOCKED|UNKNOWN|UNCALCULATED|"
    "WERT|BEZUG|ZAHL|VALEUR|NOMBRE)!)"
)
# A long number of which only the beginning is left.
DAMAGED_NUMBER = re.compile(r"[0-9](?:[.,][0-9]+)?E\+?[0-9]{1,3}", re.IGNORECASE)
# Programs write a column of whole numbers so if one is missing.
DECIMAL = re.compile(r"[0-9]+\.0+")
# `="00123"` is how a CSV tells a spreadsheet to keep the zeros.
QUOTED_FORMULA = re.compile(r'="([^"]*)"')
FORMULA = re.compile(r"=[A-Za-z]+[0-9(].*", re.DOTALL)
# Quotation marks that were quoted twice.
QUOTED = re.compile(r"\"([^\"]+)\"|'([^']+)'|\u201c([^\u201c\u201d]+)\u201d")
QUOTES = ("'", '"', "\u201c")
MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
DATE = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?: [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?|"
    rf"[0-9]{{1,2}}([/.])[0-9]{{1,2}}\1[0-9]{{2,4}}|[0-9]{{1,2}}-{MONTHS}(?:-[0-9]{{2,4}})?|"
    rf"{MONTHS}-[0-9]{{2}}|(?:[0-9]{{4}}年)?[0-9]{{1,2}}月(?:[0-9]{{1,2}}日)?"
)
# A second row of titles says so.
REMARK_ALONE = "[(（](?i:required|optional|必填|选填|可选)[)）]"
# Programs write these for an unknown name; nobody is called so.
NO_NAMES = ("n/a", "nan", "null", "(null)")
# For the numbers of a workbook.
POINTS = DecimalSigns(chosen=".")
LOST_LETTER = "\ufffd"
# Names that need a closer look, and signs of which each of them contains one.
SUSPECT = re.compile(
    rf"[#='\"\u201c].*|[-/\u2013\u2014]+|(?i:n/a|nan|null)|\(null\)|{REMARK_ALONE}|"
    rf"[^{LOST_LETTER}]*{LOST_LETTER}.*|{DATE.pattern}|{DECIMAL.pattern}|"
    rf"(?i:{DAMAGED_NUMBER.pattern})",
    re.DOTALL,
)
SUSPECT_SIGNS = re.compile(f"[#='\"\u201c+/.(（月\u2013\u2014{LOST_LETTER}-]|(?i:nan|null)")
# `010-65529988-123`, and two numbers in one cell.
PHONE_AND_MORE = re.compile(r"[0-9]{3,4}[- ][0-9]{7,8}[- ][0-9]{1,6}|\+?[0-9]{7,}[-\s]+[0-9]{7,}")
PHONE_MARKS = re.compile(r"[\s().\u2010-\u2015-]+")
# A phone number that a spreadsheet took for a number.
NUMBER_OF_PHONE = re.compile(r"([0-9]{5,15}|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.0+)?")
PLAIN_NUMBER = re.compile("[0-9A-Za-z_-]*")  # of a payment
LONG_FRACTION = re.compile(r"[0-9]{5,}[.][0-9]+")


def usernames(cells: Sequence[str]) -> Parsed:
    names = texts(cells)
    joined = "".join(names)
    if (
        is_harmless(joined)
        and all(names)
        and (joined.isascii() or all(map(VISIBLE.search, names)))
        and len(max(names, key=len, default="")) <= USERNAME_LENGTH
        and list(map(str.strip, names)) == names
        and not (SUSPECT_SIGNS.search(joined) and any(map(SUSPECT.fullmatch, names)))
    ):
        return names, {}
    return read_each(names, read_username)


def read_username(cell: str) -> str:
    name = shorn(cell)
    refuse_dates(name)
    refuse_decimals(name)
    if name[:1] == "=" and FORMULA.fullmatch(name):
        raise ValidationError(UNREAD_FORMULA)
    if LOST_LETTER in name:
        raise ValidationError(_("A letter was lost before the upload: enter it again."))
    if re.fullmatch(REMARK_ALONE, name):
        raise ValidationError(_("This row repeats the titles of the columns."))
    if name.strip("-/\u2013\u2014") == "" or name.lower() in NO_NAMES:
        name = ""
    if DAMAGED_NUMBER.fullmatch(name) and "+" in name:
        raise AmountError(AmountCode.DAMAGED)
    USERNAME.clean(name, None)
    return name


def refuse_decimals(text: str) -> None:
    """Raises ValidationError: `10023.0` is 10023 only if no zeros stood before it."""
    if text.endswith("0") and DECIMAL.fullmatch(text):
        raise ValidationError(_("A program turned this into a decimal: format the column as text."))


def refuse_dates(text: str) -> None:
    if (text[:1].isdigit() or "-" in text) and DATE.fullmatch(text):
        raise ValidationError(
            _("The spreadsheet turned this into a date: format the column as text.")
        )


def is_harmless(text: str) -> bool:
    """Whether the rule for names finds nothing in it. Most of what it finds is not printable."""
    if not text.isprintable() or any(sign in text for sign in ("<", ">", "{{", "}}")):
        return False
    return text.isascii() or not FORBIDDEN.search(text)


def mobiles(cells: Sequence[str]) -> Parsed:
    numbers = texts(cells)
    if all(map(MOBILE.fullmatch, numbers)):
        return numbers, {}
    return read_each(numbers, read_mobile)


def read_mobile(cell: str) -> str:
    """Digits, with the + of a country code; other marks are dropped."""
    typed = shorn(cell)
    number = typed if has_digit_beside(typed) else unicodedata.normalize("NFKC", typed)
    if number.lower() in UNSAID:
        return ""
    refuse_dates(number)
    if PHONE_AND_MORE.fullmatch(number):
        raise ValidationError(_("An extension or a second number: leave it out."))
    if DAMAGED_NUMBER.fullmatch(number):
        raise AmountError(AmountCode.DAMAGED)
    if found := NUMBER_OF_PHONE.fullmatch(number):
        number = found.group(1).replace(",", "")
    # Abroad +44 (0)20 is 4420, at home 020; 44020 is nobody's number.
    elif not ((number.startswith("+") and "(0)" in number) or LONG_FRACTION.fullmatch(number)):
        number = PHONE_MARKS.sub("", number)
    MOBILE_FIELD.clean(number, None)
    return number


def references(cells: Sequence[str]) -> Parsed:
    """Payment numbers in one form; two that a spreadsheet damaged can look the same."""
    if (
        all(map(PLAIN_NUMBER.fullmatch, cells))
        and len(max(cells, key=len, default="")) <= REFERENCE_LENGTH
        and set(UNSAID).isdisjoint(map(str.lower, cells))
    ):
        return cells, {}
    return read_each(texts(cells), read_reference)


def read_reference(cell: str) -> str:
    number = plain_reference(shorn(cell))
    if number.lower() in UNSAID:
        return ""
    if DAMAGED_NUMBER.fullmatch(number) and "+" in number:
        raise AmountError(AmountCode.DAMAGED)
    refuse_decimals(number)
    refuse_longer(number, REFERENCE_LENGTH)
    return number


def refuse_longer(text: str, most: int) -> None:
    if len(text) > most:
        raise ValidationError(_("Longer than %(most)s characters.") % {"most": most})


def up_to(length: int) -> Parser:
    """Text of at most `length` characters, without outer blanks, as forms keep it."""

    def parse(cells: Sequence[str]) -> Parsed:
        found = texts(cells)
        joined = "".join(found)
        if (
            "#" not in joined
            and '="' not in joined
            and len(max(found, key=len, default="")) <= length
            and list(map(str.strip, found)) == found
        ):
            return found, {}

        def read(cell: str) -> str:
            text = cell.strip()
            if QUOTED_FORMULA.fullmatch(text) or SPREADSHEET_ERROR.fullmatch(text):
                text = shorn(cell)
            refuse_longer(text, length)
            return text

        return read_each(found, read)

    return parse


memos = up_to(MEMO_LENGTH)


def switches(cells: Sequence[str]) -> Parsed:
    """Yes and no as people write them; None for an empty cell."""
    words = [cell[:MOST_SIGNS].strip().lower() for cell in cells]
    if WORDS.keys() >= set(words):
        return [WORDS[word] for word in words], {}

    def read(cell: str) -> bool | None:
        word = unicodedata.normalize("NFKC", shorn(cell)).lower().rstrip("!")
        word = word if word in WORDS else word.rstrip(".")
        if word in UNSAID:
            return None
        if word not in WORDS:
            raise ValidationError(_("Must be yes or no."))
        return WORDS[word]

    return read_each(cells, read, broken=None)


def amounts(digits: int, *, empty: str | None = None, least: Decimal | None = None) -> Parser:
    """Money with at most `digits` digits before the point, as text. An empty cell gives `empty`, or
    is refused if that is None. `signs` of the whole file decide what one cell leaves open."""
    shape = re.compile(rf"[0-9]{{1,{digits}}}(?:\.[0-9]{{1,2}})?")

    def parse(cells: Sequence[str], signs: DecimalSigns | None = None) -> Parsed:
        signs = signs or DecimalSigns()
        if empty is not None and "" in cells:
            cells = [cell or empty for cell in cells]
        if all(map(shape.fullmatch, cells)) and (
            least is None or min(map(Decimal, cells), default=least) >= least
        ):
            signs.see_points(cells)
            return texts(cells), {}
        signs.see(texts([cell for cell in cells if not isinstance(cell, Number)]))

        def read(found: str) -> str:
            cell = unescape_formula(str(found))
            if not shape.fullmatch(cell):
                if empty is not None and shorn(cell).lower() in ("", *NOTHING):
                    return empty
                own_signs = POINTS if isinstance(found, Number) else signs
                cell = str(read_amount(cell, digits, own_signs))
            if least is not None and Decimal(cell) < least:
                raise ValidationError(_("Less than %(least)s.") % {"least": least})
            return cell

        return read_each(cells, read)

    return parse


def read_amount(cell: str, digits: int, signs: DecimalSigns) -> Decimal:
    amount = parse_open(shorn(cell), signs)
    if amount < 0:
        raise ValidationError(_("May not be negative."))
    if amount >= 10**digits:
        most = 10**digits - Decimal("0.01")
        raise ValidationError(_("Larger than %(most)s.") % {"most": f"{most:,}"})
    return amount


def parse_open(text: str, signs: DecimalSigns) -> Decimal:
    """The amount; the file's decimal sign decides if it is ambiguous. Raises AmountError."""
    try:
        return parse_amount(text)
    except AmountError as error:
        if error.code != AmountCode.AMBIGUOUS or not (sign := signs.answer(text)):
            raise
    return parse_amount(text, decimal_sign=sign)


def counts(cells: Sequence[str]) -> Parsed:
    """Whole numbers as int; 0 for a cell that is refused."""
    if all(map(COUNT.fullmatch, cells)):
        return list(map(int, cells)), {}
    return read_each(cells, read_count, broken=0)


def read_count(cell: str) -> int:
    if isinstance(cell, Number) and "." in cell:
        raise AmountError(AmountCode.NOT_WHOLE)
    number = parse_count(shorn(unescape_formula(cell)))
    if number > MOST_COUNT:
        raise ValidationError(_("Larger than %(most)s.") % {"most": f"{MOST_COUNT:,}"})
    return number


def texts(cells: Sequence[str]) -> list[str]:
    """Cells as plain text, without the apostrophe that keeps spreadsheets from running them."""
    if "'" not in "".join(cells):
        return list(map(str, cells))
    return list(map(unescape_formula, cells))


def shorn(cell: str) -> str:
    """A cell without what a spreadsheet put around it: blanks, an apostrophe, a formula that only
    quotes. Raises ValidationError for a spreadsheet's error and for a cell that is too long."""
    refuse_longer(cell, MOST_SIGNS)
    text = cell.strip()
    while text and text[0] != "\u00ad" and unicodedata.category(text[0]) == "Cf":
        text = text[1:].lstrip()
    while text and unicodedata.category(text[-1]) == "Cf":
        text = text[:-1].rstrip()
    if quoted := QUOTED_FORMULA.fullmatch(text):
        text = quoted.group(1)
    if text[:1] in QUOTES and (marked := QUOTED.fullmatch(text)):
        text = "".join(filter(None, marked.groups())).strip()
    if text[:1] == "'" and text[1:2].isdigit():
        text = text[1:]
    if text == UNCALCULATED:
        raise ValidationError(UNREAD_FORMULA)
    if SPREADSHEET_ERROR.fullmatch(text):
        raise ValidationError(_("The spreadsheet shows an error in this cell."))
    return text


def read_each(cells: Sequence[str], read: Callable[[str], Any], broken: Any = "") -> Parsed:
    """What `read` makes of each cell; if it raises ValidationError, the words by index and `broken`
    as the value."""
    values: list[Any] = []
    errors: dict[int, str] = {}
    for index, cell in enumerate(cells):
        try:
            values.append(read(cell))
        except AmountError as error:
            values.append(broken)
            errors[index] = translate_error(error)
        except ValidationError as error:
            values.append(broken)
            errors[index] = " ".join(error.messages)
    return values, errors
