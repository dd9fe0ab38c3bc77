"""Uploads whose process is killed at any moment: each row is in once, and the ledger is right."""

import os
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pytest

from core.importing import jobs, rows, store
from core.importing.uploads import new_job
from core.models import Customer, ImportJob, LedgerEntry
from core.ops.auditing import differences
from core.reasons import reason_of
from tests.faults.trial import Trial, size

ROWS, BLOCK = 4_000, 500
KILLS = size(2, 50)


@pytest.fixture(autouse=True)
def small_blocks(office, settings, monkeypatch) -> None:
    settings.DATA_DIR = office.data_dir
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": BLOCK})


def upload(number: int, *, by_blocks: bool) -> ImportJob:
    """Customers with opening balances; in a file that is taken by blocks one row is bad."""
    lines = [f"upload{number}row{row},1.25\n" for row in range(ROWS)]
    if by_blocks:
        lines.insert(ROWS // 2, "<b>,1.25\n")
    data = ("username,balance\n" + "".join(lines)).encode()
    return new_job(ImportJob.Kind.CUSTOMERS, f"{number}.csv", iter([data]), creator=None)


def finish(job: ImportJob, *, by_blocks: bool) -> None:
    """What is left of check, yes and import."""
    jobs.run(job.pk)
    job.refresh_from_db()
    if job.start_import(partial=by_blocks):
        jobs.run(job.pk)


def killed(trial: Trial, job: ImportJob, by_blocks: bool, longest: float) -> bool:
    """Begin it in a process that dies at some moment; False where it was done before that."""
    pid = trial.fork(partial(finish, job, by_blocks=by_blocks))
    time.sleep(trial.dice.uniform(0, longest))
    os.kill(pid, signal.SIGKILL)
    was_killed = trial.wait(pid) == -signal.SIGKILL
    # Instead of waiting until the lease runs out.
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    return was_killed


def refused_names(job: ImportJob) -> Iterator[str]:
    lines = store.read(job, store.REFUSED).decode("utf-8-sig").splitlines()
    yield from (line.split(",")[2] for line in lines[1:])


def test_uploads_are_killed_at_any_moment_and_each_row_is_in_once(trial, row):
    before = Customer.objects.count()
    began = time.monotonic()
    assert trial.wait(trial.fork(partial(finish, upload(0, by_blocks=False), by_blocks=False))) == 0
    took = time.monotonic() - began
    files, kills, lost = 1, 0, 0
    while kills < KILLS:
        by_blocks = bool(kills % 2)
        job = upload(files, by_blocks=by_blocks)
        kills += killed(trial, job, by_blocks, took)
        finish(job, by_blocks=by_blocks)
        job.refresh_from_db()
        assert job.status == ImportJob.Status.DONE, reason_of(job)
        assert list(refused_names(job)) == ["<b>"] * by_blocks
        lost += ROWS - job.created
        files += 1
    row("uploads", f"{kills} SIGKILLs, {files * ROWS:,} rows", figures=f"{lost} rows lost")
    opened = LedgerEntry.objects.filter(reference__startswith="opening:")
    assert (lost, Customer.objects.count() - before) == (0, files * ROWS)
    assert set(opened.values_list("amount", flat=True)) == {Decimal("1.25")}
    assert opened.count() == files * ROWS
    assert list(differences()) == []
