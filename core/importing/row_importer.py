"""What all kinds of files share: their columns, and checking a block against the database."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from functools import partial
from typing import ClassVar

from django.db.models import Model
from django.utils.translation import gettext as _

from core.db import clock, tables
from core.importing import cells
from core.importing.batch import Batch, Plan
from core.importing.columns import AMOUNTS, Layout
from core.importing.decimal_signs import DecimalSigns
from core.importing.rows import Block, Row
from core.models import (
    ChargeRecord,
    Customer,
    FieldChange,
    ImportedRows,
    ImportJob,
    LedgerEntry,
    Order,
    WaitingTopUp,
)
from core.permissions import Right
from core.reasons import Reason

# Files without names of their own need a `request_key` on these rows.
MODELS: dict[ImportedRows.Kind, type[Model]] = {
    ImportedRows.Kind.CUSTOMERS: Customer,
    ImportedRows.Kind.FIELD_CHANGES: FieldChange,
    ImportedRows.Kind.TOP_UPS: ChargeRecord,
    ImportedRows.Kind.WAITING_TOP_UPS: WaitingTopUp,
    ImportedRows.Kind.ORDERS: Order,
}
# For the keys of rows that have no name of their own.
ROW_KEY_NAMESPACE = uuid.UUID("6f1d2f9e-6c1b-4a53-9c0e-2f2a3c0f7b11")


class RowImporter(ABC):
    """One pass over one file. `right`: to upload it; `books`: the kind of its ledger entries."""

    right: ClassVar[Right]
    books: ClassVar[LedgerEntry.Kind]
    # Whether it can change existing rows.
    updates: ClassVar[bool] = False
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    parsers: ClassVar[Mapping[str, cells.Parser]]

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        self.job = job
        self.layout = layout
        self.checks = job.status == ImportJob.Status.CHECKING
        # When a person confirmed it.
        self.asked = clock.now() if self.checks else job.start_date
        # By kind and id of earlier bookings, the line of the row that may be the same.
        self.explained: dict[tuple[ImportedRows.Kind, int], int] = {}

    @property
    def prices(self) -> str:
        """PricePolicy's digest of what its rows are charged by; "" if they cost nothing."""
        return ""

    @property
    def notes(self) -> list[Reason]:
        """What is said of all planned rows, once for the file."""
        return []

    def keys(self, rows: list[Row]) -> list[str]:
        """What a file may name only once, one key per row; [] if everything may repeat."""
        return []

    def names(self, rows: list[Row]) -> list[str]:
        names, _errors = cells.usernames([row[self.layout.places["username"]] for row in rows])
        return list(names)

    def read(self, block: Block, signs: DecimalSigns) -> Batch:
        """Cells as values: amounts by the file's decimal sign, starts by when a person began the
        import."""
        parsers = dict(self.parsers)
        for name in AMOUNTS & parsers.keys():
            parsers[name] = partial(parsers[name], signs=signs)
        if "start" in parsers:
            parsers["start"] = partial(parsers["start"], asked=self.asked)
        return Batch.read(block, self.layout, parsers)

    @abstractmethod
    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        """What this batch would do; rows that cannot be written fall out. `first_lines`: the first
        line of each key that the file repeats."""

    @abstractmethod
    def write(self, plan: Plan) -> None:
        """Write it in the caller's transaction."""

    def drop_repeated(self, batch: Batch, column: str, first_lines: Mapping[str, int]) -> None:
        if not first_lines:
            return
        reasons = {}
        for index, key in enumerate(self.keys(batch.rows)):
            first = first_lines.get(key)
            if first is not None and first != batch.lines[index]:
                reasons[index] = _("Already in this file, in line %(line)s.") % {"line": first}
        batch.refuse(column, reasons)

    def keys_and_written(
        self, batch: Batch, *kinds: ImportedRows.Kind
    ) -> tuple[list[uuid.UUID], set[uuid.UUID]]:
        """The key of each row, and the keys of rows that were written before. An undone row gets a
        new key, so it does not count."""
        # A row of the same file has the same key at each upload.
        sha256, lines = self.job.sha256, batch.lines
        keys = [uuid.uuid5(ROW_KEY_NAMESPACE, f"{sha256}:{line}") for line in lines]
        written = set[uuid.UUID]()
        asked: Collection[uuid.UUID] = keys
        while asked:
            undone: set[uuid.UUID] = set()
            for kind in kinds:
                found = tables.request_keys(MODELS[kind], asked)
                gone = ImportedRows.objects.undone_among(kind, found.values())
                undone |= {key for key, pk in found.items() if pk in gone}
                written |= {key for key, pk in found.items() if pk not in gone}
            again = {key: uuid.uuid5(ROW_KEY_NAMESPACE, key.hex) for key in undone - written}
            keys = [again.get(key, key) for key in keys]
            asked = again.values()
        return keys, written

    def keep_written(self, kind: ImportedRows.Kind, ids: Collection[int]) -> None:
        """Note written rows, so that they can be undone, in the transaction that wrote them."""
        ImportedRows.objects.keep(self.job, kind, ids)
