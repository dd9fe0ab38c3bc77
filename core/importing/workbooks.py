"""A sheet of an Excel workbook as rows of text, read as a stream (ECMA-376).

Values are as the sheet shows them: the kept results of formulas, numbers with the zeros of their
format, dates as 2026-11-22. Fonts and fills are not read, so nothing in them can be wrong.
core/importing/parts.py parses the parts within limits.
"""

import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from core.importing import parts
from core.importing.detection import MOST_RATIO, MOST_UNPACKED, FileError
from core.importing.number_formats import (
    FIRST_DAY,
    FIRST_DAY_OF_MACS,
    PLAIN,
    Shape,
    number_text,
    shape_of,
)
from core.reasons import Code, Reason

# Zips of other programs, by what only they hold.
OTHER_KINDS = (
    ("xl/workbook.bin", "Excel (.xlsb)"),
    ("Index/Document.iwa", "Numbers"),
    ("Index.zip", "Numbers"),
    ("word/document.xml", "Word (.docx)"),
    ("ppt/presentation.xml", "PowerPoint (.pptx)"),
)
# A formula that no spreadsheet has calculated yet; looks like a spreadsheet's own error.
UNCALCULATED = "#UNCALCULATED!"
ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
SURROGATES = range(0xD800, 0xE000)
# The format's own limits, and some far above any workbook of ours.
MOST_ROWS = 1_048_576
MOST_COLUMN_LETTERS = 3
MOST_CELLS = 1 << 14  # of a row
MOST_ROW = 1 << 20  # signs
MOST_FORMATS = 1 << 16
MOST_SHEETS = 10_000
# Memory for shared strings: a base, and more for each byte of the file.
MOST_STRINGS, STRINGS_PER_BYTE = 24 << 20, 16
SIZE_OF_ENTRY = 8
NOTHING: list[str] = []


@dataclass(slots=True)
class Sheet:
    name: str
    part: str
    is_hidden: bool


@dataclass(slots=True)
class Book:
    """What is known before the rows. `shapes`: by the number of a cell's style. `most_text`: signs
    that all cells may show together, since many can share a long one. `is_uncalculated`: formulas
    wait to be calculated when the book is opened."""

    archive: zipfile.ZipFile
    sheets: list[Sheet]
    strings: list[str]
    shapes: list[Shape]
    most_text: int
    first_day: datetime
    is_uncalculated: bool
    on_chunk: parts.OnChunk


def refuse_other_kinds(archive: zipfile.ZipFile) -> None:
    """Raises FileError that names the kind of another zip."""
    names = set(archive.namelist())
    kind = next((kind for name, kind in OTHER_KINDS if name in names), "")
    if not kind and "mimetype" in names:
        kind = "OpenDocument (.ods)"
    if not kind and not parts.name_in(archive, "[Content_Types].xml"):
        kind = "ZIP"
    if kind:
        raise FileError.of(Code.FILE_OF_OTHER_KIND, kind=kind)


def book_of(archive: zipfile.ZipFile, size: int, on_chunk: parts.OnChunk) -> Book:
    """`size`: of the file, in bytes."""
    refuse_other_kinds(archive)
    main = next(
        (
            target
            for kind, target in parts.relations(archive, "").values()
            if kind == "officeDocument"
        ),
        "xl/workbook.xml",
    )
    targets = parts.relations(archive, main)
    by_kind = dict(targets.values())
    sheets: list[Sheet] = []
    first_day, is_uncalculated = FIRST_DAY, False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal first_day, is_uncalculated
        if name == "sheet" and attributes.get("id") != "":  # a macro module has no part
            kind, part = targets[attributes["id"]]
            if kind == "worksheet":
                is_hidden = attributes.get("state", "visible") != "visible"
                if len(sheets) == MOST_SHEETS:
                    raise parts.bomb()
                sheets.append(Sheet(attributes.get("name", ""), part, is_hidden))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            first_day = FIRST_DAY_OF_MACS
        elif name == "calcPr":
            is_uncalculated = attributes.get("fullCalcOnLoad") in ("1", "true")

    parts.parse_part(archive, main, start, on_chunk=on_chunk)
    strings, styles = by_kind.get("sharedStrings", ""), by_kind.get("styles", "")
    return Book(
        archive,
        sheets,
        shared_strings(archive, strings, size, on_chunk) if parts.name_in(archive, strings) else [],
        shapes_of(archive, styles) if parts.name_in(archive, styles) else [],
        MOST_UNPACKED + MOST_RATIO * size,
        first_day,
        is_uncalculated,
        on_chunk,
    )


def shared_strings(
    archive: zipfile.ZipFile, part: str, size: int, on_chunk: parts.OnChunk
) -> list[str]:
    found: list[str] = []
    text = Text()
    left = MOST_STRINGS + STRINGS_PER_BYTE * size

    def end(name: str) -> None:
        nonlocal left
        text.end(name)
        if name == "si":
            found.append(taken := text.take())
            left -= sys.getsizeof(taken) + SIZE_OF_ENTRY
            if left < 0:
                raise parts.bomb()

    parts.parse_part(archive, part, text.start, end, text.data, most=None, on_chunk=on_chunk)
    return found


def shapes_of(archive: zipfile.ZipFile, part: str) -> list[Shape]:
    codes: dict[str, str] = {}
    found: list[Shape] = []
    is_of_cells = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal is_of_cells
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            is_of_cells = True
        elif name == "xf" and is_of_cells:
            number = attributes.get("numFmtId", "0")
            if len(found) == MOST_FORMATS:
                raise parts.bomb()
            found.append(shape_of(number, codes.get(number, "")))

    def end(name: str) -> None:
        nonlocal is_of_cells
        is_of_cells = is_of_cells and name != "cellXfs"

    parts.parse_part(archive, part, start, end)
    return found


def sheet_rows(
    book: Book, sheet: Sheet, most_columns: int, notes: list[Reason] | None = None
) -> Iterator[list[str]]:
    """Each row down to the last that is filled, without empty cells on the right. At most
    `most_columns` + 1 cells, so that a row that is too wide can be told. Adds to `notes`."""
    reader = SheetReader(book, most_columns)
    parser = parts.new_parser(reader.start, reader.end, reader.data)
    part = parts.name_in(book.archive, sheet.part)
    for _chunk in parts.parsed(book.archive, part, parser, book.on_chunk):
        yield from reader.rows
        reader.rows.clear()
    if reader.hidden and notes is not None:
        notes.append(Reason.of(Code.ROWS_HIDDEN, number=f"{reader.hidden:,}"))


class Text:
    """Collects the runs of a string, without the reading aid of Japanese names."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.is_open = False
        self.aids = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "rPh":
            self.aids += 1
        elif name == "t":
            self.is_open = not self.aids

    def end(self, name: str) -> None:
        if name == "rPh":
            self.aids -= 1
        elif name == "t":
            self.is_open = False

    def data(self, text: str) -> None:
        if self.is_open:
            self.pieces.append(text)
            self.length += len(text)
            if self.length > parts.MOST_CELL:
                raise parts.bomb()

    def take(self) -> str:
        text = "".join(self.pieces)
        self.pieces.clear()
        self.length = 0
        # The format writes signs that XML does not allow as `_x000D_`.
        return ESCAPED.sub(named, text) if "_x" in text else text


@dataclass(slots=True)
class SheetReader:
    """Rows out of a sheet's elements."""

    book: Book
    most_columns: int
    rows: list[list[str]] = field(default_factory=list)
    empty: int = 0  # rows since the last filled one
    row: list[str] = field(default_factory=list)
    number: int = 0  # of the last row
    column: int = 0  # of the next cell
    cells: int = 0  # of the row so far
    signs: int = 0  # of the row so far
    all_signs: int = 0
    cell: dict[str, str] = field(default_factory=dict)
    has_formula: bool = False
    has_value: bool = False
    is_hidden: bool = False  # the current row
    hidden: int = 0  # hidden rows that hold something
    value: Text = field(default_factory=Text)
    text: Text = field(default_factory=Text)  # in place of a value

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self.cell, self.has_formula, self.has_value = attributes, False, False
        elif name == "v":
            self.has_value = self.value.is_open = True
        elif name == "f":
            self.has_formula = True
        elif name == "row":
            # A file leaves out empty rows, but they count as lines.
            number = min(int(attributes.get("r", self.number + 1)), MOST_ROWS)
            missing = max(0, number - self.number - 1)
            self.empty += missing
            self.number += missing
            self.row, self.column, self.cells, self.signs = [], 0, 0, 0
            self.is_hidden = attributes.get("hidden", "0") in ("1", "true")
        else:
            self.text.start(name, attributes)

    def end(self, name: str) -> None:
        if name == "v":
            self.value.is_open = False
        elif name == "c":
            self.put(self.shown())
        elif name == "row":
            if self.row:
                self.rows += [NOTHING] * self.empty + [self.row]
            self.empty = 0 if self.row else self.empty + 1
            self.hidden += self.is_hidden and bool(self.row)
            self.number += 1
            if self.number > MOST_ROWS:
                raise FileError.of(Code.TOO_MANY_ROWS, most=f"{MOST_ROWS:,}")
        else:
            self.text.end(name)

    def data(self, text: str) -> None:
        (self.value if self.value.is_open else self.text).data(text)

    def put(self, text: str) -> None:
        """Cells without an address follow one another."""
        letters = self.cell.get("r", "").rstrip("0123456789")
        index = column_of(letters) if letters else self.column
        self.column = index + 1
        self.cells += 1
        if self.cells > MOST_CELLS:
            raise parts.bomb()
        if text:
            self.signs += len(text)
            self.all_signs += len(text)
            if self.signs > MOST_ROW or self.all_signs > self.book.most_text:
                raise parts.bomb()
            index = min(index, self.most_columns)
            self.row.extend([""] * (index + 1 - len(self.row)))
            self.row[index] = text

    def shown(self) -> str:
        kind = self.cell.get("t", "n")
        text = self.value.take()
        if kind == "inlineStr":
            return self.text.take()
        if not text:
            is_result = kind == "str" and self.has_value
            return UNCALCULATED if self.has_formula and not is_result else ""
        if kind == "s":
            return self.book.strings[int(text)]
        if kind == "n":
            if text == "0" and self.has_formula and self.book.is_uncalculated:
                return UNCALCULATED  # programs write 0 instead of a result
            style, shapes = int(self.cell.get("s", 0)), self.book.shapes
            shape = shapes[style] if style < len(shapes) else PLAIN
            return number_text(text, shape, self.book.first_day)
        if kind == "b":
            # A ticked cell must not become an amount of 1.
            return "FALSE" if text == "0" else "TRUE"
        return text.replace("T", " ").removesuffix(" 00:00:00") if kind == "d" else text


@lru_cache(1024)
def column_of(letters: str) -> int:
    index = 0
    if len(letters) > MOST_COLUMN_LETTERS:
        raise ValueError(f"no column has {len(letters)} letters")
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def named(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    return found.group() if code in SURROGATES else chr(code)
