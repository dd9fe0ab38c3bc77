"""Which sheet of a workbook is read: the first that is shown and has the title of our tables' first
column. Before it may stand instructions, or what a program says of its export."""

from collections.abc import Sequence
from itertools import islice

from core.importing.columns import KNOWN, plain
from core.importing.detection import FileError
from core.importing.workbooks import Book, Sheet, sheet_rows
from core.reasons import Code, Reason

NOTE_LENGTH = 200
LOOK_AHEAD = 20  # rows of a sheet
MOST_SHEETS = 50


def sheet_to_read(book: Book, most_columns: int) -> Sheet:
    """Where none has titles, the first that is shown. Raises FileError where there is none."""
    shown = [sheet for sheet in book.sheets if not sheet.is_hidden]
    if not shown:
        raise FileError(Reason.of(Code.WORKBOOK_WITHOUT_SHEET))
    if len(shown) > 1:
        for sheet in shown[:MOST_SHEETS]:
            if any(map(names_customers, islice(sheet_rows(book, sheet, most_columns), LOOK_AHEAD))):
                return sheet
    return shown[0]


def names_customers(row: Sequence[str]) -> bool:
    """Whether it may be a header. One whose other titles are wrong is not passed over."""
    return any(KNOWN.get(plain(cell)) == "username" for cell in row)


def notes_on(book: Book, read: Sheet) -> list[Reason]:
    others = [sheet.name for sheet in book.sheets if sheet is not read]
    if not others:
        return []
    return [Reason.of(Code.SHEET_READ, sheet=read.name, others=", ".join(others)[:NOTE_LENGTH])]
