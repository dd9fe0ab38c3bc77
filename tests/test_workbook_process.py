"""A workbook is read in a process of its own: what it takes, how it ends, and who is told."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from core.importing import jobs, workbook_process
from core.importing.detection import FileError
from core.importing.rows import open_table
from core.importing.uploads import new_job
from core.importing.workbook_process import ReaderDiedError
from core.models import Customer, ImportJob
from core.reasons import Code
from tests.bombs import MAIN, STRINGS, sheet, with_shared_strings
from tests.workbooks import with_part, with_sheet, workbook


@pytest.fixture
def book(tmp_path) -> Path:
    return saved(tmp_path, workbook(("username",), *[(f"customer{n}",) for n in range(5_000)]))


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "book.xlsx"
    path.write_bytes(data)
    return path


def readers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if workbook_process.__name__ in child.cmdline()]


def large() -> bytes:
    """That no limit of ours refuses, and that takes 70 MB."""
    strings = "".join(f"<si><t>{os.urandom(16).hex()}</t></si>" for _number in range(800_000))
    text = f'<sst xmlns="{MAIN}"><si><t>username</t></si>{strings}</sst>'
    return with_part(STRINGS, text.encode(), with_shared_strings())


@pytest.mark.slow
def test_a_workbook_has_only_so_much_memory(tmp_path, settings):
    path = saved(tmp_path, large())
    with open_table(path, "xlsx") as table:
        assert table.header == ["username"]
    settings.IMPORT_MAX_MEMORY_BYTES = 64 << 20
    with pytest.raises(FileError) as refused, open_table(path, "xlsx"):
        pass
    assert refused.value.reason.code == Code.WORKBOOK_TAKES_TOO_MUCH_MEMORY
    assert refused.value.reason.params == {"most": 64}


def test_what_is_empty_behind_the_last_row_of_a_sheet_is_left_out(tmp_path):
    """Of one that somebody formatted down to its end."""
    filled = '<row r="1"><c t="str"><v>username</v></c></row><row r="3"><c><v>7</v></c></row>'
    path = saved(tmp_path, with_sheet(sheet(f'{filled}<row r="1048576"><c s="1"/></row>')))
    with open_table(path, "xlsx") as table:
        assert [next(table.rows, None) for _row in range(3)] == [[""], ["7"], None]


def test_a_reader_that_is_killed_is_no_damaged_workbook(book):
    signals = [signal.SIGKILL]

    def kill():
        if signals:
            readers()[0].send_signal(signals.pop())

    with (
        pytest.raises(ReaderDiedError, match=str(-signal.SIGKILL)),
        open_table(book, "xlsx", kill) as table,
    ):
        list(table.blocks())


@pytest.mark.django_db
def test_a_fault_of_ours_is_not_told_as_a_damaged_workbook(book, monkeypatch, tmp_path, settings):
    settings.DATA_DIR = tmp_path

    def fail(*_asked):
        raise ValueError("our own mistake")

    monkeypatch.setattr(jobs, "write_preview", fail)
    job = new_job(ImportJob.Kind.CUSTOMERS, "book.xlsx", iter([book.read_bytes()]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.reason_code) == (ImportJob.Status.REFUSED, Code.OWN_ERROR)
    assert not Customer.objects.exists()


def test_no_reader_is_left_where_nobody_reads_on(book):
    with open_table(book, "xlsx") as table:
        assert next(table.blocks(size=1)).rows == [["customer0"]]
        assert readers()
    assert not readers()


def test_a_signal_that_stops_the_consumer_is_left_to_the_consumer(book):
    with open_table(book, "xlsx") as table:
        for reader in readers():
            reader.terminate()
        assert sum(len(block.rows) for block in table.blocks()) == 5_000
