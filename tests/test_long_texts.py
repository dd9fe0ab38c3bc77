"""A text whose forms in Unicode take a process for minutes to find is refused by its length, where
amounts, hours, hosts and cells are read: form, upload and API stand on the same functions."""

import unicodedata
from contextlib import suppress

import pytest

from booster.exceptions import PermanentError
from booster.net.address import Origin
from booster.week import load_profile, quiet_lines
from core.importing import cells, columns
from core.importing.orders import OrderRows
from core.importing.top_ups import TopUpRows
from core.models import ImportJob
from core.money import AmountError, decimal_signs_of, parse_amount
from tests.base import balance
from tests.test_admin import ADD_CHARGE, errors_of

# To put n marks into the order that Unicode wants takes n² steps: of these it is half an hour.
MARKS = "\u0301\u0316" * 500_000
# Of what is put in order in a moment.
MOST = 10_000
READERS = {
    "an amount": lambda: parse_amount(f"1{MARKS}"),
    "a column of amounts": lambda: cells.amounts(8)([f"1{MARKS}"]),
    "the sign of a column": lambda: decimal_signs_of([f"1{MARKS}", "1.5"]),
    "a mobile": lambda: cells.mobiles([f"1{MARKS}"]),
    "a name": lambda: cells.usernames([f"a{MARKS}"]),
    "a number of plays": lambda: cells.counts([f"1{MARKS}"]),
    "a switch": lambda: cells.switches([f"y{MARKS}"]),
    "a title": lambda: columns.plain(f"name{MARKS}"),
    "quiet hours": lambda: quiet_lines(f"22:00-06:00{MARKS}"),
    "a load profile": lambda: load_profile(f"1{MARKS}"),
    "a host": lambda: Origin.split(f"https://a{MARKS}.example/"),
}


@pytest.fixture
def put_in_order(monkeypatch) -> list[int]:
    """How long the texts were, of those that were to be put in order; nobody waits for it here."""
    lengths: list[int] = []

    def normalize(_form: str, text: str) -> str:
        lengths.append(len(text))
        return text

    monkeypatch.setattr(unicodedata, "normalize", normalize)
    return lengths


@pytest.mark.parametrize("name", READERS)
def test_a_text_of_a_million_marks_is_not_put_in_order(name, put_in_order):
    with suppress(AmountError, PermanentError):
        READERS[name]()
    assert max(put_in_order, default=0) <= MOST


def test_a_form_is_answered_at_once_whatever_stands_for_an_amount(desk, frank, put_in_order):
    answer = desk.post(ADD_CHARGE, {"customer": frank.pk, "amount": f"5{MARKS}"})
    assert "amount" in errors_of(answer)
    assert balance(frank) == 0
    assert max(put_in_order, default=0) <= MOST


@pytest.mark.django_db
def test_nothing_is_remembered_of_an_address_that_is_none():
    """An upload has room for thousands of them."""
    layout = columns.Layout(["username", "url"], {"username": 0, "url": 1})
    rows = OrderRows(ImportJob(status=ImportJob.Status.CHECKING), layout)
    rows.keys([["erin", f"https://{number}.example/{'y' * 100_000}"] for number in range(3)])
    assert rows.quoter.video_at.cache_info().currsize == 1


@pytest.mark.django_db
def test_a_number_of_a_payment_that_is_none_is_not_remembered():
    layout = columns.Layout(
        ["username", "amount", "reference"], {"username": 0, "amount": 1, "reference": 2}
    )
    rows = TopUpRows(ImportJob(status=ImportJob.Status.CHECKING), layout)
    keys = rows.keys([["erin", "1", "7" * 100_000]] * 2 + [["erin", "1", "7"]] * 2)
    assert sum(map(len, keys)) < 100
    assert (keys[0] == keys[1], keys[2] == keys[3]) == (False, True)


def test_a_cell_may_be_as_long_as_a_memo_and_what_stands_around_it():
    memo = "m" * cells.MEMO_LENGTH
    assert cells.memos([f'="{memo}"']) == ([memo], {})
