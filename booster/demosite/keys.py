"""Which idempotency keys were seen already: exact for millions of them, in bounded memory.

Orders name their plays `<order>:<number>`, nearly all numbers of a range. Such keys are one bit
each, in pages of 1,024 numbers: a million plays of an order take about 300 KB. Any other key is
kept as it is, in two generations: when the young one is full the old one is forgotten.
"""

import base64
from collections import OrderedDict
from typing import Any

PAGE_BITS = 10
PAGE_MASK = (1 << PAGE_BITS) - 1
MAX_DIGITS = 18


class SeenKeys:
    max_pages = 1_000_000  # about 300 MB; a thousand million plays when numbers are dense
    max_orders = 500_000
    generation = 2_000_000  # keys of other forms are exact for at least this many

    def __init__(self) -> None:
        self._numbers: OrderedDict[bytes, dict[int, bytearray]] = OrderedDict()
        self._pages = 0
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def add(self, key: bytes) -> bool:
        """Remember `key`; False when it had been seen before."""
        order, _, number = key.rpartition(b":")
        if order and _is_plain_number(number):
            return self._add_number(order, int(number), key)
        return self._add_other(key)

    def dump(self) -> dict[str, Any]:
        return {
            "numbers": {
                order.decode("latin-1"): {
                    str(page): base64.b64encode(bits).decode() for page, bits in pages.items()
                }
                for order, pages in self._numbers.items()
            },
            "others": [key.decode("latin-1") for key in (*self._old, *self._young)],
        }

    def load(self, dumped: dict[str, Any]) -> None:
        for order, pages in dumped["numbers"].items():
            self._numbers[order.encode("latin-1")] = {
                int(page): bytearray(base64.b64decode(bits)) for page, bits in pages.items()
            }
            self._pages += len(pages)
        for key in dumped["others"]:
            self._add_other(key.encode("latin-1"))

    def _add_number(self, order: bytes, number: int, key: bytes) -> bool:
        pages = self._numbers.get(order)
        if pages is None:
            pages = self._new_order(order)
        page = pages.get(number >> PAGE_BITS)
        if page is None:
            if self._pages >= self.max_pages:
                return self._add_other(key)
            page = pages[number >> PAGE_BITS] = bytearray(1 << PAGE_BITS >> 3)
            self._pages += 1
        byte = (number & PAGE_MASK) >> 3
        bit = 1 << (number & 7)
        # A key that once found no room for a page is among the others.
        if page[byte] & bit or key in self._young or key in self._old:
            return False
        page[byte] |= bit
        return True

    def _new_order(self, order: bytes) -> dict[int, bytearray]:
        if len(self._numbers) >= self.max_orders:
            _, forgotten = self._numbers.popitem(last=False)
            self._pages -= len(forgotten)
        pages: dict[int, bytearray] = {}
        self._numbers[order] = pages
        return pages

    def _add_other(self, key: bytes) -> bool:
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self.generation:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return True


def _is_plain_number(text: bytes) -> bool:
    """Decimal digits as `%d` writes them: `7` and `07` are different keys."""
    if not text.isdigit() or len(text) > MAX_DIGITS:
        return False
    return text[0] != 48 or len(text) == 1
