"""The first rows of a file, and which of its columns is which, for somebody to look at. The check
keeps them: a page never opens what somebody uploaded."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.importing import store
from core.importing.columns import Layout, plain
from core.importing.rows import Row, Table
from core.models import ImportJob

ROWS = 5
CELL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """`columns`: each title as it is written, and the name of the field it fills: "" where that is
    the title, or a remark of ours; None where the column is left out."""

    columns: Sequence[tuple[str, str | None]]
    rows: Sequence[Row]


def write_preview(path: Path, table: Table, layout: Layout, rows: Sequence[Row]) -> None:
    names: dict[int, str] = {index: name for name, index in layout.places.items()}
    names |= dict.fromkeys(layout.remarks, "")
    fields = [(title, names.get(index)) for index, title in enumerate(table.header)]
    columns = [
        (title[:CELL_LENGTH], "" if plain(title) == name else name) for title, name in fields
    ]
    first = [[cell[:CELL_LENGTH] for cell in row] for row in rows[:ROWS]]
    path.write_text(json.dumps(asdict(Preview(columns, first))))


def preview(job: ImportJob) -> Preview | None:
    """None where the check kept none."""
    text = store.read(job, store.PREVIEW)
    return Preview(**json.loads(text)) if text else None
