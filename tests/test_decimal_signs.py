"""Which decimal sign the amounts of a file have: one answer for the whole of it, or a question."""

from decimal import Decimal

import pytest

from core.importing import jobs, rows, store
from core.importing.uploads import new_job
from core.models import ImportJob
from core.reasons import reason_of
from tests.base import balance

CHARGES = ImportJob.Kind.CHARGES
ASKED = "May be 12345.00 or 12.345: write one of them."


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path, monkeypatch):
    """And blocks of two rows."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 2})


def checked(*amounts: str) -> ImportJob:
    text = "username;amount\n" + "".join(f"erin;{amount}\n" for amount in amounts)
    job = new_job(CHARGES, "rows.csv", iter([text.encode()]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    return job


def credited(job: ImportJob, erin, *, partial: bool) -> Decimal:
    before = balance(erin)
    assert job.start_import(partial=partial)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE, reason_of(job)
    return balance(erin) - before


def told(job: ImportJob) -> list[tuple[str, str]]:
    return [(error[0], error[3]) for error in store.first_errors(job, 99)]


@pytest.mark.parametrize(
    ("amounts", "line"),
    [
        (("7.50", "7.50", "6,50", "12.345"), "5"),
        (("6,50", "12.345", "7.50", "7.50"), "3"),
        (("8", "8", "12.345", "6,50", "1,000.50", "8"), "4"),
        (("12.345", "8", "8", "6,50", "8", "¥7.50"), "2"),
        (("8", "12.345", "8", "8"), "3"),
    ],
)
def test_a_file_that_contradicts_itself_or_does_not_say_is_asked_about(erin, amounts, line):
    job = checked(*amounts)
    assert told(job) == [(line, ASKED)]
    sure = sum(Decimal(one.replace(",", ".")) for one in amounts if one in ("8", "6,50", "7.50"))
    sure += sum(Decimal(1000) + Decimal("0.5") for one in amounts if one == "1,000.50")
    sure += sum(Decimal("7.5") for one in amounts if one == "¥7.50")
    assert credited(job, erin, partial=True) == sure


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize(
    "amounts",
    [
        ("12.345", "8", "8", "8", "6,50", "8"),
        ("6,50", "8", "8", "8", "12.345", "8"),
        ("8", "8", "6,50", "12.345"),
    ],
)
def test_what_a_file_shows_anywhere_holds_for_all_of_it(erin, amounts, partial):
    job = checked(*amounts)
    assert told(job) == []
    eights = 8 * amounts.count("8")
    assert credited(job, erin, partial=partial) == Decimal("12351.50") + eights


def test_what_the_check_found_is_what_the_import_goes_on_with_after_a_crash(erin, monkeypatch):
    job = checked("6,50", "8", "12.345", "8")
    assert job.start_import(partial=True)
    stop = iter((False, True))
    jobs.run(job.pk, should_stop=lambda: next(stop, True))
    job.refresh_from_db()
    assert (job.status, job.done) == (ImportJob.Status.IMPORTING, 2)
    jobs.run(job.pk)
    assert balance(erin) == Decimal("20") + Decimal("12367.50")


def test_a_file_that_needs_no_answer_is_read_once(erin, monkeypatch):
    passes = []
    monkeypatch.setattr(
        jobs.ImportRun,
        "_check_pass",
        lambda *args, kept=jobs.ImportRun._check_pass: passes.append(args) or kept(*args),
    )
    checked("¥8", "8", "6,50", "8", "12.345", "8")
    assert len(passes) == 1


def test_a_clerks_answer_holds_for_the_whole_file(erin):
    job = checked("7.50", "7.50", "6,50", "12.345")
    assert job.check_again(decimal_sign=".")
    jobs.run(job.pk)
    job.refresh_from_db()
    assert told(job) == [("5", "At most two decimals.")]
    assert job.check_again(decimal_sign=",")
    jobs.run(job.pk)
    job.refresh_from_db()
    assert told(job) == []
    assert credited(job, erin, partial=False) == Decimal("12366.50")
