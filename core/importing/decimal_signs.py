"""Which decimal sign a file's amounts have: one answer for the whole file, however many blocks it
has. The check keeps its answer for the import."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.importing.number_formats import Number
from core.money import decimal_signs_of


@dataclass(slots=True)
class DecimalSigns:
    """`chosen`: by a person, or "". `found`: by the whole file, "" if it does not show one or
    contradicts itself, None during the first reading. Until then the blocks so far answer, and
    `answers` shows whether all these answers agree with the whole file."""

    chosen: str = ""
    found: str | None = None
    seen: set[str] = field(default_factory=set)
    answers: set[str] = field(default_factory=set)

    def see(self, texts: Sequence[str]) -> None:
        """Look at amounts that a person typed."""
        if self.found is None:
            self.seen |= decimal_signs_of(texts)

    def see_points(self, cells: Sequence[str]) -> None:
        """Look at amounts without any mark but a point before one or two decimals."""
        typed = (cell for cell in cells if not isinstance(cell, Number))
        if self.found is None and any("." in cell for cell in typed):
            self.seen.add(".")

    def answer(self, text: str) -> str:
        """The decimal sign of an ambiguous amount; "" if only a person can tell."""
        if self.chosen:
            return self.chosen
        shown = self.shown
        self.answers.add(shown)
        # Other cells can show that a mark groups, but not that it divides `1.000`.
        return shown if shown not in text else ""

    @property
    def shown(self) -> str:
        if self.found is not None:
            return self.found
        return min(self.seen) if len(self.seen) == 1 else ""

    def settle(self) -> bool:
        """After the whole file: whether some of it was read with another sign."""
        self.found = self.shown
        return bool(self.answers - {self.found})
