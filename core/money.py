"""Pure rules of money: what a quantity costs and what is given back. Decimal only, no ORM.

Amounts are in the office's one currency, quantized to the cent half up, once, at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
# A price per play has more digits than a cent: 5.00 for 10,000 plays is 0.0005 per play.
RATE = Decimal("0.00000001")


class QuantityTooSmallError(ValueError):
    """Fewer plays than the smallest bundle; `minimum` is its count, or None without bundles."""

    def __init__(self, minimum: int | None) -> None:
        super().__init__(minimum)
        self.minimum = minimum


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """`count` plays for `price`, as one active price policy offers them."""

    count: int
    price: Decimal


def quantize(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def bundle_for(count: int, bundles: Iterable[Bundle]) -> Bundle:
    """The bundle that decides what `count` plays cost: the largest that fits, at its rate, or a
    larger one whole where that is cheaper, so that more plays never cost less.

    Raises QuantityTooSmallError below the smallest bundle.
    """
    offered = sorted(bundles)
    fitting = [bundle for bundle in offered if bundle.count <= count]
    if not fitting:
        raise QuantityTooSmallError(offered[0].count if offered else None)
    base = max(fitting, key=lambda bundle: (bundle.count, -bundle.price))
    larger = [bundle for bundle in offered if bundle.count > count]
    return min([base, *larger], key=lambda bundle: price_by(bundle, count))


def price_by(bundle: Bundle, count: int) -> Decimal:
    """What `count` plays cost by one bundle: its rate, or all of it where it is larger."""
    return quantize(bundle.price * max(count, bundle.count) / bundle.count)


def rate_of(price: Decimal, count: int) -> Decimal:
    """Price of one play, kept on the order for the receipt; refunds never use it."""
    return (price / count).quantize(RATE, rounding=ROUND_HALF_UP)


def refund_due(price: Decimal, count: int, undelivered: int) -> Decimal:
    """What is given back for `undelivered` of the `count` plays that `price` paid for."""
    if not 0 <= undelivered <= count:
        raise ValueError(f"undelivered plays must be from 0 to {count}, not {undelivered}")
    return quantize(price * undelivered / count)
