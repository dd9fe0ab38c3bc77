"""manage.py import_customers FILE [--check] [--update] [--good-rows]: the desk's bulk upload."""

import sys
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from core.importing import jobs, store
from core.importing.uploads import new_job
from core.management.terminal import TerminalCommand
from core.models import ImportJob, User
from core.reasons import reason_of

SHOWN = 20


class Command(TerminalCommand):
    help = "Check a CSV or XLSX of customers as a whole, then import it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--check", action="store_true", help="check only, write nothing")
        parser.add_argument("--update", action="store_true", help="update customers by username")
        parser.add_argument(
            "--good-rows", action="store_true", help="import the good rows although others are bad"
        )
        parser.add_argument("--by", metavar="USERNAME", help="whose import it is")

    def handle(self, *args: Any, **options: Any) -> None:
        job = self.upload(options)
        self.run(job, "check")
        if job.status == ImportJob.Status.REFUSED:
            raise CommandError(str(reason_of(job)))
        self.report(job)
        if options["check"] or (job.rejected and not options["good_rows"]):
            job.cancel()
            store.remove_upload(job)
            if options["check"]:
                raise SystemExit(1 if job.rejected else 0)
            raise CommandError("Nothing was imported. --good-rows takes the others.")
        job.start_import(partial=options["good_rows"])
        self.run(job, "import")
        if job.status != ImportJob.Status.DONE:
            raise CommandError(str(reason_of(job)) or "The import did not end.")
        self.stdout.write(f"Imported: {job.created} created, {job.updated} updated.")
        if job.rejected:
            path = store.folder() / f"{job.pk}-{store.REFUSED}"
            store.copy(job, store.REFUSED, path)
            self.stdout.write(f"Refused rows: {path}")

    def upload(self, options: dict[str, Any]) -> ImportJob:
        creator = None
        if options["by"] is not None:
            creator = User.objects.filter(username=options["by"], is_staff=True).first()
            if creator is None:
                raise CommandError(f"--by: there is no administrator {options['by']!r}")
        try:
            with options["file"].open("rb") as file:
                return new_job(
                    ImportJob.Kind.CUSTOMERS,
                    options["file"].name,
                    File(file).chunks(),
                    creator=creator,
                    update=options["update"],
                )
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None

    def run(self, job: ImportJob, what: str) -> None:
        with tqdm(desc=what, unit="row", unit_scale=True, file=sys.stderr) as bar:

            def on_progress(rows: int, total: int) -> None:
                bar.total = total
                bar.update(rows - bar.n)

            jobs.run(job.pk, on_progress=on_progress)
            job.refresh_from_db()
            on_progress(job.done or job.total, job.total)

    def report(self, job: ImportJob) -> None:
        self.stdout.write(
            f"{job.total} rows ({job.encoding}): {job.created} to create, {job.updated} to update, "
            f"{job.unchanged} to leave alone, {job.rejected} refused; "
            f"opening balances {job.amount:.2f}"
        )
        if before := ImportJob.objects.imported_before(job):
            self.stdout.write(f"This very file was imported on {before.end_date:%Y-%m-%d %H:%M}.")
        for line, column, value, reason in store.first_errors(job, SHOWN):
            where = f"line {line}, {column} {value!r}" if column else f"line {line}"
            self.stderr.write(f"{where}: {reason}")
        if job.rejected > SHOWN:
            self.stderr.write(f"… and {job.rejected - SHOWN} more rows")
