"""Numbers of a workbook as its sheet shows them: the zeros in front, the dates among them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
# What a format code holds beside its meaning: quoted text, escaped signs, colours and locales.
TRIMMINGS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
MEANS_TIME = re.compile("[ymdhs]", re.IGNORECASE)
LEADING_ZEROS = re.compile("0{2,20}")
PERCENT_FORMATS = {9, 10}
# Beside the zeros that a format puts in front: see Book.formats.
AS_DATE, AS_PERCENT = -1, -2
FIRST_DAY, FIRST_DAY_OF_MACS = datetime(1899, 12, 30), datetime(1904, 1, 1)
LAST_SERIAL = 2_958_466
MOST_DIGITS = 30


def format_of(number: str, code: str) -> int:
    """As Book.formats."""
    meaning = TRIMMINGS.sub("", code)
    if not code:
        return built_in(int(number)) if number.isdigit() else 0
    if LEADING_ZEROS.fullmatch(code):
        return len(code)
    if "%" in meaning:
        return AS_PERCENT
    return AS_DATE if MEANS_TIME.search(meaning) and "general" not in meaning.lower() else 0


def built_in(number: int) -> int:
    """A format that every spreadsheet knows by its number."""
    if number in PERCENT_FORMATS:
        return AS_PERCENT
    return AS_DATE if number in DATE_FORMATS else 0


def number_text(text: str, shape: int, first_day: datetime) -> str:
    """A number in plain digits, the fifteen that are meant; by its format a date, or percents,
    since whoever sees 5% there means no 0.05 of money."""
    if text.isdigit() and not shape:
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        return text
    if shape == AS_DATE and 0 <= number < LAST_SERIAL:
        return moment_text(float(number), first_day)
    if len(number.as_tuple().digits) > 15:
        number = Decimal(f"{number:.14e}")
    if shape == AS_PERCENT:
        return f"{plain_digits(number * 100)}%"
    plain = plain_digits(number)
    return plain.zfill(shape) if shape > 0 and plain.isdigit() else plain


def plain_digits(number: Decimal) -> str:
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def moment_text(serial: float, first_day: datetime) -> str:
    moment = first_day + timedelta(seconds=round(serial * 86400))
    if serial < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")
