"""Which names appear twice in a file of any length, in eight bytes per name.

A set of a million names is 100 MB. Sorted blocks of hashes are 8 MB and find every repetition;
names that merely share a hash are told apart afterwards by the caller.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain, compress, islice
from operator import eq

# Compared so many parts of the hashes' range after another, to hold few at a time.
PARTS = 16
LOWEST = -(1 << 63)
STEP = (1 << 64) // PARTS


class DuplicateFinder:
    """Hashes of strings: meant for this process alone, Python salts them."""

    def __init__(self) -> None:
        self._blocks: list[array[int]] = []

    def add(self, names: Iterable[str]) -> None:
        self._blocks.append(array("q", sorted(map(hash, names))))

    def repeated_hashes(self) -> frozenset[int]:
        twice: set[int] = set()
        for part in range(PARTS):
            low = LOWEST + part * STEP
            high = low + STEP
            slices = (
                block[bisect_left(block, low) : bisect_left(block, high)] for block in self._blocks
            )
            merged = sorted(chain.from_iterable(slices))
            twice.update(compress(merged, map(eq, merged, islice(merged, 1, None))))
        return frozenset(twice)
