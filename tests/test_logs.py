"""Lines of the log say when, about which order, and the same only now and then."""

import json
import logging
import re
import sys

import pytest

from office import logs
from office.logs import JSONFormatter, LineFormatter, RepeatFilter


def record(text: str, *args: object, level: int = logging.WARNING, **extra: object):
    made = logging.LogRecord("booster", level, "file.py", 1, text, args, None)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that a test moves."""
    moment = [1000.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: moment[0])
    return moment


def written(repeats: RepeatFilter, *records: logging.LogRecord) -> list[str]:
    return [one.getMessage() for one in records if repeats.filter(one)]


def test_times_are_utc_with_their_offset():
    one = record("x")
    one.created = 1_764_390_000.25
    line = LineFormatter("%(asctime)s %(message)s").format(one)
    assert line == "2025-11-29 04:20:00.250+00:00 x"


def test_a_line_of_json_names_its_order_and_its_traceback_and_is_one_line():
    try:
        raise ValueError("a\nb\x1b[2J")
    except ValueError:
        one = record("order %s: it failed\nhere", "12-1764390000000")
        one.exc_info = sys.exc_info()
    line = JSONFormatter().format(one)
    assert "\n" not in line and "\x1b" not in line
    told = json.loads(line)
    assert (told["order"], told["level"], told["logger"]) == (
        "12-1764390000000",
        "WARNING",
        "booster",
    )
    assert told["message"] == "order 12-1764390000000: it failed\nhere"
    assert "ValueError" in told["exception"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+00:00", told["time"])
    assert "order" not in json.loads(JSONFormatter().format(record("one order tries whether")))


def test_what_stays_down_is_told_once_a_minute_and_how_often_it_came(clock):
    repeats = RepeatFilter()
    assert written(repeats, record("down")) == ["down"]
    for _ in range(59):
        clock[0] += 1
        assert written(repeats, record("down")) == []
    clock[0] += 1
    assert written(repeats, record("down")) == ["down (59 more like this since)"]
    clock[0] += 61
    assert written(repeats, record("down")) == ["down"]


def test_other_texts_other_orders_and_plain_news_are_all_written(clock):
    repeats = RepeatFilter()
    both = [record("order %s: stopped", oid) for oid in ("1-2", "1-3")]
    assert len(written(repeats, *both)) == 2
    news = [record("the same", level=logging.INFO) for _ in range(3)]
    assert len(written(repeats, *news)) == 3


def test_an_outage_that_shows_in_many_texts_is_one(clock):
    repeats = RepeatFilter()
    pages = [record("GET /%s: the database failed", page, cause="database") for page in "abc"]
    assert written(repeats, *pages) == ["GET /a: the database failed"]
    answers = [record("Service Unavailable: /%s", page, status_code=503) for page in "abc"]
    for one in answers:
        one.name = "django.request"
    assert len(written(repeats, *answers)) == 1
    for one in answers:
        one.status_code = 500
    assert len(written(repeats, *answers)) == 3  # an error of ours is never one of many


def test_strangers_do_not_fill_the_log(clock):
    """By what they ask for, or by the name of another host; a traceback tells nothing of them."""
    repeats = RepeatFilter()
    for name, status in (("django.request", 404), ("django.security.DisallowedHost", 400)):
        lines = [record("Wrong: %s", number, status_code=status) for number in range(50)]
        for line in lines:
            line.name, line.exc_info = name, (ValueError, ValueError(), None)
        assert written(repeats, *lines) == ["Wrong: 0"]
        assert bool(lines[0].exc_info) == (name == "django.request")
        clock[0] += 61
        assert written(repeats, lines[1]) == ["Wrong: 1 (49 more like this since)"]


def test_what_is_remembered_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(logs, "REMEMBERED", 3)
    repeats = RepeatFilter()
    assert len(written(repeats, *(record(f"fault {number}") for number in range(5)))) == 5
    assert written(repeats, record("fault 0")) == ["fault 0"]
    assert written(repeats, record("fault 4")) == []


@pytest.mark.slow
def test_a_database_that_stays_away_fills_no_log(new_office, tmp_path):
    """Pages that fail for twenty requests are a few lines, not twenty."""
    from tests.test_metrics import ask

    office = new_office("sqlite")
    broken = tmp_path / "broken.sqlite3"
    broken.write_text("not a database at all")
    server = office.run_web("--processes", "1", DATABASE_URL=f"sqlite:///{broken}")
    for number in range(20):
        assert ask(server.url, f"/portal/?{number}", Cookie=f"sessionid={32 * 'x'}")[0] == 503
    assert server.log().count("the database failed") == 1
    assert server.log().count("Service Unavailable") <= 1
