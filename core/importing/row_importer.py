"""What every kind of file has in common: its columns, and a block against the database."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from django.utils.translation import gettext as _

from core.importing import cells
from core.importing.batch import Batch, Plan, RowError
from core.importing.columns import Layout
from core.importing.rows import Row
from core.models import ImportJob

# Of the keys that rows without a name of their own get.
ROW_KEY_NAMESPACE = uuid.UUID("6f1d2f9e-6c1b-4a53-9c0e-2f2a3c0f7b11")


class RowImporter(ABC):
    """One pass over one file."""

    # Whether it can also change what is there already.
    updates: ClassVar[bool] = False
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    parsers: ClassVar[Mapping[str, cells.Parser]]

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        self.job = job
        self.layout = layout
        # A check writes nothing and locks nothing.
        self.checks = job.status == ImportJob.Status.CHECKING

    def keys(self, rows: list[Row]) -> list[str]:
        """What a file may name only once, one per row. Returns [] where everything may repeat."""
        return []

    @abstractmethod
    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        """What this batch would do; rows that cannot be written fall out. `first_lines`: on which
        line each key that the file repeats appears first."""

    @abstractmethod
    def write(self, plan: Plan) -> None:
        """Do it, in the caller's transaction."""

    def drop_repeated(self, batch: Batch, column: str, first_lines: Mapping[str, int]) -> None:
        if not first_lines:
            return
        faults = {}
        for index, key in enumerate(self.keys(batch.rows)):
            line, first = batch.lines[index], first_lines.get(key)
            if first is not None and first != line:
                value = str(batch.values[column][index])
                reason = _("Already in this file, in line %(line)s.") % {"line": first}
                faults[index] = [RowError(line, column, value, reason)]
        batch.drop(faults)

    def row_keys(self, batch: Batch) -> list[uuid.UUID]:
        """The same row of the very same file has the same key, whenever it is uploaded."""
        return [uuid.uuid5(ROW_KEY_NAMESPACE, f"{self.job.sha256}:{line}") for line in batch.lines]
