"""A job's run: claim it, check its file or import it, and leave it where the next run goes on.

Checking writes nothing but the job's own report. Importing is either one transaction for all rows,
or one for each block together with the job's `done`; whoever claims the job after a crash goes on
there. The database may have changed since the check, so every block is checked again before it is
written.
"""

import csv
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from core.db import tables
from core.db.formulas import escape_formula
from core.importing import store
from core.importing.batch import Batch, Plan, RowError
from core.importing.columns import layout_of
from core.importing.customers import CustomerRows
from core.importing.detection import FileError, detect_file, digest_of
from core.importing.duplicates import DuplicateFinder
from core.importing.orders import OrderRows
from core.importing.row_importer import RowImporter
from core.importing.rows import Block, Row, Table, open_table
from core.importing.top_ups import TopUpRows
from core.models import LeaseLostError
from core.models.failpoints import failpoint
from core.models.imports import ImportJob
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

IMPORTERS: dict[ImportJob.Kind, type[RowImporter]] = {
    ImportJob.Kind.CUSTOMERS: CustomerRows,
    ImportJob.Kind.CHARGES: TopUpRows,
    ImportJob.Kind.ORDERS: OrderRows,
}
TRIES = 3
PROGRESS_SECONDS = 0.2
RENEWAL_SECONDS = 10

OnProgress = Callable[[int, int], None]


class StoppedError(Exception):
    """The consumer was asked to stop, or a person canceled the job."""


class RowsRefusedError(Exception):
    """All rows were asked for and some are not good."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error)
        self.error = error


def run(
    job_id: int,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda rows, total: None,
) -> None:
    """Do what is due for a job; nothing where another process has it. `on_progress` gets
    rows done and rows in all, now and then."""
    job = ImportJob.claim(job_id)
    if job is None:
        return
    try:
        attempt(ImportRun(job, should_stop, on_progress))
    except LeaseLostError:
        logger.warning("import %s was taken over", job_id)


def attempt(run: "ImportRun") -> None:
    job = run.job
    try:
        if job.has_exhausted_attempts:
            finish(job, ImportJob.Status.REFUSED, Reason.of(Code.FAILED_TOO_OFTEN))
        elif job.status == ImportJob.Status.CHECKING:
            run.check()
        else:
            run.import_rows()
    except FileError as error:
        finish(job, ImportJob.Status.REFUSED, error.reason)
    except RowsRefusedError as refused:
        row = refused.error
        reason = Reason.of(Code.LINE_BECAME_WRONG, line=row.line, reason=row.reason)
        finish(job, ImportJob.Status.REFUSED, reason)
    except StoppedError:
        if store.is_asked_to_stop(job):
            finish(job, ImportJob.Status.CANCELED)
        else:
            job.release()


def finish(job: ImportJob, status: ImportJob.Status, reason: ReasonOrText = "") -> None:
    job.release(status=status, end_date=Now(), **reason_columns(reason))
    store.remove_upload(job)


class ImportRun:
    """One pass or more over the file of a job that this process holds."""

    def __init__(
        self, job: ImportJob, should_stop: Callable[[], bool], on_progress: OnProgress
    ) -> None:
        self.job = job
        self.should_stop = should_stop
        self.on_progress = on_progress
        self.started = self.reported = self.renewed = time.monotonic()
        self.rows_at_start = job.done

    def check(self) -> None:
        """Hold the whole file against the rules and the database; write the report of errors."""
        job = self.job
        found = detect_file(
            store.path_of(job, store.UPLOAD),
            max_bytes=settings.IMPORT_MAX_BYTES,
            max_unpacked=settings.IMPORT_MAX_XLSX_BYTES,
        )
        job.record(encoding=found.encoding, sha256=found.sha256, total=found.lines)
        duplicates = DuplicateFinder()
        counts = self._check_pass({}, duplicates)
        if repeated := duplicates.repeated_hashes():
            counts = self._check_pass(self._first_lines(repeated), None)
        if not counts["total"]:
            raise FileError(Reason.of(Code.FILE_WITHOUT_ROWS))
        job.release(status=ImportJob.Status.CHECKED, repeats=bool(repeated), done=0, **counts)

    def import_rows(self) -> None:
        """Import, from where the last run got."""
        path = store.path_of(self.job, store.UPLOAD)
        if digest_of(path) != self.job.sha256:
            raise FileError(Reason.of(Code.FILE_CHANGED))
        first_lines: dict[str, int] = {}
        if self.job.repeats:
            duplicates = DuplicateFinder()
            with self._table() as (table, importer):
                for block in table.blocks():
                    duplicates.add(importer.keys(rows_of_header_width(block.rows, table)))
            first_lines = self._first_lines(duplicates.repeated_hashes())
        with tables.roomy_cache():
            if self.job.partial:
                self._import_by_blocks(first_lines)
            else:
                with_retries(lambda: self._import_as_one(first_lines))
        store.remove_upload(self.job)

    def _check_pass(
        self, first_lines: Mapping[str, int], duplicates: DuplicateFinder | None
    ) -> dict[str, Any]:
        counts, total = new_counts(), 0
        with (
            store.errors_file(self.job, "w") as file,
            self._table() as (table, importer),
        ):
            errors = csv.writer(file)
            errors.writerow(("line", "column", "value", "reason"))
            for block in table.blocks():
                if duplicates is not None:
                    duplicates.add(importer.keys(rows_of_header_width(block.rows, table)))
                plan = importer.plan(
                    Batch.read(block, importer.layout, importer.parsers), first_lines
                )
                counts, total = totals_with(counts, plan), total + len(block.rows)
                if total > settings.IMPORT_MAX_ROWS:
                    raise FileError(
                        Reason.of(Code.TOO_MANY_ROWS, most=f"{settings.IMPORT_MAX_ROWS:,}")
                    )
                errors.writerows(
                    (
                        error.line,
                        escape_formula(importer.layout.title(error.column)),
                        escape_formula(error.value),
                        error.reason,
                    )
                    for error in plan.batch.errors
                )
                self._report_progress(total)
                self._renew_lease()
        return {**counts, "total": total}

    def _first_lines(self, repeated: frozenset[int]) -> dict[str, int]:
        """The line on which each key of these hashes appears first."""
        found: dict[str, int] = {}
        with self._table() as (table, importer):
            for block in table.blocks():
                whole = [
                    (row, line)
                    for row, line in zip(block.rows, block.lines, strict=True)
                    if len(row) == len(table.header)
                ]
                keys = importer.keys([row for row, _line in whole])
                for key, (_row, line) in zip(keys, whole, strict=True):
                    if hash(key) in repeated:
                        found.setdefault(key, line)
        return found

    def _import_as_one(self, first_lines: Mapping[str, int]) -> None:
        counts, done = new_counts(), 0
        with transaction.atomic(), self._table() as (table, importer):
            # The job's row is ours until commit: nobody takes the job over meanwhile.
            self.job.record()
            for block in table.blocks():
                plan = importer.plan(
                    Batch.read(block, importer.layout, importer.parsers), first_lines
                )
                if plan.batch.errors:
                    raise RowsRefusedError(plan.batch.errors[0])
                importer.write(plan)
                counts, done = totals_with(counts, plan), done + block.read
                failpoint("after-block")
                self._report_progress(done)
            self.job.release(status=ImportJob.Status.DONE, end_date=Now(), done=done, **counts)

    def _import_by_blocks(self, first_lines: Mapping[str, int]) -> None:
        job = self.job
        with store.refused_file(job) as refused, self._table() as (table, importer):
            for block in table.blocks(skip=job.done):
                self._report_progress(job.done)
                with_retries(partial(self._import_block, block, importer, refused, first_lines))
                failpoint("after-block")
        job.release(status=ImportJob.Status.DONE, end_date=Now())

    def _import_block(
        self,
        block: Block,
        importer: RowImporter,
        refused: BinaryIO,
        first_lines: Mapping[str, int],
    ) -> None:
        """One block's rows and the step of the job, together or not at all."""
        job = self.job
        refused.seek(job.refused_bytes)
        refused.truncate()
        with transaction.atomic():
            plan = importer.plan(Batch.read(block, importer.layout, importer.parsers), first_lines)
            importer.write(plan)
            store.write_refused(refused, importer.layout, plan.batch.refused)
            counts = totals_with({name: getattr(job, name) for name in job.COUNTS}, plan)
            failpoint("before-block")
            job.record(
                done=job.done + block.read, refused_bytes=refused.tell(), attempts=0, **counts
            )

    @contextmanager
    def _table(self) -> Iterator[tuple[Table, RowImporter]]:
        importer = IMPORTERS[ImportJob.Kind(self.job.kind)]
        with open_table(store.path_of(self.job, store.UPLOAD), self.job.encoding) as table:
            layout = layout_of(table.header, importer.required, importer.optional)
            yield table, importer(self.job, layout)

    def _report_progress(self, done: int) -> None:
        """Say how far we are. Raises StoppedError where somebody asked to stop."""
        if self.should_stop() or store.is_asked_to_stop(self.job):
            raise StoppedError
        now = time.monotonic()
        if now < self.reported + PROGRESS_SECONDS:
            return
        self.reported = now
        total = max(done, self.job.total)
        store.write_progress(
            self.job,
            done=done,
            total=total,
            rows=done - self.rows_at_start,
            seconds=now - self.started,
        )
        self.on_progress(done, total)

    def _renew_lease(self) -> None:
        """Keep the lease while nothing else writes to the job."""
        now = time.monotonic()
        if now > self.renewed + RENEWAL_SECONDS:
            self.renewed = now
            self.job.record()


def with_retries(step: Callable[[], None]) -> None:
    """Somebody else may create a name between our look and our write; the next look sees it."""
    for _attempt in range(TRIES - 1):
        try:
            return step()
        except IntegrityError:
            continue
    return step()


def new_counts() -> dict[str, Any]:
    return {**dict.fromkeys(ImportJob.COUNTS, 0), "amount": Decimal(0)}


def totals_with(counts: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    return {
        "created": counts["created"] + plan.created,
        "updated": counts["updated"] + plan.updated,
        "unchanged": counts["unchanged"] + plan.unchanged,
        "rejected": counts["rejected"] + len(plan.batch.refused),
        "amount": counts["amount"] + plan.amount,
    }


def rows_of_header_width(rows: list[Row], table: Table) -> list[Row]:
    width = len(table.header)
    if set(map(len, rows)) <= {width}:
        return rows
    return [row for row in rows if len(row) == width]
