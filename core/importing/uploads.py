"""From a file to a job: the one way in for the desk and for commands."""

from collections.abc import Iterator
from pathlib import PurePath

from core.importing import store
from core.models import ImportJob, User


def new_job(
    kind: ImportJob.Kind,
    file_name: str,
    chunks: Iterator[bytes],
    *,
    creator: User | None,
    update: bool = False,
) -> ImportJob:
    """Keep the file in a folder of the job's own; whoever runs the job checks it first."""
    folder = store.new_folder()
    size = store.save_upload(folder, chunks)
    return ImportJob.objects.create(
        kind=kind,
        update=update,
        file_name=PurePath(file_name).name[-200:],
        folder=folder,
        size=size,
        creator=creator,
    )
