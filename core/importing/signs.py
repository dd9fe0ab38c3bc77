"""A job's progress, and the wish to stop it: signs outside the one transaction that writes all
rows, because nobody sees the job's row change before its commit.

They are parts of the job's files. PostgreSQL writes them over another connection. SQLite has only
one writer: there they are files as well, since such an office has one host.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from core.db.beside import BesideConnection
from core.db.outages import DATABASE_ERRORS
from core.importing.store import PROGRESS, SIGNS, STOP, sign_path
from core.models.imports import FilePart, ImportJob

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Signs:
    """`progress`: figures of the running pass; {} before there are any."""

    progress: dict[str, Any] = field(default_factory=dict)
    is_asked_to_stop: bool = False


def signs_of(jobs: Iterable[ImportJob]) -> dict[int, Signs]:
    by_folder = {job.folder: job for job in jobs}
    rows = FilePart.objects.filter(folder__in=by_folder, name__in=SIGNS)
    parts = list(rows.values_list("folder", "name", "data"))
    if connection.vendor == "sqlite":
        for folder, job in by_folder.items():
            for name in SIGNS:
                if (path := sign_path(job, name)).exists():
                    parts.append((folder, name, path.read_bytes()))
    found = {job.pk: Signs() for job in by_folder.values()}
    for folder, name, data in parts:
        signs = found[by_folder[folder].pk]
        if name == STOP:
            signs.is_asked_to_stop = True
        elif data:
            signs.progress = json.loads(bytes(data))
    return found


def ask_to_stop(job: ImportJob) -> None:
    """Called before anything that waits for a lock."""
    if connection.vendor == "sqlite":
        sign_path(job, STOP).touch()
    FilePart.objects.get_or_create(folder=job.folder, name=STOP, start=0, defaults={"data": b""})


def is_asked_to_stop(job: ImportJob) -> bool:
    if connection.vendor == "sqlite" and sign_path(job, STOP).exists():
        return True
    return FilePart.objects.filter(folder=job.folder, name=STOP).exists()


class ProgressWriter:
    """For one run; close it at the end."""

    def __init__(self, job: ImportJob) -> None:
        self.job = job
        self.beside = BesideConnection()

    def write(self, **figures: Any) -> None:
        """Replace the last figures. If no other connection is free, nobody sees them, and the
        import goes on."""
        text = json.dumps(figures)
        if connection.in_atomic_block and connection.vendor == "sqlite":
            path = sign_path(self.job, PROGRESS)
            new = path.with_suffix(".new")
            new.write_text(text)
            new.replace(path)
            return
        key = {"folder": self.job.folder, "name": PROGRESS, "start": 0}
        try:
            self.beside.put(FilePart._meta.db_table, key, {"data": text.encode()})
        except DATABASE_ERRORS as error:
            if not connection.in_atomic_block:
                raise
            logger.warning("the progress of import %s is not shown: %s", self.job.pk, error)
            self.beside.close()

    def close(self) -> None:
        self.beside.close()
