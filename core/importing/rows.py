"""A file's rows as text, in blocks, each with its line. Memory is one block's."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from core.importing.detection import FileError
from core.reasons import Code, Reason

BLOCK = 20_000
MAX_COLUMNS = 100
DELIMITERS = ",;\t"
LINE_END = re.compile(r"\r\n|\r|\n")
# zipfile and openpyxl let these out of a workbook that is not what it says.
DAMAGED = (zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, OSError)

Row = list[str]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as the file has them, ragged ones too, and the line each begins on. Rows with
    nothing in them count as rows but are not `rows`; `read` is how many were read for the block.
    """

    rows: list[Row]
    lines: Sequence[int]
    read: int


@dataclass(slots=True)
class Table:
    """The header, and what follows it. `blocks()` can be asked for once."""

    header: Row
    rows: Iterator[Row]
    line: int

    def blocks(self, *, skip: int = 0, size: int = BLOCK) -> Iterator[Block]:
        """Go on after `skip` rows, as many as an earlier run has done. Raises FileError."""
        rows: list[Row] = []
        try:
            self.line += sum(map(height, islice(self.rows, skip)))
            while True:
                rows = []
                rows.extend(islice(self.rows, size))
                if not rows:
                    return
                yield self._block(rows)
        except csv.Error as error:
            # What came before the bad row is in `rows`.
            line = self.line + sum(map(height, rows))
            raise FileError(csv_reason(error, line)) from None
        except DAMAGED as error:
            raise FileError(Reason.of(Code.FILE_DAMAGED, error=str(error))) from None

    def _block(self, rows: list[Row]) -> Block:
        first, read = self.line, len(rows)
        lines: Sequence[int] = range(first, first + read)
        if is_tall(chain.from_iterable(rows)):
            lines, line = [], first
            for row in rows:
                lines.append(line)
                line += height(row)
            self.line = line
        else:
            self.line = first + read
        if not all(map(any, rows)):
            filled = [(row, line) for row, line in zip(rows, lines, strict=True) if any(row)]
            rows, lines = [row for row, _line in filled], [line for _row, line in filled]
        return Block(rows, lines, read)


@contextmanager
def open_table(path: Path, encoding: str) -> Iterator[Table]:
    """The table in a file of known encoding. Raises FileError where there is no header."""
    if encoding == "xlsx":
        with path.open("rb") as binary:
            table = table_of(workbook_rows(binary))
            width = len(table.header)
            table.rows = (row + [""] * (width - len(row)) for row in table.rows)
            yield table
    else:
        with path.open(encoding=encoding, newline="") as text:
            yield table_of(csv.reader(text, delimiter=delimiter_of(text), strict=True))


def table_of(rows: Iterator[Row]) -> Table:
    line = 1
    try:
        for row in rows:
            after = line + height(row)
            if any(row):
                if len(row) > MAX_COLUMNS:
                    raise FileError(
                        Reason.of(Code.TOO_MANY_COLUMNS, number=f"{len(row):,}", most=MAX_COLUMNS)
                    )
                return Table(row, rows, after)
            line = after
    except csv.Error as error:
        raise FileError(csv_reason(error, line)) from None
    except DAMAGED as error:
        raise FileError(Reason.of(Code.FILE_DAMAGED, error=str(error))) from None
    raise FileError(Reason.of(Code.FILE_OF_EMPTY_LINES))


def delimiter_of(text: io.TextIOBase) -> str:
    """What the first line is divided by; spreadsheets of some countries write semicolons."""
    line = text.readline()
    text.seek(0)
    return max(DELIMITERS, key=lambda sign: (line.count(sign), sign == ","))


def is_tall(cells: Iterable[str]) -> bool:
    text = "".join(cells)
    return "\n" in text or "\r" in text


def height(row: Row) -> int:
    """How many lines of the file a row takes."""
    return 1 + len(LINE_END.findall("".join(row))) if is_tall(row) else 1


def csv_reason(error: csv.Error, line: int) -> Reason:
    """The csv module's own words are not for clerks."""
    text = str(error)
    if "field larger" in text or "unexpected end" in text:
        return Reason.of(Code.QUOTATION_MARK_NOT_CLOSED, line=line)
    return Reason.of(Code.QUOTATION_MARK_MISPLACED, line=line, error=text)


def workbook_rows(file: io.BufferedReader) -> Iterator[Row]:
    """The first sheet. Formulas come as their text: a formula is no value."""
    try:
        workbook = load_workbook(file, read_only=True, data_only=False, keep_links=False)
        sheet = workbook.worksheets[0]
        # Sheets may claim to be a million columns wide; what they hold decides.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1):
            yield trimmed([text_of(cell) for cell in row])
    except IndexError:
        raise FileError(Reason.of(Code.WORKBOOK_WITHOUT_SHEET)) from None


def trimmed(row: Row) -> Row:
    """A workbook's row without the empty cells that fill it up on the right."""
    while row and not row[-1]:
        row.pop()
    return row


def text_of(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # a spreadsheet's idea of a telephone number
    return str(cell)
