"""Which decimal sign the amounts of a file have: one answer for all of it, however many blocks it
is read in. The check keeps its answer for the import."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.importing.number_formats import Number
from core.money import decimal_signs_of


@dataclass(slots=True)
class DecimalSigns:
    """`chosen`: by a person; "" where nobody did. `found`: what the whole file shows, "" where it
    does not or contradicts itself; None while it is read for the first time. Then the blocks so far
    answer, and `answers` tells whether all agree with the whole file."""

    chosen: str = ""
    found: str | None = None
    seen: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)

    def see(self, texts: Sequence[str]) -> None:
        """Amounts, typed by the file's hand."""
        if self.found is None:
            self.seen |= decimal_signs_of(texts)

    def see_points(self, cells: Sequence[str]) -> None:
        """Amounts of a column that has no marks but points before one or two decimals."""
        typed = (cell for cell in cells if not isinstance(cell, Number))
        if self.found is None and any("." in cell for cell in typed):
            self.seen.add(".")

    def answer(self, text: str) -> str:
        """Of an amount that may be two; "" where only a person can tell."""
        if self.chosen:
            return self.chosen
        shown = self.shown
        self.answers.add(shown)
        # Others tell that a mark groups; that it divides `1.000` only a person can tell.
        return shown if shown not in text else ""

    @property
    def shown(self) -> str:
        if self.found is not None:
            return self.found
        return min(self.seen) if len(self.seen) == 1 else ""

    def settle(self) -> bool:
        """When the whole file was read: whether some of it was read otherwise than it says."""
        self.found = self.shown
        return bool(self.answers - {self.found})
