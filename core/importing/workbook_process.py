"""A workbook is read in a process of its own with limited memory: a surprise costs that process and
not the consumer with the orders it delivers.

The process writes lines of JSON: notes on the workbook, rows, a few at a time, further notes, and
how it ended. An empty line means that it is still reading. A cell is a text, or for a `Number` a
list: as shown, and the exact value if that is rounded.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings

from core.importing.columns import KNOWN, plain
from core.importing.detection import FileError, check_workbook
from core.importing.number_formats import Number, RoundedNumber
from core.importing.parts import DAMAGED, OnChunk
from core.importing.workbooks import Book, Sheet, book_of, sheet_rows
from core.reasons import Code, Reason

NOTE_LENGTH = 200
LOOK_AHEAD = 20  # rows of a sheet
MOST_SHEETS = 50
FEW = 50  # rows; none has more than MOST_ROW signs


class ReaderDiedError(Exception):
    """The process ended without saying how."""


@contextmanager
def read_apart(
    path: Path, most_columns: int, on_chunk: OnChunk
) -> Iterator[tuple[list[Reason], Iterator[list[str]]]]:
    """The notes on a workbook, and its rows as `sheet_rows()` gives them. Raises FileError;
    ReaderDiedError if somebody ended the process."""
    limits = (most_columns, settings.IMPORT_MAX_XLSX_BYTES, settings.IMPORT_MAX_MEMORY_BYTES)
    # A session of its own: Ctrl+C in a terminal is for the consumer alone.
    with subprocess.Popen(  # noqa: S603
        (sys.executable, "-m", __name__, str(path.absolute()), *map(str, limits)),
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            said = messages(process, on_chunk)
            notes = [Reason(**note) for note in next(said)]
            yield notes, rows_of(said, notes)
        finally:
            process.kill()


def rows_of(said: Iterator[Any], notes: list[Reason]) -> Iterator[list[str]]:
    """Notes that follow the rows are added to `notes`."""
    for some in said:
        if some and isinstance(some[0], dict):
            notes += [Reason(**note) for note in some]
        else:
            for row in some:
                yield [cell if isinstance(cell, str) else number_of(*cell) for cell in row]


def messages(process: subprocess.Popen[bytes], on_chunk: OnChunk) -> Iterator[Any]:
    """All but the last, which says how it ended."""
    assert process.stdout
    for line in process.stdout:
        on_chunk()
        if not line.endswith(b"\n"):
            break
        if not line.strip():
            continue
        message = json.loads(line)
        if not isinstance(message, dict):
            yield message
        elif message:
            raise FileError(Reason(**message))
        else:
            return
    raise ReaderDiedError(f"the reader of a workbook ended with {process.wait()}")


def main(path: str, most_columns: str, most_unpacked: str, most_memory: str) -> None:
    # The consumer decides when this ends.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    limit_memory(int(most_memory))
    end = Reason.of(Code.WORKBOOK_TAKES_TOO_MUCH_MEMORY, most=int(most_memory) >> 20).as_json()
    try:
        end = read(Path(path), int(most_columns), int(most_unpacked))
    except MemoryError:
        pass  # said below, when the memory is free again
    except BrokenPipeError:
        # The consumer is gone: nobody is left to tell.
        os._exit(1)
    say(end)


def read(path: Path, most_columns: int, most_unpacked: int) -> dict[str, Any]:
    """Print notes and rows. Returns why it cannot be read, or {}."""
    try:
        check_workbook(path, most_unpacked)
        with zipfile.ZipFile(path) as archive:
            book = book_of(archive, path.stat().st_size, still_reading)
            sheet = sheet_to_read(book, most_columns)
            say([note.as_json() for note in notes_on(book, sheet)])
            later: list[Reason] = []
            rows = sheet_rows(book, sheet, most_columns, later)
            while few := list(islice(rows, FEW)):
                say(list(map(as_said, few)))
            say([note.as_json() for note in later])
    except BrokenPipeError:
        raise
    except FileError as error:
        return error.reason.as_json()
    except DAMAGED:
        return Reason.of(Code.WORKBOOK_DAMAGED).as_json()
    return {}


def sheet_to_read(book: Book, most_columns: int) -> Sheet:
    """The first visible sheet with the title of our tables' first column: instructions or a
    program's remarks may come before. Else the first visible sheet with a filled row near its top,
    else the first. Raises FileError if there is none."""
    shown = [sheet for sheet in book.sheets if not sheet.is_hidden]
    if not shown:
        raise FileError.of(Code.WORKBOOK_WITHOUT_SHEET)
    filled: list[Sheet] = []
    if len(shown) > 1:
        for sheet in shown[:MOST_SHEETS]:
            first = list(islice(sheet_rows(book, sheet, most_columns), LOOK_AHEAD))
            if any(map(names_customers, first)):
                return sheet
            if any(first):
                filled.append(sheet)
    return [*filled, *shown][0]


def names_customers(row: Sequence[str]) -> bool:
    """Whether it may be a header, even one whose other titles are wrong."""
    return any(KNOWN.get(plain(cell)) == "username" for cell in row)


def notes_on(book: Book, read: Sheet) -> list[Reason]:
    others = [sheet.name for sheet in book.sheets if sheet is not read]
    if not others:
        return []
    return [Reason.of(Code.SHEET_READ, sheet=read.name, others=", ".join(others)[:NOTE_LENGTH])]


def limit_memory(most: int) -> None:
    """Limit the address space: beyond it there is a MemoryError."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def as_said(row: Sequence[str]) -> list[str | list[str]]:
    return [cell if type(cell) is str else [cell, getattr(cell, "exact", "")] for cell in row]


def number_of(shown: str, exact: str) -> Number:
    return RoundedNumber(shown, exact) if exact else Number(shown)


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")


def still_reading() -> None:
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
