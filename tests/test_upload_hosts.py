"""Uploads where web and consumers share a database and no folder."""

import threading
import tracemalloc
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.db.models.functions import Now

from core.db.beside import BesideConnection
from core.importing import jobs, rows, signs, store
from core.importing.uploads import new_job
from core.models import Customer, FilePart, ImportJob
from core.ops import retention

ROWS = "username,balance\n" + "".join(f"customer{row},1\n" for row in range(300))


@pytest.fixture
def database(office):
    """In an office on each kind of database."""


@pytest.fixture
def on(settings, tmp_path) -> Callable[[str], None]:
    """Go on as on this host, which has a DATA_DIR of its own."""

    def go_on(host: str) -> None:
        settings.DATA_DIR = tmp_path / host
        settings.DATA_DIR.mkdir(exist_ok=True)

    return go_on


def upload(text: str) -> ImportJob:
    return new_job(ImportJob.Kind.CUSTOMERS, "c.csv", iter([text.encode()]), creator=None)


def test_what_one_host_takes_another_imports_and_the_first_hands_out(
    super_desk, on, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "PART_BYTES", 1000)
    on("web")
    job = upload(ROWS + "grace,much\n")
    on("consumer")
    jobs.run(job.pk)
    on("web")
    page = super_desk.get(f"/admin/core/importjob/{job.pk}/change/").content.decode()
    assert "Not an amount" in page and "customer0" in page
    job.refresh_from_db()
    assert job.start_import(partial=True)
    on("another consumer")
    jobs.run(job.pk)
    on("web")
    page = super_desk.get(f"/admin/core/importjob/{job.pk}/refused.csv")
    assert b"".join(page.streaming_content).decode().endswith("grace,much\r\n")
    assert page["Content-Disposition"] == f'attachment; filename="{job.pk}-refused.csv"'
    assert Customer.objects.count() == 300
    assert not store.has(job, store.UPLOAD)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def elsewhere(act: Callable[[], None]) -> None:
    """Over a connection of its own."""

    def work() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_an_import_goes_on_where_no_other_connection_is_to_be_had(office, on, monkeypatch, caplog):
    monkeypatch.setattr(jobs, "PROGRESS_SECONDS", 0)
    on("web")
    job = upload(ROWS)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)

    def refuse(self):
        raise OperationalError("too many clients already")

    monkeypatch.setattr(BesideConnection, "_open", refuse)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.created) == (ImportJob.Status.DONE, 300)
    assert "too many clients" in caplog.text


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_another_host_sees_how_far_one_transaction_is_and_stops_it(office, on, monkeypatch):
    monkeypatch.setattr(jobs, "PROGRESS_SECONDS", 0)
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 100})
    on("web")
    job = upload(ROWS)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)
    seen: list[int] = []

    def look() -> None:
        seen.append(signs.signs_of([job])[job.pk].progress["done"])
        signs.ask_to_stop(job)

    on("consumer")
    jobs.run(job.pk, on_progress=lambda done, total: elsewhere(look))
    job.refresh_from_db()
    assert (job.status, seen) == (ImportJob.Status.CANCELED, [100])
    assert not Customer.objects.exists()


def test_a_large_file_is_never_in_memory_as_a_whole(db, tmp_path):
    chunk = bytes(range(256)) * 256
    tracemalloc.start()
    size = store.save_upload("large", (chunk for _ in range(400)))
    job = ImportJob(folder="large", size=size)
    store.copy(job, store.UPLOAD, tmp_path / "copy")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "copy").read_bytes() == chunk * 400
    assert size == 400 * len(chunk) == 26_214_400
    assert peak < 10 * store.PART_BYTES
    assert FilePart.objects.count() == 50


def test_files_go_when_their_time_is_over(db, settings):
    settings.JOB_FILE_DAYS = 7
    for name, age in (("old", 8), ("new", 6)):
        store.save_upload(name, [b"username\n"])
        parts = FilePart.objects.filter(folder=name)
        parts.update(create_date=Now() - timedelta(days=age))
    assert retention.tidy()
    assert set(FilePart.objects.values_list("folder", flat=True)) == {"new"}


def test_an_empty_file_is_there(db):
    assert store.save_upload("empty", []) == 0
    assert store.has(ImportJob(folder="empty"), store.UPLOAD)
    assert store.read(ImportJob(folder="empty"), store.UPLOAD) == b""
