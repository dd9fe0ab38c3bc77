"""A block on its way: its columns as values, and the rows that fell out with what is wrong."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any

from django.db.models.enums import Choices
from django.utils.translation import gettext as _

from core.db.formulas import unescape_formula
from core.importing.cells import Parser
from core.importing.columns import KNOWN, Layout, is_any_header
from core.importing.detection import FileError
from core.importing.number_formats import RoundedNumber
from core.importing.rows import Block, QuotedRow, Row, is_tall
from core.reasons import Code

SHOWN = 200
EXAMPLES = 3
EXAMPLE_LENGTH = 40
# A comma without quotation marks can cut these in two; the next cell then holds this.
WITH_COMMAS = {"amount", "balance", "count"}
CUT_OFF = {
    "mobile": re.compile(r"[0-9]{3}(?:\.[0-9]{1,2})?"),
    "memo": re.compile(r"[0-9]{2}|[0-9]{3}(?:\.[0-9]{1,2})?"),
    "username": re.compile(r"0[0-9]{1,2}|[0-9]{3}\.[0-9]{1,2}"),
    "reference": re.compile(r"0[0-9]|[0-9]{3}\.[0-9]{1,2}"),
}
# Files that were put together leave these around a title.
AROUND = " \t\r\n\v\f\u00a0\u3000\ufeff\u200b\"'"
SHORT_DIGITS = re.compile(r"\D{0,3}[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell, or with the whole row if `column` is empty."""

    line: int
    column: str
    value: str
    reason: str


# By the index of a row.
Faults = defaultdict[int, list[RowError]]


@dataclass(slots=True)
class Understood:
    """Cells that were not taken as they stand: how many, with some examples."""

    number: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, other: "Understood") -> None:
        self.number += other.number
        self.examples += other.examples[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class Batch:
    """Good rows: `lines` and each of `values` have one entry per row. The others are `refused`."""

    layout: Layout
    rows: list[Row]
    lines: Sequence[int]
    values: dict[str, Sequence[Any]]
    errors: list[RowError] = field(default_factory=list)
    refused: list[tuple[int, Row, str]] = field(default_factory=list)
    understood: dict[str, Understood] = field(default_factory=dict)

    @classmethod
    def read(cls, block: Block, layout: Layout, parsers: Mapping[str, Parser]) -> "Batch":
        """Parse every column; rows with a bad cell or a wrong number of cells fall out."""
        batch = cls(layout, block.rows, block.lines, {})
        if set(map(len, batch.rows)) - {layout.width}:
            batch.drop_ragged()
        batch.drop_titles()
        faults: Faults = defaultdict(list)
        for name, parse in parsers.items():
            cells = layout.cells(batch.rows, name)
            if cells is None:
                continue
            values, wrong = parse(cells)
            batch.values[name] = values
            held = cells if block.delimiter else list(map(exactly, cells))
            if values != held and (understood := rewritten(held, values, wrong)).number:
                batch.understood[name] = understood
            for index, reason in wrong.items():
                faults[index].append(batch.error(index, name, cells[index], reason))
        batch.find_nameless(faults)
        if block.delimiter == ",":
            batch.find_cut_amounts(faults)
        if block.is_tall:
            batch.find_rows_in_cells(block.delimiter, faults)
        batch.drop(faults)
        return batch

    def fill(self, **absent: Any) -> None:
        """Set columns that the file does not have."""
        for name, value in absent.items():
            self.values.setdefault(name, [value] * len(self))

    def error(self, index: int, column: str, value: str, reason: str) -> RowError:
        return RowError(self.lines[index], column, value[:SHOWN], reason)

    def find_nameless(self, faults: Faults) -> None:
        """Refuse cells in a column without a title: they must not be lost in silence. Only the
        first of a row is reported, there may be a hundred."""
        if not self.layout.nameless:
            return
        reason = _("This cell is in a column without a title.")
        for index, row in enumerate(self.rows):
            cells = (row[place] for place in self.layout.nameless)
            if found := next(filter(str.strip, cells), ""):
                faults[index].append(self.error(index, "", found, reason))

    def drop_ragged(self) -> None:
        width = self.layout.width
        text = _("%(number)s cells, but the header has %(width)s.")
        self.drop(
            {
                index: [self.error(index, "", "", text % {"number": len(row), "width": width})]
                for index, row in enumerate(self.rows)
                if len(row) != width
            }
        )

    def drop_titles(self) -> None:
        """Remove headers that are repeated further down, for example in files that were put
        together. A single cell must equal the title exactly: a customer can be called `user`.
        Raises FileError at a different header: the rows below it would be read under the first."""
        place = self.layout.places["username"]
        titles = {*KNOWN, self.layout.header[place].strip(AROUND).lower()}
        reason = _("This row repeats the titles of the columns.")
        faults = {}
        names = [row[place].strip(AROUND).lower() for row in self.rows]
        if titles.isdisjoint(names):
            return
        for index, row in enumerate(self.rows):
            if names[index] not in titles:
                continue
            if self.layout.is_header(row):
                faults[index] = [self.error(index, "", row[place], reason)]
            elif is_any_header(row):
                raise FileError.of(Code.HEADER_CHANGES, line=self.lines[index])
        self.drop(faults)

    def find_rows_in_cells(self, delimiter: str, faults: Faults) -> None:
        """Refuse cells that swallowed rows: a memo that begins with a quotation mark, such as an
        inch sign, takes all rows up to the next one. A comma inside a sentence is followed by a
        blank."""
        reason = _("This cell contains whole rows: a quotation mark may be missing.")
        for index, row in enumerate(self.rows):
            for place, cell in enumerate(row):
                if not is_tall(cell):
                    continue
                lines = cell.splitlines()[1:]
                if any(
                    line.count(delimiter) == self.layout.width - 1 and f"{delimiter} " not in line
                    for line in lines
                ):
                    name = self.layout.name_at(place)
                    faults[index].append(self.error(index, name, cell, reason))

    def find_cut_amounts(self, faults: Faults) -> None:
        """Refuse `12,50` or `1,000.50` without quotation marks in a file divided by commas: it
        reads as 12 and a memo 50. If either cell is quoted, the comma does divide cells."""
        reason = _(
            "%(amount)s may have been cut in two: put it in quotation marks. If these are two "
            "cells, put each in quotation marks, or upload the table as .xlsx."
        )
        for name in WITH_COMMAS & self.layout.places.keys():
            place = self.layout.places[name]
            shape = CUT_OFF.get(self.layout.name_at(place + 1))
            if shape is None:
                continue
            for index, row in enumerate(self.rows):
                if row[place + 1][:1].isdigit() and shape.fullmatch(row[place + 1].strip()):
                    amount = f"{row[place].strip()},{row[place + 1].strip()}"
                    if SHORT_DIGITS.fullmatch(row[place].strip()) and not is_divided(row, place):
                        told = reason % {"amount": amount}
                        faults[index].append(self.error(index, name, amount, told))

    def refuse(self, column: str, reasons: Mapping[int, str]) -> None:
        """Remove the rows at these indexes for a fault in this column."""
        self.drop({index: [self.fault(index, column, reason)] for index, reason in reasons.items()})

    def fault(self, index: int, column: str, reason: str) -> RowError:
        return RowError(self.lines[index], column, str(self.values[column][index]), reason)

    def drop(self, faults: Mapping[int, list[RowError]]) -> None:
        """Remove the rows at these indexes and keep refused rows in file order."""
        if not faults:
            return
        for index in sorted(faults):
            errors = faults[index]
            self.errors += errors
            reason = "; ".join(
                f"{self.layout.title(error.column)}: {error.reason}"
                if error.column
                else error.reason
                for error in errors
            )
            self.refused.append((self.lines[index], self.rows[index], reason))
        self.errors.sort(key=attrgetter("line"))
        self.refused.sort(key=itemgetter(0))
        kept = [index for index in range(len(self.rows)) if index not in faults]
        self.rows = [self.rows[index] for index in kept]
        self.lines = [self.lines[index] for index in kept]
        for name, column in self.values.items():
            self.values[name] = [column[index] for index in kept]

    def __len__(self) -> int:
        return len(self.rows)


def is_divided(row: Row, place: int) -> bool:
    """Whether quotation marks show that a cell ends before the next one."""
    return isinstance(row, QuotedRow) and (row.is_quoted(place) or row.is_quoted(place + 1))


def exactly(cell: str) -> str:
    """The exact value of a cell that the sheet shows rounded."""
    return cell.exact if isinstance(cell, RoundedNumber) else cell


def rewritten(cells: Sequence[str], values: Sequence[Any], wrong: Mapping[int, str]) -> Understood:
    """Good cells whose text is not their value, except yes and no, outer blanks and empty cells."""
    found = Understood()
    for index, (cell, value) in enumerate(zip(cells, values, strict=True)):
        text = cell.strip(" ")
        if index in wrong or value is None or isinstance(value, bool | Choices) or not text:
            continue
        if text != str(value) and unescape_formula(text) != value:
            found.number += 1
            if len(found.examples) < EXAMPLES:
                found.examples.append(f"{text[:EXAMPLE_LENGTH]} → {str(value)[:EXAMPLE_LENGTH]}")
    return found


@dataclass(slots=True)
class Plan:
    """What a batch would do to the database. `new`, `changed`, `revived` and `differences` are only
    for the importer that made it."""

    batch: Batch
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    amount: Decimal = Decimal(0)
    new: Any = None
    changed: list[Any] = field(default_factory=list)
    revived: list[Any] = field(default_factory=list)
    differences: list[Any] = field(default_factory=list)
    # For people: name, column, value before and after.
    shown_changes: list[tuple[str, str, str, str]] = field(default_factory=list)
    # In words, rows that equal something booked lately.
    repeats: Sequence[tuple[int, str]] = ()
    # In words, rows that a second person declined before.
    declined: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, Any]:
        """Under the names of ImportJob.COUNTS."""
        return {
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "rejected": len(self.batch.refused),
            "amount": self.amount,
        }
