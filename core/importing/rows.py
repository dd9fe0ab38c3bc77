"""A file's rows as text, in blocks, each with its line. Only one block is in memory."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, islice
from pathlib import Path
from typing import TextIO

from core.importing.columns import is_known
from core.importing.detection import FileError
from core.importing.parts import OnChunk
from core.importing.workbook_process import read_apart
from core.reasons import Code, Reason

BLOCK = 20_000
# A block of long or wide rows has fewer of them; its size is looked at every few rows.
BLOCK_SIGNS, BLOCK_CELLS, FEW = 1 << 22, 1 << 18, 10
# Excel writes a text this many rows at a time, counted from the sheet's first row, and leaves out
# last cells that are empty in all of them.
EXCEL_ROWS = 16
MAX_COLUMNS = 100
# Signs of a row, with all its lines; a memo has 2,000.
MOST_ROW = 1 << 18
# A spreadsheet has 16,384 columns, and writes columns that once held something as empty ones.
MOST_CELLS = 1 << 14
# How often `on_chunk` is called.
CHUNK_SIGNS = 1 << 20
DELIMITERS = ",;\t|，；"
SEP_LINE = re.compile(r'"?sep=([^\r\n])"?[ ,;\t]*(?:\r\n|\r|\n)', re.IGNORECASE)
# A header is looked for no lower than this.
LOOK_AHEAD, LOOK_AHEAD_SIGNS = 20, 1 << 16
NOTE_LENGTH = 200
LINE_END = re.compile(r"\r\n|\r|\n")

Row = list[str]
# A cell of a text divided by commas, and its end.
WRITTEN_CELL = re.compile(r'("(?:[^"]|"")*"|[^,]*)(?:,|$)')


class QuotedRow(list[str]):
    """A row with quotation marks between commas, and how it is `written`."""

    __slots__ = ("written",)
    written: str

    def is_quoted(self, place: int) -> bool:
        cell = next(islice(WRITTEN_CELL.finditer(self.written), place, None), None)
        return bool(cell and cell[1].startswith('"'))


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as the file has them, ragged ones too, and the line on which each begins. Empty rows are
    not in `rows`; `read` counts them too."""

    rows: list[Row]
    lines: Sequence[int]
    read: int
    delimiter: str = ""  # of a text
    is_tall: bool = False  # in a text, some cells go over several lines

    def whole(self, width: int) -> tuple[list[Row], Sequence[int]]:
        """Rows with so many cells, and their lines."""
        if set(map(len, self.rows)) <= {width}:
            return self.rows, self.lines
        is_whole = [len(row) == width for row in self.rows]
        return list(compress(self.rows, is_whole)), list(compress(self.lines, is_whole))


@dataclass(slots=True)
class Table:
    """The header, the rows below it, and notes on the rest. `blocks()` can be called once."""

    header: Row
    rows: Iterator[Row]
    line: int
    notes: list[Reason] = field(default_factory=list)
    delimiter: str = ""
    # From the file's first row down to the header, and the rows that Excel left cells out of.
    place: int = 0
    read: int = 0
    filled: int = 0

    def blocks(self, *, skip: int = 0, size: int = BLOCK) -> Iterator[Block]:
        """Skip as many rows as an earlier run has done. Raises FileError."""
        rows: list[Row] = []
        try:
            self.line += sum(map(height, islice(self.rows, skip)))
            self.read = self.place + 1 + skip
            while True:
                rows = []
                self._fill(rows, size)
                if not rows:
                    if self.filled:
                        number = f"{self.filled:,}"
                        self.notes.append(Reason.of(Code.ROWS_FILLED_UP, number=number))
                    return
                yield self._block(rows)
        except csv.Error as error:
            # `rows` has all rows before the bad one.
            line = self.line + sum(map(height, rows))
            raise FileError(csv_reason(error, line)) from None

    def _fill(self, rows: list[Row], size: int) -> None:
        """Read a block, at least one row if there is one. Rows before an error stay in `rows`."""
        signs = cells = before = 0
        while before < size and signs < BLOCK_SIGNS and cells < BLOCK_CELLS:
            rows.extend(islice(self.rows, min(FEW, size - before)))
            if len(rows) == before:
                return
            few = rows[before:]
            cells += sum(map(len, few))
            signs += sum(map(len, chain.from_iterable(few)))
            before = len(rows)

    def _block(self, rows: list[Row]) -> Block:
        first, read = self.line, len(rows)
        if min(map(len, rows)) < len(self.header):
            self._fill_up(rows)
        self.read += read
        lines: Sequence[int] = range(first, first + read)
        self.line += read
        text = "".join(chain.from_iterable(rows))
        has_tall = is_tall(text)
        if has_tall:
            *lines, self.line = accumulate(map(height, rows), initial=first)
        if "\0" in text:
            nul = next(n for row, n in zip(rows, lines, strict=True) if "\0" in "".join(row))
            raise FileError.of(Code.LINE_WITH_NUL, line=nul)
        if not all(map(str.strip, map("".join, rows))):
            is_filled = [not is_blank(row) for row in rows]
            rows, lines = list(compress(rows, is_filled)), list(compress(lines, is_filled))
        width = len(self.header)
        if any(len(row) > width for row in rows):
            for row in rows:
                if is_blank(row[width:]):
                    del row[width:]
        return Block(rows, lines, read, self.delimiter, has_tall and bool(self.delimiter))

    def _fill_up(self, rows: list[Row]) -> None:
        """Add the empty cells that Excel left out. A single row with too few stays as it is."""
        width = len(self.header)
        for start in range(-(self.read % EXCEL_ROWS), len(rows), EXCEL_ROWS):
            some = rows[max(start, 0) : start + EXCEL_ROWS]
            cells, *others = set(map(len, some))
            if not others and 1 < cells < width and self.read + start > self.place:
                for row in some:
                    row += [""] * (width - cells)
                self.filled += len(some)


@contextmanager
def open_table(path: Path, encoding: str, on_chunk: OnChunk = lambda: None) -> Iterator[Table]:
    """The table in a file of known encoding. Raises FileError, also without a header, and what
    `read_apart()` raises. `on_chunk` is called as the file is read, even if no rows come of it."""
    if encoding == "xlsx":
        with read_apart(path, MAX_COLUMNS, on_chunk) as (notes, rows):
            first = list(islice(rows, LOOK_AHEAD))
            table = table_of(chain(first, rows), header_place(first)[1])
            # The same list, because some notes come after all rows.
            notes[:0] = table.notes
            table.notes = notes
            width = len(table.header)
            table.rows = (row + [""] * (width - len(row)) for row in table.rows)
            yield table
    else:
        with path.open(encoding=encoding, newline="") as text:
            line, delimiter, place = begin(text)
            table = table_of(rows_of(text, delimiter, line, on_chunk), place, line)
            table.delimiter = delimiter
            yield table


def rows_of(text: TextIO, delimiter: str, line: int, on_chunk: OnChunk) -> Iterator[Row]:
    """Rows as the csv module gives them, with limits that hold before they take memory: an endless
    line, a quotation mark that makes one row of a whole file, a row of a million cells. `line` is
    the line at which the text stands. Raises FileError and csv.Error."""
    read = unsaid = 0
    written = ""
    read_line = text.readline

    def lines() -> Iterator[str]:
        nonlocal unsaid, written
        while found := read_line(MOST_ROW + 1):
            unsaid += len(found)
            written += found
            if len(written) > MOST_ROW:
                raise FileError.of(Code.LINE_TOO_LONG, line=line + read, most=MOST_ROW >> 10)
            if unsaid > CHUNK_SIGNS:
                unsaid = 0
                on_chunk()
            yield found

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    for cells in reader:
        if len(cells) > MOST_CELLS:
            raise FileError.of(Code.TOO_MANY_COLUMNS, number=f"{len(cells):,}", most=MOST_CELLS)
        if delimiter == "," and '"' in written:
            cells = QuotedRow(cells)
            cells.written = written
        read, written = reader.line_num, ""
        yield cells


def begin(text: TextIO) -> tuple[int, str, int]:
    """Skip byte order marks and a line `sep=;`. Returns the line where the rows begin, the
    delimiter, and the number of rows above the header, which is the row with most known titles."""
    start = text.read(LOOK_AHEAD_SIGNS)
    rows = start.lstrip("\ufeff")
    text.seek(0)
    text.read(len(start) - len(rows))
    line, said = 1, ","
    if sep_line := SEP_LINE.match(rows):
        text.readline()
        line, said, rows = 2, sep_line.group(1), rows[sep_line.end() :]
    found = []
    for sign in dict.fromkeys(DELIMITERS + said):
        reader = csv.reader(io.StringIO(rows, newline=""), delimiter=sign)
        first = list(islice(reader, LOOK_AHEAD))
        known, place = header_place(first)
        width = len(first[place]) if known else max(map(len, first), default=0)
        is_said = sign == said
        found.append(((known, is_said and line > 1, width, is_said), sign, place))
    _score, delimiter, place = max(found)
    return line, delimiter, place


def header_place(rows: Sequence[Row]) -> tuple[int, int]:
    """How many titles of the likeliest header are known, and how many rows are above it. A row
    above a header has fewer cells; otherwise these are data without a header."""
    first_filled = next((place for place, row in enumerate(rows) if not is_blank(row)), 0)
    best, widest = (0, -first_filled), 0
    for place, row in enumerate(rows):
        if row and row[0].lstrip().startswith("#") and not is_known(row[0]):
            continue  # a remark of a program
        filled = sum(bool(cell.strip()) for cell in row)
        if filled > widest:
            best = max(best, (sum(map(is_known, row)), -place))
            widest = filled
    return best[0], -best[1]


def is_blank(row: Row) -> bool:
    return not "".join(row).strip()


def table_of(rows: Iterator[Row], header_place: int, line: int = 1) -> Table:
    """Raises FileError if there is no header."""
    above: list[str] = []
    try:
        for place, row in enumerate(rows):
            after = line + height(row)
            if is_blank(row):
                pass
            elif place < header_place:
                above.append(" ".join(filter(None, map(str.strip, row))))
            else:
                header = list(row)
                while not header[-1].strip():
                    header.pop()
                if len(header) > MAX_COLUMNS:
                    raise FileError.of(
                        Code.TOO_MANY_COLUMNS, number=f"{len(header):,}", most=MAX_COLUMNS
                    )
                table = Table(header, rows, after, place=place)
                if above:
                    text = " / ".join(above)[:NOTE_LENGTH]
                    table.notes.append(Reason.of(Code.ROWS_ABOVE_HEADER, text=text))
                return table
            line = after
    except csv.Error as error:
        raise FileError(csv_reason(error, line)) from None
    raise FileError.of(Code.FILE_OF_EMPTY_LINES)


def is_tall(text: str) -> bool:
    return "\n" in text or "\r" in text


def height(row: Row) -> int:
    """How many lines of the file a row takes."""
    text = "".join(row)
    return 1 + len(LINE_END.findall(text)) if is_tall(text) else 1


def csv_reason(error: csv.Error, line: int) -> Reason:
    """The csv module's own words are not for clerks."""
    text = str(error)
    if "field larger" in text or "unexpected end" in text:
        return Reason.of(Code.QUOTATION_MARK_NOT_CLOSED, line=line)
    return Reason.of(Code.QUOTATION_MARK_MISPLACED, line=line, error=text)
