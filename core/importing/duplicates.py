"""Which names appear twice in a file of any length, in eight bytes per name.

A set of a million names takes 100 MB, sorted blocks of hashes 8 MB. They find every repetition; the
caller then tells apart names that merely share a hash.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain, compress, islice
from operator import eq

# The range of hashes is compared in parts, so that few are held at a time.
PARTS = 16
LOWEST = -(1 << 63)
STEP = (1 << 64) // PARTS


class DuplicateFinder:
    """Hashes of strings, only for this process: Python salts them."""

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
