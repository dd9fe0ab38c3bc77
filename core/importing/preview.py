"""The first rows of a file and the field of each column, for somebody to look at. The check keeps
them: a page never opens an upload."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.importing import store
from core.importing.columns import Layout, plain
from core.importing.rows import Row
from core.models import ImportJob

ROWS = 5
CELL_LENGTH = 200


def write_preview(path: Path, layout: Layout, rows: Sequence[Row]) -> None:
    """`columns`: each title as written with the field it fills: "" if that is the title itself or a
    remark of ours, None if the column is skipped."""
    names = {index: name for name, index in layout.places.items()}
    names |= dict.fromkeys(layout.remarks, "")
    columns = []
    for index, title in enumerate(layout.header):
        name = names.get(index)
        columns.append((title[:CELL_LENGTH], "" if plain(title) == name else name))
    first = [[cell[:CELL_LENGTH] for cell in row] for row in rows[:ROWS]]
    path.write_text(json.dumps({"columns": columns, "rows": first}))


def preview(job: ImportJob) -> dict[str, Any] | None:
    """None if the check kept none."""
    text = store.read(job, store.PREVIEW)
    return json.loads(text) if text else None
