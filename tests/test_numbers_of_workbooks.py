"""Numbers of a workbook: read as the sheet shows them, whoever types texts beside them how."""

import io
from decimal import Decimal

import pytest
import xlsxwriter

from core.importing import jobs, store
from core.importing.number_formats import FIRST_DAY, number_text, shape_of
from core.importing.uploads import new_job
from core.models import Customer, ImportJob
from core.reasons import Reason, reason_of
from tests.base import balance

CHARGES, CUSTOMERS = ImportJob.Kind.CHARGES, ImportJob.Kind.CUSTOMERS
Cell = str | tuple[float, str]


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def workbook(*rows: tuple[Cell, ...]) -> bytes:
    """Of texts, and of numbers with the code of their format."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        page = book.add_worksheet()
        for line, row in enumerate(rows):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    page.write_string(line, place, cell)
                else:
                    number, code = cell
                    page.write_number(line, place, number, book.add_format({"num_format": code}))
    return made.getvalue()


def checked(kind: ImportJob.Kind, *rows: tuple[Cell, ...]) -> ImportJob:
    job = new_job(kind, "rows.xlsx", iter([workbook(*rows)]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    return job


def imported(job: ImportJob) -> ImportJob:
    assert job.start_import(partial=True)
    jobs.run(job.pk)
    job.refresh_from_db()
    return job


def told(job: ImportJob) -> list[str]:
    return [error[3] for error in store.first_errors(job, 9)]


def notes(job: ImportJob) -> list[str]:
    return [str(Reason(**note)) for note in job.notes]


@pytest.mark.parametrize(
    ("text", "number", "code", "amount"),
    [
        ("6,50", 12.345, "0.00", "12.35"),
        ("1.000,00", 99.995, "0.00", "100.00"),
        ("6,50", 1.125, "#,##0.00", "1.13"),
        ("6,50", 1.125, "[$¥-804]#,##0.00;[Red]-0.00", "1.13"),
        ("6,50", 12.345, "0.0", "12.30"),
        ("6,50", 12.5, "0", "13.00"),
        ("6,50", 1.005, "0.00_);(0.00)", "1.01"),
        ("6.50", 12.345, "0.00", "12.35"),
        ("6.50", 1234.5678, "#,##0.00", "1234.57"),
        ("7", 12.3456, "0.00", "12.35"),
    ],
)
def test_a_number_is_credited_as_its_sheet_shows_it(erin, frank, text, number, code, amount):
    job = checked(CHARGES, ("username", "amount"), ("erin", text), ("frank", (number, code)))
    assert told(job) == []
    assert f"{number} → " in " ".join(notes(job))
    imported(job)
    assert balance(frank) == Decimal(amount)


@pytest.mark.parametrize("number", [12.345, 1.1234, 1000.125])
@pytest.mark.parametrize("text", ["6,50", "7", "1,000.50"])
def test_a_number_whose_format_says_nothing_is_exact_or_refused(erin, frank, number, text):
    rows = (("erin", text), ("frank", (number, "General")))
    job = checked(CHARGES, ("username", "amount"), *rows)
    assert told(job) == ["At most two decimals."]
    imported(job)
    assert balance(frank) == 0


def test_a_refused_number_is_no_thousands_in_the_file_that_comes_back(erin, frank):
    rows = (("frank", (12.345, "General")), ("nobody", "6,50"))
    job = imported(checked(CHARGES, ("username", "amount"), *rows))
    text = store.read(job, store.REFUSED).decode().replace("nobody", "erin")
    again = new_job(CHARGES, "refused.csv", iter([text.encode()]), creator=None)
    jobs.run(again.pk)
    again.refresh_from_db()
    assert told(again) == ["At most two decimals."]
    imported(again)
    assert (again.amount, balance(frank)) == (Decimal("6.50"), 0)


@pytest.mark.parametrize(("code", "amount"), [("0.00", "12.35"), ("General", "0")])
def test_a_comma_that_a_clerk_chose_is_for_texts(erin, frank, code, amount):
    rows = (("erin", "1.000"), ("frank", (12.345, code)))
    job = checked(CHARGES, ("username", "amount"), *rows)
    assert job.check_again(decimal_sign=",")
    jobs.run(job.pk)
    job.refresh_from_db()
    imported(job)
    assert balance(frank) == Decimal(amount)
    assert balance(erin) == 1020


def test_an_opening_balance_is_as_its_sheet_shows_it(database):
    rows = (("ann", "6,50"), ("bob", (12.345, "0.00")), ("cid", (1.125, "General")))
    job = imported(checked(CUSTOMERS, ("username", "balance"), *rows))
    found = dict(Customer.objects.values_list("username", "balance"))
    assert found == {"ann": Decimal("6.50"), "bob": Decimal("12.35")}
    assert job.rejected == 1


def test_numbers_do_not_say_how_the_texts_beside_them_are_typed(erin, frank):
    rows = (("erin", "1,000"), ("frank", (12.5, "0.00")))
    job = checked(CHARGES, ("username", "amount"), *rows)
    assert told(job) == ["May be 1000.00 or 1.000: write one of them."]
    imported(job)
    assert (balance(erin), balance(frank)) == (20, Decimal("12.5"))


def test_a_number_of_plays_with_a_fraction_is_no_thousands(office, erin, site, demo_site):
    url = f"{site.origin}/videos/extra-1"
    rows = (("erin", url, (10.125, "General")), ("erin", f"{url}1", (10000.4, "#,##0")))
    job = checked(ImportJob.Kind.ORDERS, ("username", "url", "count"), *rows)
    assert told(job) == ["Not a whole number: use the digits 0 to 9."]
    assert (job.created, job.amount) == (1, 5)
    assert "10000.4 → 10000" in " ".join(notes(job))


@pytest.mark.parametrize(
    ("number", "code", "digits", "shown"),
    [
        ("2", "", "12.345", "12.35"),
        ("3", "", "12.5", "13"),
        ("7", "", "12.345", "12.35"),
        ("43", "", "12.345", "12.35"),
        ("0", "", "12.345", "12.345"),
        ("49", "", "12.345", "12.345"),
        ("9", "", "0.055", "6%"),
        ("10", "", "0.05555", "5.56%"),
        ("170", "0.0%", "0.0555", "5.6%"),
        ("170", "General", "12.345", "12.345"),
        ("170", 'General" kr"', "12.345", "12.345"),
        ("170", '0" 万"', "10.5", "11万"),
        ("170", "00000", "123.4", "00123"),
        ("170", "0.00E+00", "12.345", "12.345"),
        ("170", "# ?/?", "12.345", "12.345"),
        ("170", "0.0,", "12.345", "12.345"),
        ("170", "[<100]0.0;0", "12.345", "12.345"),
        ("170", "0.0##", "12.3456", "12.346"),
        ("170", '0.00" of 0.000"', "12.345", "12.35"),
        ("170", "0.00;0.0", "-12.345", "-12.35"),
        ("170", '"-"0.00', "12.345", "-12.35"),
        ("170", "(0.00)", "4", "-4"),
        ("170", "-$#,##0.00;0", "4.5", "-4.5"),
        ("170", '0.00"\u2212"', "4", "-4"),
        ("170", "(0)", "0", "0"),
        ("170", "_(* #,##0.00_);_(* (#,##0.00)", "4", "4"),
        ("170", '"Paid - "0.00', "4", "4"),
        ("2", "", "57.690000000000005", "57.69"),
        ("2", "", "1.00499999999999989", "1.01"),
    ],
)
def test_a_number_has_as_many_decimals_as_its_format_shows(number, code, digits, shown):
    assert number_text(digits, shape_of(number, code), FIRST_DAY) == shown
