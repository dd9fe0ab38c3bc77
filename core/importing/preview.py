"""The first rows of a file, and which of its columns is which, for somebody to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.importing import store
from core.importing.columns import layout_of, plain
from core.importing.detection import FileError
from core.importing.jobs import IMPORTERS
from core.importing.rows import Row, open_table
from core.models import ImportJob

ROWS = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """`columns`: each title as it is written, and the name of the field it fills: "" where that is
    the title, or a remark of ours; None where the column is left out."""

    columns: Sequence[tuple[str, str | None]]
    rows: Sequence[Row]


def preview(job: ImportJob) -> Preview | None:
    """None when the file is gone or cannot be read."""
    importer = IMPORTERS[ImportJob.Kind(job.kind)]
    try:
        with open_table(store.path_of(job, store.UPLOAD), job.encoding) as table:
            layout = layout_of(table.header, importer.required, importer.optional)
            names = {index: name for name, index in layout.places.items()}
            names |= dict.fromkeys(layout.remarks, "")
            fields = [(title, names.get(index)) for index, title in enumerate(table.header)]
            columns = [(title, "" if plain(title) == name else name) for title, name in fields]
            first = next(table.blocks(size=ROWS), None)
            return Preview(columns, first.rows if first else [])
    except (FileError, OSError):
        return None
