"""Rows of a text as the csv module has them, with limits that hold before it takes memory: a line
without an end, a quotation mark that makes one row of a whole file, a row of a million cells.
"""

import csv
from collections.abc import Iterator
from typing import TextIO

from core.importing.detection import FileError
from core.importing.parts import OnChunk
from core.reasons import Code, Reason

# Signs of a row, with all lines it goes over: a memo is 2,000 of them.
MOST_ROW = 1 << 18
# A spreadsheet has 16,384 columns, and writes those that once held something as empty ones.
MOST_CELLS = 1 << 14
# How often `on_chunk` is called.
CHUNK_SIGNS = 1 << 20


def rows_of(text: TextIO, delimiter: str, line: int, on_chunk: OnChunk) -> Iterator[list[str]]:
    """From where the text is, which is this line. Raises FileError and csv.Error."""
    row = read = unsaid = 0
    read_line = text.readline

    def lines() -> Iterator[str]:
        nonlocal row, read, unsaid
        while found := read_line(MOST_ROW + 1):
            row += len(found)
            unsaid += len(found)
            if row > MOST_ROW:
                raise too_long(line + read)
            if unsaid > CHUNK_SIGNS:
                unsaid = 0
                on_chunk()
            yield found

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    for cells in reader:
        if len(cells) > MOST_CELLS:
            raise FileError(
                Reason.of(Code.TOO_MANY_COLUMNS, number=f"{len(cells):,}", most=MOST_CELLS)
            )
        row, read = 0, reader.line_num
        yield cells


def too_long(line: int) -> FileError:
    return FileError(Reason.of(Code.LINE_TOO_LONG, line=line, most=MOST_ROW >> 10))
