"""Pure rules of money: what a quantity costs, what is refunded, and how a written amount or
quantity is read. Decimal only, in the office's one currency, quantized to the cent half up, once,
at the end."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

CENT = Decimal("0.01")
# A price per play has more digits than a cent: 5.00 for 10,000 plays is 0.0005.
RATE = Decimal("0.00000001")
# Smaller amounts fit their column.
TOO_DEAR = Decimal(1_000_000)
# Larger orders would not fit their columns.
MAX_COUNT = 1_000_000_000

CURRENCIES = (
    "CNY|RMB|USD|EUR|GBP|HKD|TWD|JPY|KRW|INR|AUD|CAD|SGD|CHF|SEK|NOK|DKK|PLN|CZK|RUB|TRY|BRL|MYR|"
    "euros?|Rs[.]?|Fr[.]|RM|kr[.]?|zł|Kč|元|圆|圓|円|人民币"
)
CURRENCY = re.compile(rf"^(?:{CURRENCIES})\s*|\s*(?:{CURRENCIES})$", re.IGNORECASE)
# Countries in front of or behind the sign: `US$5`, `5 HK$`.
LETTERS_OF_DOLLAR = re.compile(r"\b(?:US|HK|NT|CN|JP|[ACRS])(?=[$¥￥])|(?<=[$])US\b", re.IGNORECASE)
# These only separate thousands: blanks of every width, and apostrophes.
GROUPING = " \u2019'"
# As in India: 12,34,567.
GROUPED_BY_TWO = re.compile(r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]{1,2})?")
GROUPED = re.compile(rf"[0-9]{{1,3}}(?:[{GROUPING}][0-9]{{3}})+")
EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]+)?E[+-]?[0-9]+", re.IGNORECASE)
MINUS = "-\u2212\u2013"
# A spreadsheet's floating point makes more digits of 57.70 than anybody writes.
NOISE_DIGITS = 10
MOST_DIGITS = 25
# Plays, grouped by thousands. Chinese has a word for ten thousand.
GROUPED_COUNT = re.compile(r"[0-9]{1,3}(?:([,' ])[0-9]{3})(?:\1[0-9]{3})*")
MULTIPLES = {"k": 1_000, "千": 1_000, "w": 10_000, "万": 10_000}
# A longer text is no amount, and normalizing its Unicode would take minutes.
LONGEST = 100


class AmountCode(StrEnum):
    """Why a text is no amount or quantity: codes of core.reasons."""

    MISSING = "amount_missing"
    UNCLEAR = "amount_unclear"
    AMBIGUOUS = "amount_ambiguous"
    TOO_FINE = "amount_too_fine"
    TOO_LONG = "amount_too_long"
    DAMAGED = "number_damaged"
    NOT_WHOLE = "count_not_whole"


class AmountError(ValueError):
    """The text is no amount, or may be two."""

    def __init__(self, code: AmountCode, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params


class QuantityTooSmallError(ValueError):
    """Fewer plays than the smallest bundle; `minimum` is its count, or None without bundles."""

    def __init__(self, minimum: int | None) -> None:
        super().__init__(minimum)
        self.minimum = minimum


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """`count` plays for `price`, as an active price policy offers them."""

    count: int
    price: Decimal


def quantize(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def bundle_for(count: int, bundles: Iterable[Bundle]) -> Bundle:
    """The bundle that sets the price of `count` plays: the largest that fits, at its rate, or a
    larger one whole if that is cheaper, so that more plays never cost less. Raises
    QuantityTooSmallError."""
    offered = sorted(bundles)
    fitting = [bundle for bundle in offered if bundle.count <= count]
    if not fitting:
        raise QuantityTooSmallError(offered[0].count if offered else None)
    base = max(fitting, key=lambda bundle: (bundle.count, -bundle.price))
    larger = [bundle for bundle in offered if bundle.count > count]
    return min([base, *larger], key=lambda bundle: price_by(bundle, count))


def undercut(bundles: Iterable[Bundle]) -> dict[Bundle, list[Bundle]]:
    """Bundles that cost as much as a larger one or more, grouped by the cheapest larger one, whose
    price is charged instead."""
    offered = sorted(bundles)
    found: dict[Bundle, list[Bundle]] = {}
    for place, bundle in enumerate(offered):
        larger = min(offered[place + 1 :], key=lambda one: one.price, default=bundle)
        if larger is not bundle and larger.price <= bundle.price:
            found.setdefault(larger, []).append(bundle)
    return found


def price_by(bundle: Bundle, count: int) -> Decimal:
    """The bundle's rate times `count`, or the whole bundle if it is larger."""
    return quantize(bundle.price * max(count, bundle.count) / bundle.count)


def rate_of(price: Decimal, count: int) -> Decimal:
    """Kept on the order for the receipt; refunds never use it."""
    return (price / count).quantize(RATE, rounding=ROUND_HALF_UP)


def refund_due(price: Decimal, count: int, undelivered: int) -> Decimal:
    """The refund for `undelivered` of the `count` plays that `price` paid for."""
    if not 0 <= undelivered <= count:
        raise ValueError(f"undelivered plays must be from 0 to {count}, not {undelivered}")
    return quantize(price * undelivered / count)


def parse_amount(text: str, *, decimal_sign: str = "") -> Decimal:
    """What a person means by `1000.50`, `1 000,50`, `¥1,000.50` or `(5.00)`, with two decimals.
    `decimal_sign` is "." or "," if other amounts of the same file show it; without it `1,000` may
    be a thousand or one, and AmountError asks. It is also raised for anything unclear."""
    if len(text) > LONGEST:
        raise AmountError(AmountCode.TOO_LONG)
    sign, digits = signed(bare(text))
    if not digits:
        raise AmountError(AmountCode.MISSING)
    if EXPONENT.fullmatch(digits):
        raise AmountError(AmountCode.DAMAGED)
    if any(mark in digits for mark in GROUPING):
        whole, point, cents = split_last(digits, ".,")
        if not GROUPED.fullmatch(whole) or len({mark for mark in whole if not mark.isdigit()}) > 1:
            raise AmountError(AmountCode.UNCLEAR)
        digits = re.sub(rf"[{GROUPING}]", "", whole) + ("." + cents if point else "")
        decimal_sign = "."
    return sign * exact(digits, decimal_sign)


def parse_count(text: str) -> int:
    """`10,000`, `1 000 000`, `10000.00`, `1.5万`. Raises AmountError for what is no whole number,
    and for `10.000`, which may be ten."""
    if len(text) > LONGEST:
        raise AmountError(AmountCode.TOO_LONG)
    if has_digit_beside(text):
        raise AmountError(AmountCode.NOT_WHOLE)
    plain = unicodedata.normalize("NFKC", text).strip().lower().replace("\u2019", "'")
    if EXPONENT.fullmatch(plain):
        raise AmountError(AmountCode.DAMAGED)
    times = MULTIPLES.get(plain[-1:], 1)
    digits = plain[:-1].strip() if times > 1 else plain
    digits = re.sub(r"\.0{1,2}$", "", digits)
    if GROUPED_COUNT.fullmatch(digits):
        digits = re.sub("[,' ]", "", digits)
    elif re.fullmatch(r"[0-9]{1,3}\.[0-9]{3}", digits):
        raise AmountError(AmountCode.AMBIGUOUS, many=digits.replace(".", ""), few=digits)
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", digits):
        raise AmountError(AmountCode.NOT_WHOLE)
    if len(digits) > MOST_DIGITS:
        raise AmountError(AmountCode.TOO_LONG)
    number = Decimal(digits) * times
    if number != int(number):
        raise AmountError(AmountCode.NOT_WHOLE)
    return int(number)


def bare(text: str) -> str:
    """Without currency, outer blanks and invisible signs; full-width digits become plain ones."""
    if "$" in text or "¥" in text or "￥" in text:
        text = LETTERS_OF_DOLLAR.sub("", text)
    if text.isascii():
        text = text.replace("$", "")
    elif not has_digit_beside(text):
        seen = (mark for mark in text if unicodedata.category(mark) not in ("Sc", "Cf"))
        text = unicodedata.normalize("NFKC", "".join(seen))
    return CURRENCY.sub("", text.strip()).strip()


def has_digit_beside(text: str) -> bool:
    """Whether it has a digit outside the number, such as a footnote: `12¹`, `①`, `½`; or a soft
    hyphen, which may have been a minus."""
    return not text.isascii() and any(
        sign == "\u00ad" or unicodedata.category(sign) == "No" for sign in text
    )


def signed(text: str) -> tuple[int, str]:
    """Bookkeepers write -5, 5- and (5)."""
    if text[:1] == "(" and text[-1:] == ")":
        return -1, bare(text[1:-1])
    if len(text) > 1 and text[0] in MINUS:
        return -1, bare(text[1:])
    if len(text) > 1 and text[-1] in MINUS:
        return -1, bare(text[:-1])
    return 1, text[1:].strip() if text[:1] == "+" else text


def split_last(text: str, marks: str) -> tuple[str, str, str]:
    """Split at the last of these marks; without any, all is in front."""
    place = max(text.rfind(mark) for mark in marks)
    return (text, "", "") if place < 0 else (text[:place], text[place], text[place + 1 :])


def exact(digits: str, decimal_sign: str) -> Decimal:
    """Digits with points and commas, the last of which may be the decimal sign."""
    if not re.fullmatch(r"[0-9]+(?:[.,][0-9]+)*", digits):
        raise AmountError(AmountCode.UNCLEAR)
    if len(digits) > MOST_DIGITS:
        raise AmountError(AmountCode.TOO_LONG)
    if GROUPED_BY_TWO.fullmatch(digits):
        return quantize(Decimal(digits.replace(",", "")))
    whole, point, cents = split_last(digits, ".,")
    other = "," if point == "." else "."
    if not point:
        return quantize(Decimal(digits))
    if point in whole:  # 1,000,000
        if other in whole or not is_grouped(digits, point):
            raise AmountError(AmountCode.UNCLEAR)
        return quantize(Decimal(digits.replace(point, "")))
    if other in whole:  # 1,000.50
        if not is_grouped(whole, other):
            raise AmountError(AmountCode.UNCLEAR)
        return with_cents(whole.replace(other, ""), cents)
    is_loose = point == "," and len(cents) in (3, 4) and whole.strip("0")
    if is_loose and decimal_sign != "," and not is_grouped(digits, point):
        # 1000,000, and 1,0000 where people count by ten thousands.
        raise AmountError(AmountCode.AMBIGUOUS, many=f"{whole}{cents}.00", few=f"{whole}.{cents}")
    if is_grouped(digits, point):  # 1,000
        thousands = Decimal(whole + cents)
        if not decimal_sign:
            few = f"{whole}.{cents}"
            raise AmountError(AmountCode.AMBIGUOUS, many=f"{thousands}.00", few=few)
        if decimal_sign != point:
            return quantize(thousands)
    return with_cents(whole, cents)


def is_grouped(digits: str, mark: str) -> bool:
    return bool(re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+", digits))


def with_cents(whole: str, cents: str) -> Decimal:
    amount = Decimal(f"{whole}.{cents}")
    if len(cents) >= NOISE_DIGITS:
        # A spreadsheet's number holds fifteen digits.
        amount = Decimal(f"{float(amount):.15g}")
    if amount != quantize(amount):
        raise AmountError(AmountCode.TOO_FINE)
    return quantize(amount)


def decimal_signs_of(texts: Iterable[str]) -> set[str]:
    """The decimal signs that amounts show; one person's amounts show one, or none."""
    signs = set()
    for text in texts:
        digits = bare(text) if len(text) <= LONGEST else ""
        whole, point, cents = split_last(digits, ".,")
        if not point or not cents.isdigit():
            continue
        other = "," if point == "." else "."
        if point in whole or other in whole:
            mark, grouped = (point, digits) if point in whole else (other, whole)
            # 1,000,000: the comma groups. 2026.12.03 is no amount.
            if is_grouped(grouped, mark) or GROUPED_BY_TWO.fullmatch(digits):
                signs.add("." if mark == "," else ",")
        elif any(mark in whole for mark in GROUPING) or len(cents) != 3:
            signs.add(point)
    return signs
