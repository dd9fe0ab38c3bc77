"""A job's run: claim it, check its file or import it, and leave it where the next run can go on.

Checking writes only the job's own report. An import is one transaction for all rows, or one for
each block together with the job's `done`, where the next run goes on after a crash. The database
may have changed since the check, so each block is checked again before it is written.
"""

import csv
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import override

from core.db import tables
from core.db.outages import is_out_of_room
from core.importing import signs, store
from core.importing.batch import Understood
from core.importing.columns import KNOWN, layout_of
from core.importing.customers import CustomerRows
from core.importing.decimal_signs import DecimalSigns
from core.importing.detection import FileError, detect_file, digest_of
from core.importing.duplicates import DuplicateFinder
from core.importing.notes import (
    REPEATS_SHOWN,
    note_on_encoding,
    note_on_repeats,
    note_on_some,
    notes_on_cells,
)
from core.importing.orders import OrderRows
from core.importing.preview import write_preview
from core.importing.row_importer import RowImporter
from core.importing.rows import Block, Row, Table, open_table
from core.importing.similar_names import SimilarNames, skeletons
from core.importing.top_ups import TopUpRows
from core.importing.totals import LastRow
from core.importing.undoing import run as undoing
from core.models import LeaseLostError, PricePolicy
from core.models.failpoints import failpoint
from core.models.imports import ImportJob
from core.permissions import Right, may
from core.reasons import Code, Reason, ReasonOrText, reason_columns

logger = logging.getLogger(__name__)

IMPORTERS: Mapping[int, type[RowImporter]] = {
    ImportJob.Kind.CUSTOMERS: CustomerRows,
    ImportJob.Kind.CHARGES: TopUpRows,
    ImportJob.Kind.ORDERS: OrderRows,
}
# A file that has them is in the encoding in which they read so.
FOREIGN_TITLES = frozenset(title for title in KNOWN if not title.isascii())
TRIES = 3
MOST_ALIKE = 10_000
PROGRESS_SECONDS = 0.2

OnProgress = Callable[[int, int], None]


class StoppedError(Exception):
    """The consumer was asked to stop, or a person canceled the job."""


def run(
    job_id: int,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda rows, total: None,
) -> None:
    """Do what is due for a job; nothing if another process has it. `on_progress` gets, now and
    then, rows done and rows in all."""
    job = ImportJob.claim(job_id)
    if job is None:
        return
    try:
        with override(job.language) if job.language else nullcontext():
            if job.status == ImportJob.Status.UNDOING:
                undoing.run(job)
            else:
                attempt(job, should_stop, on_progress)
    except LeaseLostError:
        logger.warning("import %s was taken over", job_id)


def attempt(job: ImportJob, should_stop: Callable[[], bool], on_progress: OnProgress) -> None:
    try:
        if reason := refusal(job):
            finish(job, ImportJob.Status.REFUSED, reason)
            return
        with store.workspace(job) as folder, closing(signs.ProgressWriter(job)) as progress:
            run = ImportRun(job, folder, progress, should_stop, on_progress)
            if job.status == ImportJob.Status.CHECKING:
                run.check()
            else:
                run.import_rows()
    except FileError as error:
        finish(job, ImportJob.Status.REFUSED, error.reason)
    except StoppedError:
        if signs.is_asked_to_stop(job):
            finish(job, ImportJob.Status.CANCELED)
        else:
            job.release()
    except (DatabaseError, LeaseLostError):
        raise
    except Exception as error:
        if is_out_of_room(error):
            text, cause = "import %s waits, this host has no room for it: %s", {"cause": "room"}
            logger.error(text, job.pk, error, extra=cause)
            job.release()
            return
        # A retry would end the same: tell a person at once; the log has the rest.
        logger.exception("import %s failed", job.pk)
        finish(job, ImportJob.Status.REFUSED, Reason.of(Code.OWN_ERROR))


def refusal(job: ImportJob) -> Reason | None:
    """Why nothing more may be done, or None. The creator can lose a right meanwhile."""
    if job.has_exhausted_attempts:
        return Reason.of(Code.FAILED_TOO_OFTEN)
    user = job.creator
    if user is not None and not may(user, right_to_import(job.kind, update=job.update)):
        return Reason.of(Code.RIGHT_LOST, who=str(user))
    return None


def have_prices_changed(job: ImportJob) -> bool:
    return job.kind == ImportJob.Kind.ORDERS and job.prices != PricePolicy.digest()


def right_to_import(kind: int, *, update: bool = False) -> Right:
    return Right.UPDATE_CUSTOMERS_BY_IMPORT if update else IMPORTERS[kind].right


def finish(job: ImportJob, status: ImportJob.Status, reason: ReasonOrText = "") -> None:
    job.release(status=status, end_date=Now(), **reason_columns(reason))
    store.remove_upload(job)


@dataclass
class ImportRun:
    """Reads the file of a job that this process holds, once or more; `folder` has the file."""

    job: ImportJob
    folder: Path
    progress: signs.ProgressWriter
    should_stop: Callable[[], bool]
    on_progress: OnProgress

    def __post_init__(self) -> None:
        self.upload = self.folder / store.UPLOAD
        self.started = self.reported = self.asked = time.monotonic()
        self.rows_at_start = self.job.done
        self.decimal_signs = DecimalSigns(self.job.decimal_sign)

    def check(self) -> None:
        """Check the whole file against the rules and the database; write the report of errors."""
        job = self.job
        found = detect_file(
            self.upload,
            max_bytes=settings.IMPORT_MAX_BYTES,
            chosen=job.chosen_encoding,
            familiar=FOREIGN_TITLES,
        )
        job.record(encoding=found.encoding, sha256=found.sha256, total=found.lines)
        duplicates = DuplicateFinder()
        counts, notes = self._check_pass({}, duplicates)
        repeated = duplicates.repeated_hashes()
        if self.decimal_signs.settle() or repeated:
            first_lines = self._first_lines(repeated) if repeated else {}
            counts, notes = self._check_pass(first_lines, None)
        (self.folder / store.DECIMAL_SIGN).write_text(self.decimal_signs.shown)
        if not counts["total"]:
            raise FileError.of(Code.FILE_WITHOUT_ROWS)
        if found.guess is not None and found.guess.words:
            notes = [note_on_encoding(found.guess), *notes]
        with transaction.atomic():
            job.record(repeats=bool(repeated), done=0, **counts)
            store.keep_report(job, self.folder)
            job.release(status=ImportJob.Status.CHECKED, notes=[note.as_json() for note in notes])

    def import_rows(self) -> None:
        """Import from where the last run stopped."""
        if digest_of(self.upload) != self.job.sha256:
            raise FileError.of(Code.FILE_CHANGED)
        self.decimal_signs.found = store.read(self.job, store.DECIMAL_SIGN).decode()
        first_lines: dict[str, int] = {}
        if self.job.repeats:
            duplicates = DuplicateFinder()
            for importer, rows, _lines in self._whole_rows():
                duplicates.add(importer.keys(rows))
            first_lines = self._first_lines(duplicates.repeated_hashes())
        with tables.roomy_cache():
            if self.job.partial:
                self._import_by_blocks(first_lines)
            else:
                with_retries(lambda: self._import_as_one(first_lines))
        store.remove_upload(self.job)

    def _check_pass(
        self, first_lines: Mapping[str, int], duplicates: DuplicateFinder | None
    ) -> tuple[dict[str, Any], list[Reason]]:
        """Counts, prices and what was understood; and the notes for somebody to look at."""
        counts: Counter[str] = Counter()
        total = 0
        understood: dict[str, Understood] = {}
        similar, repeats, examples, declined = SimilarNames(), list[int](), list[str](), list[str]()
        last = LastRow()
        with (
            store.csv_file(self.folder / store.ERRORS) as file,
            store.csv_file(self.folder / store.CHANGES) as changes_file,
            self._table() as (table, importer),
        ):
            errors, changes = csv.writer(file), csv.writer(changes_file)
            errors.writerow(("line", "column", "value", "reason"))
            for block in table.blocks():
                if not total:
                    write_preview(self.folder / store.PREVIEW, importer.layout, block.rows)
                if duplicates is not None:
                    duplicates.add(importer.keys(block.whole(len(table.header))[0]))
                plan = importer.plan(importer.read(block, self.decimal_signs), first_lines)
                for column, cells in plan.batch.understood.items():
                    understood.setdefault(column, Understood()).add(cells)
                changes.writerows(plan.shown_changes)
                if self.job.kind == ImportJob.Kind.CUSTOMERS:
                    values = plan.batch.values
                    similar.add(values["username"])
                    last.add(plan.batch.lines, values["username"], values.get("balance", ()))
                repeats += [line for line, _text in plan.repeats]
                examples += [text for _line, text in plan.repeats[: REPEATS_SHOWN - len(examples)]]
                declined += plan.declined
                counts.update(plan.counts)
                total += len(block.rows)
                if total > settings.IMPORT_MAX_ROWS:
                    raise FileError.of(Code.TOO_MANY_ROWS, most=f"{settings.IMPORT_MAX_ROWS:,}")
                errors.writerows(store.rows_of_errors(importer.layout, plan.batch.errors))
                self._report_progress(total)
                self.job.keep_lease()
            notes = [*table.notes, *notes_on_cells(understood, importer.layout)]
            notes += importer.notes + last.notes + similar.notes(self._alike_names)
            (self.folder / store.REPEATED).write_text(json.dumps(repeats))
            (self.folder / store.EXPLAINED).write_text(json.dumps([*importer.explained]))
            notes += note_on_repeats(self.job, len(repeats), examples)
            notes += note_on_some(Code.TOP_UPS_DECLINED, len(declined), declined)
        return {**counts, "total": total, "prices": importer.prices}, notes

    def _first_lines(self, repeated: frozenset[int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for importer, rows, lines in self._whole_rows():
            for key, line in zip(importer.keys(rows), lines, strict=True):
                if hash(key) in repeated:
                    found.setdefault(key, line)
        return found

    def _alike_names(self, repeated: frozenset[int]) -> list[list[str]]:
        """Names of the file that differ and share one of these hashes of their skeletons."""
        groups: dict[str, dict[str, None]] = {}
        for importer, rows, _lines in self._whole_rows():
            names = importer.names(rows)
            for key, name in zip(skeletons(names), names, strict=True):
                if name and hash(key) in repeated and len(groups) < MOST_ALIKE:
                    groups.setdefault(key, {})[name] = None
        return [list(group) for group in groups.values() if len(group) > 1]

    def _whole_rows(self) -> Iterator[tuple[RowImporter, list[Row], Sequence[int]]]:
        """Rows with as many cells as the header, and their lines, block by block."""
        with self._table() as (table, importer):
            for block in table.blocks():
                yield importer, *block.whole(len(table.header))

    def _import_as_one(self, first_lines: Mapping[str, int]) -> None:
        counts: Counter[str] = Counter()
        done = rows = 0
        with transaction.atomic(), self._table() as (table, importer):
            # The job's row is locked until commit: nobody takes the job over meanwhile.
            self.job.record()
            for block in table.blocks():
                plan = importer.plan(importer.read(block, self.decimal_signs), first_lines)
                if plan.batch.errors:
                    row = plan.batch.errors[0]
                    raise FileError.of(Code.LINE_BECAME_WRONG, line=row.line, reason=row.reason)
                importer.write(plan)
                counts.update(plan.counts)
                done += block.read
                rows += len(block.rows)
                failpoint("after-block")
                self._report_progress(done)
                if rows == self.job.total:
                    # A sheet may have borders down to its millionth row; others wait meanwhile.
                    break
            self.job.release(status=ImportJob.Status.DONE, end_date=Now(), done=done, **counts)

    def _import_by_blocks(self, first_lines: Mapping[str, int]) -> None:
        job = self.job
        with self._table() as (table, importer):
            for block in table.blocks(skip=job.done):
                self._report_progress(job.done)
                with_retries(partial(self._import_block, block, importer, first_lines))
                failpoint("after-block")
        job.release(status=ImportJob.Status.DONE, end_date=Now())

    def _import_block(
        self, block: Block, importer: RowImporter, first_lines: Mapping[str, int]
    ) -> None:
        """Write one block's rows, its refused rows and the job's progress in one transaction."""
        job = self.job
        with transaction.atomic():
            plan = importer.plan(importer.read(block, self.decimal_signs), first_lines)
            importer.write(plan)
            refused_bytes = store.append_refused(job, importer.layout, plan.batch.refused)
            counts = {name: getattr(job, name) + more for name, more in plan.counts.items()}
            failpoint("before-block")
            job.record(
                done=job.done + block.read, refused_bytes=refused_bytes, attempts=0, **counts
            )

    @contextmanager
    def _table(self) -> Iterator[tuple[Table, RowImporter]]:
        """Raises FileError if prices have changed since the check."""
        importer = IMPORTERS[self.job.kind]
        with open_table(self.upload, self.job.encoding, self._go_on_reading) as table:
            layout = layout_of(table.header, importer.required, importer.optional)
            made = importer(self.job, layout)
            if not made.checks and made.prices != self.job.prices:
                raise FileError.of(Code.PRICES_CHANGED)
            yield table, made

    def _report_progress(self, done: int) -> None:
        """Raises StoppedError if somebody asked to stop."""
        now = time.monotonic()
        self._stop_if_asked()
        if now < self.reported + PROGRESS_SECONDS:
            return
        self.reported = now
        total = max(done, self.job.total)
        self.progress.write(
            done=done, total=total, rows=done - self.rows_at_start, seconds=now - self.started
        )
        self.on_progress(done, total)

    def _go_on_reading(self) -> None:
        """Called as the file is read, even if no rows come of it. Keeps the lease. Raises
        StoppedError, and FileError if it takes too long."""
        self.job.keep_lease()
        now = time.monotonic()
        if now > self.asked + PROGRESS_SECONDS:
            self.asked = now
            self._stop_if_asked()
        if now > self.started + settings.IMPORT_MAX_MINUTES * 60:
            raise FileError.of(Code.FILE_TAKES_TOO_LONG, minutes=settings.IMPORT_MAX_MINUTES)

    def _stop_if_asked(self) -> None:
        if self.should_stop() or signs.is_asked_to_stop(self.job):
            raise StoppedError


def with_retries(step: Callable[[], None]) -> None:
    """Somebody else may create a name between our look and our write; the next try sees it."""
    for _attempt in range(TRIES - 1):
        try:
            return step()
        except IntegrityError:
            continue
    return step()
