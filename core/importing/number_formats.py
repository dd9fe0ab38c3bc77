"""Numbers of a workbook as its sheet shows them, dates among them, with zeros and words in front.

A number shown as `C0012` is not 12, and `5万` is not five. A currency beside an amount changes
nothing and is dropped. A number has as many decimals as its format shows, rounded as spreadsheets
do; all of them if the format does not say.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Self

DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
# Quoted text, escaped signs, colours and locales of a format code.
TRIMMINGS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
TOKEN = re.compile(r'"([^"]*)"|[\\!](.)|_.|\*.|(\[[^\]]*\])|(.)', re.DOTALL)
MEANS_TIME = re.compile("[ymdhs]", re.IGNORECASE)
ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
PERCENT_FORMATS = {9, 10}
DECIMALS = {
    **dict.fromkeys((1, 3, 5, 6, 9, 37, 38, 41, 42), 0),
    **dict.fromkeys((2, 4, 7, 8, 10, 39, 40, 43, 44), 2),
}
# In a mask: a digit or 0; a digit or nothing. No text of a workbook holds these signs.
ZERO, DIGIT = "\x00", "\x01"
PLACES = {"0": ZERO, "#": DIGIT, "?": DIGIT}
BARE = " -+()"
# `0,` shows thousands, with a word behind it if it is honest.
SCALED = re.compile(r"[0#?],+(?![0#?,])")
# General, powers of ten, fractions and text do not say how many decimals they show.
UNSAID = re.compile("[A-Za-z/@]")
MINUS = ("-", "\u2212", "\u2013", "(")
CURRENCIES = " $\u20ac\u00a3\u00a5\uffe5"
# Words that multiply the number before them.
MULTIPLE = re.compile(
    "[百千万萬亿億%‰]|"
    r"\b(?:k|w|m|mn|mio|mln|mrd|bn|tsd|tys|lakh|lac|crore|thousands?|millions?|тыс|млн)\b",
    re.IGNORECASE,
)
LONGEST_CODE = 255
FIRST_DAY, FIRST_DAY_OF_MACS = datetime(1899, 12, 30), datetime(1904, 1, 1)
LAST_SERIAL = 2_958_466
MOST_DIGITS = 30
# Spreadsheets lose the digits after these and show another number.
DIGITS_KEPT = 15


class Number(str):
    """The digits of a number as the sheet shows them: a point in them divides and never groups,
    however people type texts beside it."""

    # There are many: nothing for the garbage collector to look after.
    __slots__ = ()


class RoundedNumber(Number):
    """`exact`: before rounding."""

    __slots__ = ("exact",)
    exact: str

    def __new__(cls, shown: str, exact: str) -> Self:
        made = super().__new__(cls, shown)
        made.exact = exact
        return made


@dataclass(frozen=True, slots=True)
class Shape:
    """What a format makes of a number: a date, percents, a `mask` for its digits, or a `word`
    behind it that multiplies it. `decimals`: how many it shows at most; None: all. `is_minus`: it
    shows positive numbers as negative."""

    is_date: bool = False
    is_percent: bool = False
    mask: str = ""
    word: str = ""
    decimals: int | None = None
    is_minus: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether a whole number shows as its digits alone."""
        return not (self.is_date or self.is_percent or self.mask or self.word or self.is_minus)


PLAIN = Shape()


@lru_cache(1024)
def shape_of(number: str, code: str) -> Shape:
    """By the format's code, or by the number under which every spreadsheet knows it."""
    if not code:
        known = int(number) if number.isdigit() else 0
        return Shape(
            is_percent=known in PERCENT_FORMATS,
            is_date=known in DATE_FORMATS,
            decimals=DECIMALS.get(known),
        )
    meaning = TRIMMINGS.sub("", code)
    if "%" in meaning:
        return Shape(is_percent=True, decimals=shape_of_digits(code[:LONGEST_CODE]).decimals)
    if ELAPSED.search(code) or (MEANS_TIME.search(meaning) and "general" not in meaning.lower()):
        return Shape(is_date=True)
    return shape_of_digits(code[:LONGEST_CODE])


def shape_of_digits(code: str) -> Shape:
    """From the part for positive numbers."""
    mask = bare = said = ""
    has_condition = False
    for quoted, escaped, bracket, sign in TOKEN.findall(code):
        if sign == ";":
            break
        literal = quoted or escaped
        mask += literal or PLACES.get(sign, sign)
        said += literal
        bare += sign
        has_condition = has_condition or bracket[1:2] in ("<", ">", "=")
    decimals = None if has_condition else decimals_of(bare)
    if MULTIPLE.search(said) and not SCALED.search(bare):
        return Shape(word=said.strip(), decimals=decimals)
    if has_condition or set(bare) - {*PLACES, *BARE} or not is_telling(mask):
        return Shape(decimals=decimals, is_minus=shows_minus(mask))
    return Shape(mask=mask, decimals=decimals)


def decimals_of(bare: str) -> int | None:
    """How many decimals a format shows; None if it does not say. `bare` is the code without quoted
    and escaped signs."""
    _whole, _point, behind = bare.partition(".")
    if UNSAID.search(bare) or SCALED.search(bare) or "." in behind or not set(bare) & {*PLACES}:
        return None
    return sum(sign in PLACES for sign in behind)


def is_telling(mask: str) -> bool:
    """Whether it changes the number or shows more than one: zeros, digits of its own, signs among
    the digits, letters before them."""
    places = [index for index, sign in enumerate(mask) if sign in (ZERO, DIGIT)]
    if not places:
        return False
    front, digits = mask[: places[0]], mask[places[0] : places[-1] + 1]
    return (
        digits.count(ZERO) > 1
        or len(digits) > len(places)
        or any(sign.isalnum() for sign in front)
        or any(sign.isdigit() for sign in mask)
    )


def shows_minus(mask: str) -> bool:
    """As bookkeepers write it: a minus or bracket beside the digits or the currency."""
    ends = re.split(f"[{ZERO}{DIGIT}]", mask)
    return any(end.strip(CURRENCIES) in MINUS for end in (ends[0], ends[-1]))


def number_text(text: str, shape: Shape, first_day: datetime) -> str:
    """A number in plain digits, at most the fifteen that count, or a date or percents by its
    format: a person who sees 5% does not mean 0.05 of money. A `Number` if it was rounded or has a
    point."""
    if text.isdigit() and len(text) <= DIGITS_KEPT and shape.is_plain:
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        return text
    if shape.is_date and 0 <= number < LAST_SERIAL:
        return moment_text(float(number), first_day)
    if len(number.as_tuple().digits) > DIGITS_KEPT:
        number = Decimal(f"{number:.14e}")
    if number.adjusted() >= DIGITS_KEPT:
        return f"{number.normalize():E}"
    if shape.is_percent:
        return f"{as_shown(plain_digits(number * 100), shape.decimals)}%"
    exact = plain_digits(0 - abs(number) if shape.is_minus else number)
    plain = as_shown(exact, shape.decimals)
    if shape.mask and plain.isdigit():
        return filled(shape.mask, plain)
    if shape.word:
        return plain + shape.word
    if plain != exact:
        return RoundedNumber(plain, exact)
    return Number(plain) if "." in plain else plain


def as_shown(plain: str, decimals: int | None) -> str:
    if decimals is None or len(plain.partition(".")[2]) <= decimals:
        return plain
    # Adding 0 makes 0 of -0.
    return plain_digits(Decimal(plain).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0)


def filled(mask: str, digits: str) -> str:
    """Digits put into a mask from the right; the remaining ones go to its first place."""
    places = [index for index, sign in enumerate(mask) if sign in (ZERO, DIGIT)]
    shown = list(mask)
    for index in reversed(places):
        own = digits if index == places[0] else digits[-1:]
        shown[index] = own or ("0" if mask[index] == ZERO else "")
        digits = digits[:-1]
    return "".join(shown)


def plain_digits(number: Decimal) -> str:
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def moment_text(serial: float, first_day: datetime) -> str:
    moment = first_day + timedelta(seconds=round(serial * 86400))
    if serial < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")
