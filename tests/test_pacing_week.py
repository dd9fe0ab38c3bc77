"""A site's week: quiet hours and load profiles as people type them, and the clock they follow."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from booster.exceptions import PermanentError, SiteCode
from booster.week import DAYS, HOUR, Week, load_profile, quiet_lines

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Mon-Fri 22:00-06:00", ["Mon-Fri 22:00-06:00"]),
        ("  monday – friday   22:00 – 6:00 ", ["Mon-Fri 22:00-06:00"]),
        ("Sat, Sun 00:00-24:00", ["Sat-Sun 00:00-24:00"]),
        ("Fri-Mon 1:00-2:00", ["Mon,Fri-Sun 01:00-02:00"]),
        ("22:00-06:00", ["Mon-Sun 22:00-06:00"]),
        ("daily 12:00 to 13:00", ["Mon-Sun 12:00-13:00"]),
        (
            "周一至周五 22：00－06：00\n星期六 0:00-24:00",
            ["Mon-Fri 22:00-06:00", "Sat 00:00-24:00"],
        ),
        ("Wed 1:00-2:00\n\nWed 1:00-2:00\n", ["Wed 01:00-02:00"]),
        ("", []),
    ],
)
def test_quiet_hours_are_read_as_people_write_them(typed, kept):
    assert quiet_lines(typed) == kept
    assert quiet_lines("\n".join(kept)) == kept


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Mon-Fri", SiteCode.QUIET_LINE_UNREADABLE),
        ("Mon 22-06", SiteCode.QUIET_LINE_UNREADABLE),
        ("Mon 22:00-06:00 please", SiteCode.QUIET_LINE_UNREADABLE),
        ("Mondey-Xri 22:00-06:00", SiteCode.QUIET_DAY_UNKNOWN),
        ("Mon- 22:00-06:00", SiteCode.QUIET_DAY_UNKNOWN),
        ("Mon 24:30-25:00", SiteCode.QUIET_TIME_UNREADABLE),
        ("Mon 22:60-23:00", SiteCode.QUIET_TIME_UNREADABLE),
        ("Mon 24:00-01:00", SiteCode.QUIET_TIME_UNREADABLE),
        ("Mon-Sun 00:00-24:00", SiteCode.QUIET_ALWAYS),
        ("daily 00:00-12:00\ndaily 12:00-00:00", SiteCode.QUIET_ALWAYS),
        ("Mon 22:00-06:00" + " " * 1_000, SiteCode.WEEK_LINE_TOO_LONG),
    ],
)
def test_quiet_hours_that_cannot_be_read_are_refused_with_what_is_wrong(typed, code):
    with pytest.raises(PermanentError) as refused:
        quiet_lines(typed)
    assert refused.value.code == code


days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True).map(",".join)
times = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(
    lambda one: "{:02}:{:02}".format(*one)
)
lines = st.tuples(days, times, times).map(lambda one: f"{one[0]} {one[1]}-{one[2]}")


@given(st.lists(lines, max_size=2), st.floats(0, 14 * 86_400))
def test_a_site_opens_at_the_first_minute_that_is_not_quiet(typed, after):
    week = Week(UTC, quiet_lines("\n".join(typed)))
    now = MONDAY.timestamp() + after

    def is_quiet(moment: float) -> bool:
        local = datetime.fromtimestamp(moment, UTC)
        return any(
            begin <= minute < end
            for line in typed
            for begin, end in spelled_out(line)
            for minute in (week_minute(local), week_minute(local) + 7 * 1440)
        )

    opens = week.opens_at(now)
    assert not is_quiet(opens)
    assert opens == now if not is_quiet(now) else opens > now
    minute = now
    while minute < opens:
        assert is_quiet(minute)
        minute += 60


def week_minute(local: datetime) -> int:
    return local.weekday() * 1440 + local.hour * 60 + local.minute


def spelled_out(line: str):
    names, span = line.split(" ")
    begin, end = (int(time[:2]) * 60 + int(time[3:]) for time in span.split("-"))
    for name in names.split(","):
        at = DAYS.index(name) * 1440
        yield at + begin, at + end + (1440 if end <= begin else 0)


def test_quiet_hours_follow_the_clock_when_it_is_put_forward_and_back():
    week = Week(BERLIN, ["Mon-Sun 22:00-06:00"])
    for year, month, day in ((2026, 3, 28), (2026, 3, 29), (2026, 10, 24), (2026, 10, 25)):
        late = datetime(year, month, day, 23, 30, tzinfo=BERLIN)
        opens = datetime.fromtimestamp(week.opens_at(late.timestamp()), BERLIN)
        assert (opens.hour, opens.minute) == (6, 0)
        assert opens.date() == late.date() + timedelta(days=1)


def test_quiet_hours_that_the_clock_skips_are_none():
    """At 2:00 it is put forward to 3:00."""
    week = Week(BERLIN, ["Sun 02:00-03:00"])
    skipped = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC).timestamp()
    assert week.opens_at(skipped) == skipped
    assert week.opens_at(skipped + 1) == skipped + 1
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    assert week.opens_at(twice) == twice + 1.5 * HOUR


def test_only_open_time_counts_towards_a_moment():
    week = Week(UTC, ["22:00-06:00"])
    evening = MONDAY.timestamp() + 21 * HOUR
    assert week.after(evening, 0.5 * HOUR) == evening + 0.5 * HOUR
    assert week.after(evening, 2 * HOUR) == evening + 10 * HOUR
    assert week.after(evening + 2 * HOUR, 17 * HOUR) == evening + (9 + 24 + 1) * HOUR
    assert Week(UTC).after(evening, 1000 * HOUR) == evening + 1000 * HOUR


HOURS = [str(number) for number in range(24)]
SAME_EACH_DAY = [list(range(24))] * 7


@pytest.mark.parametrize(
    "typed",
    [
        " ".join(HOURS),
        ",".join(HOURS),
        "\n".join(HOURS),
        "\n".join([";".join(HOURS)] * 7),
        "\n".join("\t".join([hour] * 7) for hour in HOURS),
        "mon tue wed thu fri sat sun\n" + "\n".join(" ".join([hour] * 7) for hour in HOURS),
        "weekday,hour,plays\n"
        + "\n".join(f"{day},{hour},{hour}" for day in range(1, 8) for hour in HOURS),
        "\n".join(f"{day}, {hour}, {int(hour) / 2}" for day in 2 * DAYS for hour in HOURS),
        # As programs write tables: a mark before all, quotes, decimal commas, shares, names.
        "\ufeff" + ",".join(HOURS),
        ",".join(f'"{hour}"' for hour in HOURS),
        ";".join(f"{hour},0" for hour in HOURS),
        " ".join(f"{hour}%" for hour in HOURS),
        "\n".join(f"{day};{int(hour):02}:00;{hour},00" for day in DAYS for hour in HOURS),
        "\n".join(",".join([day, *HOURS]) for day in reversed(DAYS)),
        ",".join(["", *HOURS]) + "\n" + "\n".join(",".join([day, *HOURS]) for day in DAYS),
        "hour,mon,tue,wed,thu,fri,sat,sun\n"
        + "\n".join(",".join([hour, *([hour] * 7)]) for hour in HOURS),
    ],
)
def test_a_load_profile_is_read_in_each_of_its_shapes(typed):
    assert load_profile(typed) == SAME_EACH_DAY


def test_days_are_those_that_a_table_names_whichever_comes_first():
    hours = "\n".join(f"{hour}:00;7,5;1;2;3;4;5;6" for hour in HOURS)
    by_hour = load_profile(f"Hour;Sun;Mon;Tue;Wed;Thu;Fri;Sat\n{hours}")
    assert by_hour == [[day] * 24 for day in (1, 2, 3, 4, 5, 6, 7.5)]
    by_day = "\n".join(
        f"{name}," + ",".join([str(day)] * 24)
        for day, name in enumerate(("sunday", "monday", "tuesday", "wed", "thu", "fri", "sat"))
    )
    assert load_profile(by_day) == [[day] * 24 for day in (1, 2, 3, 4, 5, 6, 0)]


def test_lines_of_weekday_and_hour_may_leave_hours_out():
    profile = load_profile("星期一,8,5\nSunday,23,0.5")
    assert (profile[0][8], profile[6][23], sum(map(sum, profile))) == (5, 0.5, 5.5)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("1 2 3 4", SiteCode.PROFILE_OF_ODD_SHAPE),
        ("", SiteCode.PROFILE_OF_ODD_SHAPE),
        ("1 " * 501, SiteCode.WEEK_LINE_TOO_LONG),
        ("\n".join([" ".join(HOURS)] * 6), SiteCode.PROFILE_OF_ODD_SHAPE),
        ("1,24,7", SiteCode.PROFILE_HOUR_UNKNOWN),
        ("0,23,7", SiteCode.PROFILE_DAY_UNKNOWN),
        ("Mon,23,-7", SiteCode.PROFILE_NUMBER_UNREADABLE),
        ("Mon,23,nan", SiteCode.PROFILE_NUMBER_UNREADABLE),
        ("Mon,23,9999999999999", SiteCode.PROFILE_NUMBER_UNREADABLE),
        (" ".join(["0"] * 24), SiteCode.PROFILE_EMPTY),
        ("\n".join(" ".join(["mon", *HOURS]) for _day in DAYS), SiteCode.PROFILE_OF_ODD_SHAPE),
        (";".join(["1,200"] * 24), SiteCode.PROFILE_NUMBER_UNREADABLE),
        ("\n".join(HOURS[1:]), SiteCode.PROFILE_OF_ODD_SHAPE),
    ],
)
def test_a_load_profile_that_cannot_be_read_is_refused_with_what_is_wrong(typed, code):
    with pytest.raises(PermanentError) as refused:
        load_profile(typed)
    assert refused.value.code == code
