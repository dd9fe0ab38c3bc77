"""From a file to a job: the only way in, for the desk and for commands."""

import secrets
from collections.abc import Iterator
from pathlib import PurePath

from django.utils.translation import get_language

from core.importing import store
from core.models import ImportJob, User


def new_job(
    kind: ImportJob.Kind,
    file_name: str,
    chunks: Iterator[bytes],
    *,
    creator: User | None,
    update: bool = False,
    encoding: str = "",
) -> ImportJob:
    """Keep the file under a name of its own; the job's run checks it first. `encoding` is what a
    person named."""
    folder = secrets.token_hex(16)
    size = store.save_upload(folder, chunks)
    return ImportJob.objects.create(
        kind=kind,
        update=update,
        file_name=PurePath(file_name).name[-200:],
        folder=folder,
        size=size,
        creator=creator,
        chosen_encoding=encoding,
        language=get_language() or "",
    )
