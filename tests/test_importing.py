"""Bulk upload: a bad file ends in one clear message with nothing written, a good one is taken once,
whatever dies meanwhile."""

import csv
import gzip
import io
import random
import signal
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import F

from core.db.lookups import InArray
from core.importing import cells, jobs, rows, signs, store
from core.importing.duplicates import DuplicateFinder
from core.importing.uploads import new_job
from core.models import Customer, ImportJob, LeaseLostError, LedgerEntry, Posting
from core.ops.auditing import differences
from core.reasons import Code, Reason, reason_of
from tests.office import wait_for
from tests.workbooks import with_sheet, workbook

CUSTOMERS = ImportJob.Kind.CUSTOMERS


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def upload(data: bytes | str, *, name: str = "customers.csv", **options) -> ImportJob:
    data = data.encode() if isinstance(data, str) else data
    return new_job(CUSTOMERS, name, iter([data]), creator=None, **options)


def checked(data: bytes | str, **options) -> ImportJob:
    job = upload(data, **options)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def imported(data: bytes | str, *, partial: bool = False, **options) -> ImportJob:
    job = checked(data, **options)
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    assert job.start_import(partial=partial)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def nothing_written() -> bool:
    return not Customer.objects.exists() and not LedgerEntry.objects.exists()


def figures(job: ImportJob) -> tuple[int, int, int, int]:
    return job.created, job.updated, job.unchanged, job.rejected


def many(number: int, start: int = 0) -> str:
    """A file of so many good customers, each with 1.50."""
    lines = (f"customer{row:07d},1380{row:07d},1.50,row {row}" for row in range(start, number))
    return "\n".join(("username,mobile,balance,memo", *lines, ""))


# Refused as a whole: the bytes, and the one message.
BAD_FILES = {
    "empty": (b"", "The file is empty."),
    "only a mark": (b"\xef\xbb\xbf", "only empty lines"),
    "only blank lines": (b"\n\r\n,,,\n", "only empty lines"),
    "header only": (b"username,mobile\n", "a header and no rows"),
    "no header": (b"erin,13800000001\n", "Unknown columns: erin, 13800000001."),
    "NUL": (b"username\nerin\nfr\0ank\n", "Line 3 contains a NUL byte"),
    "one endless line": (b"username\n" + b"x" * (2 << 20), "Line 2 is longer than 1024 KB"),
    "open quote": (b'username,memo\nerin,ok\nfrank,"open\ngrace,x\n', "A quotation mark in line 3"),
    "text after quote": (b'username\n"erin"x\n', "Unexpected quotation mark in line 2"),
    "bad byte": (b"username\nerin\n\xff\n", "The encoding of line 3 cannot be determined"),
    "mixed encodings": (
        "username\n李雷\n".encode() + "韩梅梅\n".encode("gb18030"),
        "The encoding of line 3 cannot be determined",
    ),
    "cut off character": ("username\n李雷".encode()[:-1], "The encoding of line 2 cannot"),
    "UTF-16 cut in a character": (
        "username\nerin\n".encode("utf-16")[:-1],
        "cannot be read as UTF-16",
    ),
    "JSON": (b'[{"username": "erin"}]\n', 'Unknown columns: [{"username": "erin"}]'),
    "a web page": (b"<!DOCTYPE html>\n<html><body>\n", "A file of the kind HTML: open it"),
    "packed": (gzip.compress(b"username\nerin\n" * 99), "A file of the kind GZIP"),
    "10,001 columns": (b",".join([b"a"] * 10_001) + b"\n1\n", "The file has 10,001 columns"),
    "unknown columns": (b"username,mobil,Foo\nerin,1,2\n", "Unknown columns: mobil, Foo."),
    "header twice": (
        "username,mobile,手机\nerin,1,2\n".encode(),
        "Duplicate columns: 手机",
    ),
    "no username": (b"mobile,memo\n1,2\n", "Missing columns: username"),
    "password": (b"username,Password\nerin,secret\n", "A file may not contain passwords"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "An old Excel file (.xls)"),
    "xls of 1988": (b"\t\0\4\0\2\0\x10\0" + bytes(90), "An old Excel file (.xls)"),
    "xls of 1993 without OLE": (b"\t\b\b\0\0\5\x10\0" + bytes(90), "An old Excel file (.xls)"),
    "cut workbook": (workbook(("username",), ("erin",))[:-200], "The workbook is damaged"),
    "zip that is no workbook": (b"PK\x03\x04 nothing", "The workbook is damaged"),
    "entities": (with_sheet(b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), "document type"),
    "broken sheet": (with_sheet(b"<worksheet><sheetData><row></worksheet>"), "is damaged"),
    "workbook without rows": (workbook(("username", "mobile")), "a header and no rows"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("data", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_table_of_ours_is_refused_in_one_sentence(data, message):
    assert_refused(data, message)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_zip_bomb_is_refused_in_one_sentence():
    """Made here and not above: that takes seconds, which nobody else shall wait for."""
    assert_refused(with_sheet(b" " * (300 << 20)), "unpacks to more than 256 MB")


def assert_refused(data: bytes, message: str) -> None:
    job = checked(data)
    assert job.status == ImportJob.Status.REFUSED
    assert message in str(reason_of(job))
    assert nothing_written()
    assert not store.has(job, store.UPLOAD)


# Refused rows, all in a file beside a good one: the row, its column, the reason.
BAD_ROWS = {
    "no username": (",1380000", "username", "cannot be blank"),
    "blank username": ('" ",1380000', "username", "cannot be blank"),
    "long username": ("f" * 33 + ",", "username", "at most 32 characters"),
    "markup": ("<b>frank</b>,", "username", "May not contain '<'"),
    "template": ("{{frank}},", "username", "May not contain '{{'"),
    "invisible": ("fr\u200bank,", "username", "May not contain '\\u200b'"),
    "line end in a name": ('"fr\nank",', "username", "May not contain '\\n'"),
    "two mobiles": ("frank,1380000/1390000", "mobile", "Digits only"),
    "mobile that is no integer": ("frank,1380000.5", "mobile", "Digits only"),
    "NaN": ("frank,,NaN", "balance", "Not an amount"),
    "infinity": ("frank,,Infinity", "balance", "Not an amount"),
    "exponent": ("frank,,1e5", "balance", "The spreadsheet damaged this number"),
    "thousands or thousandths": ("frank,,1.000", "balance", "May be 1000.00 or 1.000"),
    "formula": ("frank,,=1+1", "balance", "Not an amount"),
    "negative": ("frank,,-5.00", "balance", "May not be negative."),
    "huge": ("frank,,10000000000.00", "balance", "Larger than 9,999,999,999.99."),
    "enormous": ("frank,," + "9" * 99, "balance", "Too many digits."),
    "endless": ("frank,," + "9" * 5000, "balance", "Longer than 4000 characters."),
    "thirds of a cent": ("frank,,0.005", "balance", "At most two decimals."),
    "neither yes nor no": ("frank,,,maybe", "active", "Must be yes or no."),
    "long memo": ("frank,,,," + "m" * 2001, "memo", "Longer than 2000 characters."),
    "too few cells": ("frank", "", "1 cells, but the header has 5."),
    "too many cells": ("frank,,,,,6", "", "6 cells, but the header has 5."),
    "twice": ("erin,", "username", "Already in this file, in line 2."),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("row", "column", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_told_with_its_line_column_value_and_reason(row, column, reason):
    filled = row if "cells, but" in reason else row + "," * (4 - cells_of(row))
    job = checked(f"username,mobile,balance,active,memo\nerin,,7.00,,\n{filled}\n")
    assert (job.status, job.created, job.rejected) == (ImportJob.Status.CHECKED, 1, 1)
    [(line, where, _value, told)] = store.first_errors(job, 10)
    assert (line, where) == ("3", column)
    assert reason in told
    assert nothing_written()
    job.start_import(partial=False)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.REFUSED
    assert job.reason_code == Code.LINE_BECAME_WRONG
    assert nothing_written()


def cells_of(row: str) -> int:
    return len(next(csv.reader([row]))) - 1 if "\n" not in row else 1


@pytest.mark.django_db
def test_a_file_with_more_rows_than_allowed_is_refused(settings):
    settings.IMPORT_MAX_ROWS = 2
    job = checked(many(3))
    assert job.status == ImportJob.Status.REFUSED
    assert reason_of(job) == Reason.of(Code.TOO_MANY_ROWS, most="2")
    assert nothing_written()


@pytest.mark.django_db
def test_a_file_that_is_too_large_is_refused(settings):
    settings.IMPORT_MAX_BYTES = 1 << 20
    job = checked(b"x" * (1 << 20) + b"\n")
    assert reason_of(job) == Reason.of(Code.FILE_TOO_LARGE, most=1)


def test_customers_come_with_balances_that_the_ledger_explains(office):
    job = imported("用户名,备注,期初余额,手机号\n李雷,城市航拍,80.00,13800000004\nerin,,0,\n")
    assert figures(job) == (2, 0, 0, 0)
    assert job.amount == Decimal("80.00")
    lilei = Customer.objects.get(username="李雷")
    assert (lilei.balance, lilei.mobile, lilei.memo) == (Decimal(80), "13800000004", "城市航拍")
    assert lilei.active
    entry = LedgerEntry.objects.get()
    assert (entry.customer, entry.amount, entry.balance_after) == (lilei, 80, 80)
    assert (entry.kind, entry.reference) == (LedgerEntry.Kind.ADJUSTMENT, f"opening:{lilei.pk}")
    assert list(differences()) == []
    assert Customer.objects.create(username="by hand").pk > lilei.pk
    assert not store.has(job, store.UPLOAD)


def test_the_same_file_again_changes_nothing(office):
    first = imported(many(300))
    before = list(Customer.objects.values_list().order_by("pk"))
    for update in (False, True):
        again = imported(many(300), update=update)
        assert figures(again) == (0, 0, 300, 0)
        assert ImportJob.objects.imported_before(again) is not None
    assert again.sha256 == first.sha256
    assert list(Customer.objects.values_list().order_by("pk")) == before
    assert LedgerEntry.objects.count() == 300
    assert list(differences()) == []


def test_customers_are_updated_by_name_where_that_was_asked_for(office):
    imported("username,mobile,memo,balance\nerin,138,old,5\nfrank,139,stays,\n")
    job = imported("username,mobile,active\nerin,777,no\nfrank,139,\ngrace,,\n", update=True)
    assert figures(job) == (1, 1, 1, 0)
    erin = Customer.objects.get(username="erin")
    assert (erin.mobile, erin.active, erin.memo, erin.balance) == ("777", False, "old", 5)
    assert Customer.objects.get(username="frank").active
    assert list(differences()) == []


@pytest.mark.django_db
def test_a_customer_who_is_there_is_neither_changed_nor_paid_by_a_file_of_new_ones():
    imported("username,mobile,balance\nerin,138,5\nfrank,,\n")
    job = checked("username,mobile,balance\nerin,777,5\nfrank,,1\n")
    assert [error[1:] for error in store.first_errors(job, 9)] == [
        [
            "username",
            "erin",
            "A customer with this username already exists with a different mobile.",
        ],
        [
            "balance",
            "1",
            "The balance is now 0.00, but the file says 1.00; files do not change balances: "
            "clear the column.",
        ],
    ]
    job = checked("username,balance\nerin,6\n", update=True)
    assert "The balance is now 5.00, but the file says 6.00" in store.first_errors(job, 9)[0][3]


EXPORTED = "username,mobile,balance,active,creator,create_date,memo\n"


@pytest.mark.django_db
def test_an_edited_export_comes_back_whatever_became_of_the_balances_meanwhile():
    """erin has ordered since."""
    imported("username,balance\nerin,20\nfrank,7\n")
    LedgerEntry.objects.post_many(
        [
            Posting(
                kind=LedgerEntry.Kind.ADJUSTMENT,
                customer_id=Customer.objects.get(username="erin").pk,
                amount=Decimal(-5),
                reference="spent",
            )
        ]
    )
    text = EXPORTED + "erin,139,25.00,yes,bob,2026-01-01,\nfrank,,7.00,yes,bob,2026-01-01,new\n"
    job = imported(text, update=True)
    assert figures(job) == (0, 2, 0, 0)
    assert [str(Reason(**note)) for note in job.notes] == [
        "Files do not change balances; those that differ stay as they are: 1: erin 15.00 ≠ 25.00."
    ]
    erin, frank = Customer.objects.order_by("username")
    assert (erin.mobile, erin.balance, frank.memo, frank.balance) == ("139", 15, "new", 7)
    assert list(differences()) == []


@pytest.mark.django_db
def test_an_export_that_a_spreadsheet_saved_cuts_no_number():
    """Spreadsheets take phones and memos for numbers, and show long ones as powers of ten."""
    imported("username,mobile,memo\nerin,07911,0123\nfrank,07922,123456789012\ngrace,0791,\n")
    text = (
        EXPORTED + "erin,7911,0.00,TRUE,,,123\nfrank,7922,0,TRUE,,,1.23457E+11\ngrace,,0,TRUE,,,\n"
    )
    job = imported(text, update=True)
    assert figures(job) == (0, 1, 2, 0)
    assert [str(Reason(**note)) for note in job.notes] == [
        "Numbers that a spreadsheet cut stay as they are: 4: erin 07911 ≠ 7911, "
        "erin 0123 ≠ 123, frank 07922 ≠ 7922, …."
    ]
    erin, frank, grace = Customer.objects.order_by("username")
    assert (erin.mobile, erin.memo, frank.mobile) == ("07911", "0123", "07922")
    assert (frank.memo, grace.mobile) == ("123456789012", "")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("memo", "said", "kept"),
    [
        ("123456789012", "1,23457E+11", True),
        ("110101199003074819", "1.10101E+17", True),
        ("110101199003074819", "1.10101199003075E+017", True),
        ("110101199003074819", "1.10101199003074E+17", True),
        ("110101199003074819", "110101199003074000", True),
        ("110101199003074819", "110101199003074810", False),
        ("110101199003074819", "1.10102E+17", False),
        ("123456789012", "1E+12", False),
        ("1234", "1E+3", False),
    ],
)
def test_a_long_number_of_which_a_spreadsheet_left_the_first_digits_is_no_change(memo, said, kept):
    """LibreOffice rounds to fifteen digits, Excel cuts off what is behind them."""
    imported(f"username,memo\nerin,{memo}\n")
    imported(EXPORTED + f'erin,,0.00,TRUE,,,"{said}"\n', update=True)
    assert Customer.objects.get().memo == (memo if kept else said)


@pytest.mark.django_db
def test_an_export_that_shall_update_nobody_is_held_against_the_balances():
    imported("username,balance\nerin,20\n")
    job = checked(EXPORTED + "erin,,25.00,yes,bob,2026-01-01,\nann,,3.00,yes,bob,2026-01-01,\n")
    assert (job.created, job.amount, job.rejected) == (1, 3, 1)
    assert "The balance is now 20.00, but the file says 25.00" in store.first_errors(job, 9)[0][3]


@pytest.mark.django_db
def test_what_is_wrong_is_said_line_by_line_in_the_titles_of_the_file():
    job = imported("用户名,余额\nerin,1\nfrank\ngrace,x\nerin,2\nheidi,-1,\n", partial=True)
    assert [error[:2] for error in store.first_errors(job, 9)] == [
        ["3", ""],
        ["4", "余额"],
        ["5", "用户名"],
        ["6", "余额"],
    ]
    text = store.read(job, store.REFUSED).decode("utf-8-sig")
    assert [line.split(",")[0] for line in text.splitlines()] == ["line", "3", "4", "5", "6"]
    assert "4,余额: Not an amount" in text.replace('"', "")


def test_what_is_refused_again_can_be_mended_again(office):
    job = imported("username,balance\nerin\nfrank,x\n", partial=True)
    for _time in range(2):
        refused = store.read(job, store.REFUSED)
        assert refused.decode("utf-8-sig").splitlines()[0] == "line,reason,username,balance"
        job = imported(refused, partial=True)
        assert figures(job) == (0, 0, 0, 2)
    assert figures(imported(refused.replace(b"frank,x", b"frank,2"), partial=True)) == (1, 0, 0, 1)


def test_good_rows_now_and_the_others_as_a_file_to_mend(office):
    job = imported("username,balance,memo\nerin,1,=HYPERLINK(1)\nfrank,x,-1\n", partial=True)
    assert figures(job) == (1, 0, 0, 1)
    assert Customer.objects.get().memo == "=HYPERLINK(1)"
    refused = store.read(job, store.REFUSED)
    assert refused.decode("utf-8-sig") == (
        "line,reason,username,balance,memo\r\n"
        '3,"balance: Not an amount: write it in plain digits, such as 1200.50.",frank,x,\'-1\r\n'
    )
    mended = refused.replace(b",x,", b",2,")
    assert figures(imported(mended)) == (1, 0, 0, 0)
    assert Customer.objects.get(username="frank").memo == "-1"
    assert list(differences()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_files_of_every_spreadsheet_are_read(delimiter, line_end, encoding):
    lines = ["username,memo", "李雷,城市航拍", '韩梅梅,"two', 'lines"', "", "erin,x"]
    text = line_end.join(lines).replace(",", delimiter) + line_end
    job = imported(text.encode(encoding))
    assert (job.encoding, job.created, job.total) == (encoding, 3, 3)
    assert Customer.objects.get(username="韩梅梅").memo == f"two{line_end}lines"


@pytest.mark.django_db
def test_a_workbook_is_read_as_it_shows():
    job = imported(
        workbook(
            ("username", "mobile", "balance", "active", "memo"),
            ("erin", 13800000001, 12.5, True, "two words"),
            ("frank", None, None, None, None),
        ),
        name="customers.xlsx",
    )
    assert figures(job) == (2, 0, 0, 0)
    erin = Customer.objects.get(username="erin")
    assert (erin.mobile, erin.balance, erin.memo) == ("13800000001", Decimal("12.50"), "two words")


@pytest.mark.django_db
def test_lines_are_counted_through_rows_of_many_lines():
    job = checked('username,memo\n\n"erin","a\nb\r\nc"\nfrank,\n<,\n')
    assert [error[0] for error in store.first_errors(job, 9)] == ["7"]


@pytest.mark.django_db
def test_a_name_that_stands_in_two_blocks_is_found(monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 3})
    job = imported(many(10) + "customer0000002,,,\ncustomer0000002,,,\n", partial=True)
    assert figures(job) == (10, 0, 0, 2)
    text = store.read(job, store.REFUSED).decode("utf-8-sig")
    assert text.count("Already in this file, in line 4.") == 2


@pytest.mark.django_db
def test_what_is_imported_as_one_is_read_no_further_than_its_last_row():
    """Nobody else writes to SQLite meanwhile, and empty rows may go on for a minute."""
    job = imported("username,memo\nerin,\n" + ",\n" * 45_000)
    assert (job.status, job.created) == (ImportJob.Status.DONE, 1)
    assert job.done <= rows.BLOCK


@pytest.mark.django_db
@pytest.mark.parametrize("rows", ["x1,1,3\n", ",\n" * 40_000, "x1,1,3\n" * 20_001])
def test_a_block_without_a_usable_row_is_a_report_and_no_error(rows):
    job = checked(f"username,mobile\n{rows}frank,138\n")
    assert (job.status, job.created) == (ImportJob.Status.CHECKED, 1)


@pytest.mark.django_db
def test_an_error_of_our_own_is_told_at_once_and_not_tried_again(monkeypatch):
    def fail(*_args):
        raise LookupError("ours")

    job = upload(many(3))
    monkeypatch.setattr(jobs, "layout_of", fail)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.reason_code) == (ImportJob.Status.REFUSED, Code.OWN_ERROR)
    assert nothing_written()


@pytest.mark.django_db
def test_a_name_is_the_same_with_and_without_blanks_around():
    job = checked("username\nerin\n erin\u00a0\n")
    assert (job.created, job.rejected) == (1, 1)
    assert store.first_errors(job, 9)[0][3] == "Already in this file, in line 2."


def test_repeats_are_those_of_a_set():
    names = [f"name{random.randrange(3000)}" for _ in range(5000)]
    repeats = DuplicateFinder()
    for start in range(0, 5000, 700):
        repeats.add(names[start : start + 700])
    assert repeats.repeated_hashes() == {hash(name) for name in names if names.count(name) > 1}


@pytest.mark.parametrize(("cell", "is_refused"), [("4.99", True), ("5.00", False), ("", True)])
def test_an_amount_below_the_least_is_refused_whatever_the_least_is(cell, is_refused):
    _values, errors = cells.amounts(8, least=Decimal("5.00"))(["7", cell])
    assert bool(errors) == is_refused


@pytest.mark.parametrize(
    "sign", ["<", ">", "{{", "}}", "\x00", "\x9f", "\u200e", "\u2067", "\ufeff"]
)
def test_the_fast_look_at_names_passes_nothing_that_the_rule_refuses(sign):
    assert not cells.is_harmless(f"erin{sign}")


def test_every_sign_that_names_may_not_hold_is_seen_by_the_fast_look():
    from core.models.names import FORBIDDEN

    every = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert [sign for sign in every if FORBIDDEN.search(sign) and cells.is_harmless(sign)] == []


@pytest.mark.django_db
def test_a_job_is_held_by_one_process():
    job = upload(many(3))
    held = ImportJob.claim(job.pk)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKING
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    jobs.run(job.pk)
    with pytest.raises(LeaseLostError):
        held.record()


@pytest.mark.django_db
def test_a_job_that_kills_its_consumers_is_given_up():
    job = upload(many(3))
    ImportJob.objects.filter(pk=job.pk).update(attempts=5)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.reason_code) == (ImportJob.Status.REFUSED, Code.FAILED_TOO_OFTEN)
    assert nothing_written()


@pytest.mark.django_db
def test_a_canceled_import_stops_between_blocks(monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 10})
    job = checked(many(100))
    job.start_import(partial=False)
    jobs.run(
        job.pk,
        on_progress=lambda done, total: None,
        should_stop=lambda: signs.ask_to_stop(job) or True,
    )
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CANCELED
    assert nothing_written()


def test_a_consumer_that_is_asked_to_stop_leaves_the_rest_to_the_next(office, monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 10})
    job = checked(many(100))
    job.start_import(partial=True)
    looks = iter([False, False, False, True])
    jobs.run(job.pk, should_stop=lambda: next(looks))
    job.refresh_from_db()
    assert (job.status, job.done, job.created) == (ImportJob.Status.IMPORTING, 30, 30)
    assert Customer.objects.count() == 30
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.created, job.unchanged) == (ImportJob.Status.DONE, 100, 0)
    assert list(differences()) == []


# tests/faults/test_crashes.py has smaller files die at each point, on both kinds of database.
@pytest.mark.parametrize(
    ("office", "partial"), [("postgresql", True), ("sqlite", False)], indirect=["office"]
)
def test_a_killed_consumer_costs_no_row_and_doubles_none(office, settings, partial):
    settings.DATA_DIR = office.data_dir
    job = checked(many(60_000) + "customer0000001,,,\n" * partial)
    job.start_import(partial=partial)
    office.env["OFFICE_CRASH_AT"] = "after-block:2"
    run = f"from core.importing import jobs; jobs.run({job.pk})"
    assert office.manage("shell", "-c", run, check=False).returncode == -signal.SIGKILL
    del office.env["OFFICE_CRASH_AT"]
    assert Customer.objects.count() == (40_000 if partial else 0)
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    office.consumer()
    wait_for(lambda: is_done(job), what="the import")
    assert figures(job) == (60_000, 0, 0, int(partial))
    assert Customer.objects.count() == LedgerEntry.objects.count() == 60_000
    assert list(differences()) == []


def is_done(job: ImportJob) -> bool:
    job.refresh_from_db()
    return job.status == ImportJob.Status.DONE


@pytest.mark.django_db
def test_a_crash_before_the_commit_of_a_block_leaves_no_refused_row_twice(monkeypatch):
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 2})
    job = checked("username,mobile\na,x\nb,\nc,x\nd,\ne,x\n")
    job.start_import(partial=True)

    class Crash(BaseException):
        """Nothing catches a kill."""

    passes = iter(range(9))

    def crash(point):
        if point == "before-block" and next(passes) == 1:
            raise Crash

    monkeypatch.setattr(jobs, "failpoint", crash)
    with pytest.raises(Crash):
        jobs.run(job.pk)
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert figures(job) == (2, 0, 0, 3)
    text = store.read(job, store.REFUSED).decode("utf-8-sig")
    assert [row[2] for row in csv.reader(io.StringIO(text))] == ["username", "a", "c", "e"]


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_the_command_checks_imports_and_says_what_it_did(office, settings, tmp_path):
    settings.DATA_DIR = office.data_dir
    file = tmp_path / "new.csv"
    file.write_text(many(50))
    done = office.manage("import_customers", str(file), "--check")
    assert "50 rows (utf-8): 50 to create" in done.stdout
    assert nothing_written()
    assert "50 created" in office.manage("import_customers", str(file)).stdout
    file.write_text("username\n<b>\n")
    done = office.manage("import_customers", str(file), check=False)
    assert done.returncode == 1
    assert "line 2, username '<b>': May not contain '<'." in done.stderr
    assert Customer.objects.count() == 50


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_names_are_looked_up_alike_where_the_statistics_call_the_table_empty(office):
    """As an import that was rolled back leaves them: the next one took minutes a block."""
    Customer.objects.bulk_create(Customer(username=f"customer{row}") for row in range(5_000))
    Customer.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_customer")
    names = InArray(F("username"), [f"customer{row}" for row in range(20_000)])
    assert "Nested Loop" not in Customer.objects.filter(names).explain()


@pytest.mark.django_db
@pytest.mark.slow
def test_memory_stays_that_of_a_block():
    """A block is what is held; ten times the rows must not be ten times the memory."""
    import tracemalloc

    peaks = []
    for number in (20_000, 200_000):
        job = upload(many(number))
        tracemalloc.start()
        jobs.run(job.pk)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (16 << 20)
