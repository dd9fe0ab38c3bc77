"""The private folder of each job: the upload, what was refused, and flag files kept outside the
database.

While all rows are written in one transaction nobody sees the job's row move, and SQLite lets
nobody write to it; progress and the wish to stop are small files here. Web and consumers share
DATA_DIR.
"""

import csv
import io
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO

from django.conf import settings

from core.db.formulas import escape_formula
from core.importing.columns import REMARKS, Layout
from core.models.imports import ImportJob

UPLOAD, ERRORS, REFUSED = "upload", "errors.csv", "refused.csv"
PROGRESS, STOP = "progress.json", "stop"
# Refused rows are kept for so long to be mended; uploads nobody came back for as well.
KEEP_SECONDS = 7 * 24 * 3600


def folder() -> Path:
    path: Path = settings.DATA_DIR / "imports"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def new_folder() -> str:
    """Make a folder that nobody can guess. Returns its name, for ImportJob.folder."""
    name = secrets.token_hex(16)
    (folder() / name).mkdir(mode=0o700)
    return name


def path_of(job: ImportJob, name: str) -> Path:
    return folder() / job.folder / name


def save_upload(name: str, chunks: Iterator[bytes]) -> int:
    """Write an upload into a new folder. Returns its size in bytes."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(folder() / name / UPLOAD, flags, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        return file.tell()


def remove_upload(job: ImportJob) -> None:
    for name in (UPLOAD, PROGRESS, STOP):
        path_of(job, name).unlink(missing_ok=True)


def remove_old() -> None:
    """Folders that nobody has touched for a week."""
    oldest = time.time() - KEEP_SECONDS
    for path in folder().iterdir():
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def refused_file(job: ImportJob) -> Iterator[BinaryIO]:
    """The CSV of refused rows, to be written at any place: a run that goes on cuts off what was
    not committed."""
    path = path_of(job, REFUSED)
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        yield file


def write_refused(
    file: BinaryIO, layout: Layout, refused: Iterable[tuple[int, Sequence[str], str]]
) -> None:
    """Append rows, the header before the first. The line and what is wrong come first: there
    no row with a cell too few or too many can push them into another column."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    rows = list(refused)
    if rows and file.tell() == 0:
        text.write("\ufeff")
        writer.writerow((*REMARKS, *map(escape_formula, layout.own(layout.header))))
    for line, row, reason in rows:
        writer.writerow((line, reason, *map(escape_formula, layout.own(row))))
    file.write(text.getvalue().encode())
    file.flush()


def first_errors(job: ImportJob, number: int) -> list[list[str]]:
    """Line, column, value and reason of the first errors that the check found."""
    if not path_of(job, ERRORS).exists():
        return []
    with errors_file(job, "r") as file:
        return list(islice(csv.reader(file), 1, number + 1))


def errors_file(job: ImportJob, mode: str) -> IO[str]:
    return path_of(job, ERRORS).open(mode, encoding="utf-8-sig", newline="")


def write_progress(job: ImportJob, **figures: Any) -> None:
    """Replace the last figures whole, so that a reader never sees half of them."""
    path = path_of(job, PROGRESS)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(figures))
    new.replace(path)


def read_progress(job: ImportJob) -> dict[str, Any]:
    """The running pass's figures. Returns {} before there are any."""
    try:
        found: dict[str, Any] = json.loads(path_of(job, PROGRESS).read_text())
    except FileNotFoundError:
        return {}
    return found


def ask_to_stop(job: ImportJob) -> None:
    path_of(job, STOP).touch()


def is_asked_to_stop(job: ImportJob) -> bool:
    return path_of(job, STOP).exists()
