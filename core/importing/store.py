"""The files of each job: the upload, what the check found, the refused rows.

They are kept in parts in the database, so that web processes and consumers share no folder and no
host, and only one part is in memory. A run works on files in a temporary folder on its host.
"""

import csv
import io
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction

from core.db.formulas import escape_formula
from core.importing.batch import RowError
from core.importing.columns import AMOUNTS, REMARKS, Layout
from core.importing.detection import OLE, ZIP, chunks as chunks_of
from core.importing.number_formats import Number
from core.models.imports import FilePart, ImportJob

logger = logging.getLogger(__name__)

UPLOAD, ERRORS, REFUSED = "upload", "errors.csv", "refused.csv"
CHANGES = "changes.csv"
REPEATED, EXPLAINED = "repeated.json", "explained.json"
PREVIEW = "preview.json"
DECIMAL_SIGN = "decimal-sign"
PROGRESS, STOP = SIGNS = ("progress", "stop")
# The check leaves these for the person who confirms it.
REPORT = (ERRORS, CHANGES, REPEATED, EXPLAINED, PREVIEW, DECIMAL_SIGN)
PART_BYTES = 1 << 19
DAY = 24 * 3600


def folder() -> Path:
    """On this host, for the files of runs."""
    path: Path = settings.DATA_DIR / "imports"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def save_upload(name: str, chunks: Iterable[bytes]) -> int:
    """Keep an upload under the name of a future job. Returns its size in bytes."""
    return append(name, UPLOAD, chunks)


def append(folder: str, name: str, chunks: Iterable[bytes], start: int = 0) -> int:
    """Write a file in parts from byte `start`; an empty file is one empty part. Returns its end."""
    read_part = partial(io.BufferedReader(Chunks(chunks)).read, PART_BYTES)
    at = start
    for data in chain([read_part()], iter(read_part, b"")):
        FilePart.objects.create(folder=folder, name=name, start=at, data=data)
        at += len(data)
    return at


def parts(job: ImportJob, name: str) -> Iterator[bytes]:
    """A file's bytes; nothing if there is no file."""
    rows = FilePart.objects.filter(folder=job.folder, name=name)
    at = 0
    while data := bytes(rows.filter(start=at).values_list("data", flat=True).first() or b""):
        yield data
        at += len(data)


def read(job: ImportJob, name: str) -> bytes:
    return b"".join(parts(job, name))


def has(job: ImportJob, *names: str) -> bool:
    return FilePart.objects.filter(folder=job.folder, name__in=names).exists()


def remove(job: ImportJob, *names: str) -> None:
    FilePart.objects.filter(folder=job.folder, name__in=names).delete()


def remove_upload(job: ImportJob) -> None:
    """And everything else that is needed only until the job ends."""
    remove(job, UPLOAD, PREVIEW, *SIGNS)
    for name in SIGNS:
        sign_path(job, name).unlink(missing_ok=True)


def sign_path(job: ImportJob, name: str) -> Path:
    """A sign that is also a file: core/importing/signs.py."""
    return folder() / f"{job.folder}.{name}"


@contextmanager
def workspace(job: ImportJob) -> Iterator[Path]:
    """A private folder with the upload in it, or empty if the upload is gone."""
    with tempfile.TemporaryDirectory(prefix=f"{job.folder}-", dir=folder()) as name:
        path = Path(name)
        if has(job, UPLOAD):
            copy(job, UPLOAD, path / UPLOAD)
        yield path


def copy(job: ImportJob, name: str, path: Path) -> None:
    path.touch(mode=0o600)
    with path.open("wb") as file:
        file.writelines(parts(job, name))


def keep_report(job: ImportJob, path: Path) -> None:
    """Replace the report by what the check wrote into its folder, in the transaction that records
    the job: nobody else checks it meanwhile."""
    assert transaction.get_connection().in_atomic_block
    remove(job, *REPORT)
    for name in REPORT:
        with (path / name).open("rb") as file:
            append(job.folder, name, chunks_of(file))


def repeated_lines(job: ImportJob) -> list[int]:
    """Lines that may have been booked before."""
    return json.loads(read(job, REPEATED) or "[]")


def explained(job: ImportJob) -> list[tuple[int, int]]:
    """Kind and id of what had been booked for these lines."""
    return json.loads(read(job, EXPLAINED) or "[]")


def remove_old() -> None:
    """Remove what killed runs left on this host and nobody touched for JOB_FILE_DAYS. A file that
    cannot be looked at, or that another consumer removes meanwhile, waits for the next sweep."""
    oldest = time.time() - settings.JOB_FILE_DAYS * DAY
    try:
        for path in folder().iterdir():
            if path.stat().st_mtime >= oldest:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("old uploads were not looked for: %s", error)


def append_refused(
    job: ImportJob, layout: Layout, refused: Iterable[tuple[int, Sequence[str], str]]
) -> int:
    """Append to the file of refused rows, with the header first. Returns its size. Line and reason
    come first, so that a row with too few or too many cells cannot shift them."""
    rows = list(refused)
    if not rows:
        return job.refused_bytes
    amounts = {layout.places.get(name) for name in AMOUNTS}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if job.refused_bytes == 0:
        text.write("\ufeff")
        writer.writerow((*REMARKS, *map(escape_formula, layout.own(layout.header))))
    for line, row, reason in rows:
        cells = [surely(cell) if place in amounts else cell for place, cell in enumerate(row)]
        writer.writerow((line, reason, *map(escape_formula, layout.own(cells))))
    return append(job.folder, REFUSED, [text.getvalue().encode()], job.refused_bytes)


def surely(amount: str) -> str:
    """A workbook's point divides. As a text, 12.345 could be taken for twelve thousand because of
    others in its column; a 0 behind it prevents that."""
    return f"{amount}0" if isinstance(amount, Number) and amount[-4:-3] == "." else amount


def rows_of_errors(layout: Layout, errors: Iterable[RowError]) -> Iterator[tuple[object, ...]]:
    for error in errors:
        column = layout.title(error.column)
        yield error.line, escape_formula(column), escape_formula(error.value), error.reason


def first_errors(job: ImportJob, number: int, *, skip: int = 0) -> list[list[str]]:
    """Line, column, value and reason, in file order."""
    return list(islice(rows_of(job, ERRORS), skip + 1, skip + number + 1))


def first_changes(job: ImportJob, number: int) -> list[list[str]]:
    """Name, column, before and after."""
    return list(islice(rows_of(job, CHANGES), number))


def rows_of(job: ImportJob, name: str) -> Iterator[list[str]]:
    """Rows of a CSV of ours, read only as far as asked for."""
    file = io.BufferedReader(Chunks(parts(job, name)))
    return csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""))


def csv_file(path: Path) -> IO[str]:
    """With the mark by which spreadsheets know the encoding."""
    return path.open("w", encoding="utf-8-sig", newline="")


def is_text(job: ImportJob) -> bool:
    """Whether the upload is neither an archive nor an old Excel file; a file that is gone counts as
    text."""
    return next(parts(job, UPLOAD), b"")[:4] not in (ZIP, OLE)


class Chunks(io.RawIOBase):
    """Pieces of any length, read as one file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = filter(None, chunks)
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self.rest = self.rest or memoryview(next(self.chunks, b""))
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size
