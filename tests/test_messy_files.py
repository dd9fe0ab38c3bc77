"""Files as people have them: each row right or refused in one clear sentence, and never a 500."""

from decimal import Decimal

import pytest

from core.importing import jobs, store
from core.importing.uploads import new_job
from core.models import Customer, ImportJob
from core.reasons import Reason, reason_of
from tests.libreoffice_files import libreoffice_files
from tests.messy_files import KINDS, SEEDS, MessyFile, messy_files, messy_sheet
from tests.strange_files import strange_files
from tests.strange_workbooks import strange_workbooks

MADE = list(messy_files())
FILES = [*MADE, *strange_files(), *strange_workbooks(), *libreoffice_files()]
TEXTS = [file for file in FILES if not file.data.startswith(b"PK")]
WORKBOOKS = [file for file in FILES if file.data.startswith(b"PK")]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def imported(data: bytes) -> ImportJob:
    """Checked, and what is good imported."""
    job = new_job(ImportJob.Kind.CUSTOMERS, "customers.csv", iter([data]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    if job.status == ImportJob.Status.CHECKED:
        assert job.start_import(partial=True)
        jobs.run(job.pk)
        job.refresh_from_db()
    return job


def kept(row: dict[str, str]) -> dict[str, object]:
    """What the office has of this row's customer."""
    customer = Customer.objects.get(username=row["username"])
    return {name: getattr(customer, name) for name in row}


def meant(row: dict[str, str]) -> dict[str, object]:
    values: dict[str, object] = dict(row)
    if "balance" in row:
        values["balance"] = Decimal(row["balance"])
    if "active" in row:
        values["active"] = row["active"] == "yes"
    return values


def test_there_are_120_files():
    assert len(MADE) == KINDS * len(SEEDS) >= 120


@pytest.mark.django_db
@pytest.mark.parametrize(
    "file",
    [
        *(pytest.param(file, id=file.kind) for file in TEXTS),
        # Each is read by a process of its own.
        *(pytest.param(file, id=file.kind, marks=pytest.mark.slow) for file in WORKBOOKS),
    ],
)
def test_a_messy_file_is_understood_or_refused_in_one_clear_sentence(file: MessyFile):
    job = imported(file.data)
    if file.sentence:
        assert job.status == ImportJob.Status.REFUSED
        assert file.sentence in str(reason_of(job))
        assert not Customer.objects.exists()
        return
    assert job.status == ImportJob.Status.DONE, str(reason_of(job))
    told = {int(error[0]): error[3] for error in store.first_errors(job, 99)}
    assert told.keys() == file.refused.keys(), told
    assert [line for line, words in file.refused.items() if words not in told[line]] == [], told
    assert [kept(row) for row in file.rows] == [meant(row) for row in file.rows]
    assert Customer.objects.count() == len(file.rows)
    notes = " ".join(str(Reason(**note)) for note in job.notes)
    assert [note for note in file.notes if note not in notes] == []


@pytest.mark.django_db
def test_of_an_ordinary_messy_sheet_295_of_303_rows_are_right():
    data, rows = messy_sheet()
    job = imported(data)
    assert job.status == ImportJob.Status.DONE, str(reason_of(job))
    right = [row for row in rows if row and kept(row) == meant(row)]
    assert len(right) >= 295
    assert Customer.objects.count() == len(right)
