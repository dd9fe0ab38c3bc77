"""Drip plans: what is due never falls, begins at the start and ends at the end; no play falls due
in quiet hours; waves and quiet hours follow the site's clock, also when it is changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from booster.pacing import DripPlan
from booster.week import DAILY_LOAD, DAILY_LOAD_PROFILE, HOUR, Week

MONDAY = 1_767_571_200.0  # a midnight, UTC
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
NIGHTS = ["Mon-Sun 22:00-06:00"]
WEEKS = [
    Week(UTC),
    Week(SHANGHAI, profile=DAILY_LOAD_PROFILE),
    Week(ZoneInfo("Asia/Kathmandu"), NIGHTS),
    Week(BERLIN, [*NIGHTS, "Sat,Sun 00:10-24:00"], DAILY_LOAD_PROFILE),
    Week(ZoneInfo("Australia/Lord_Howe"), ["Wed 12:00-12:01"], DAILY_LOAD_PROFILE),
]

plans = st.builds(
    DripPlan,
    st.integers(1, 2_000_000),
    st.floats(MONDAY, MONDAY + 400 * 86_400),
    st.floats(0.01, 400),
    st.sampled_from(WEEKS),
)


@given(plans, st.floats(-1000, 2_000_000), st.floats(0, 100_000))
def test_what_is_due_never_falls_and_stays_within_the_order(plan, after, more):
    now = plan.due_at(1) + after
    assert 0 <= plan.due(now) <= plan.due(now + more) <= plan.count


@given(plans)
def test_the_first_play_is_due_at_the_start_and_all_at_the_end(plan):
    assert plan.due(plan.due_at(1) - 1) == 0
    assert plan.due(plan.due_at(1)) >= 1
    assert plan.due(plan.end) == plan.count


@given(plans, st.data())
def test_a_play_is_due_at_its_time_and_not_a_minute_before(plan, data):
    number = data.draw(st.integers(1, plan.count))
    at = plan.due_at(number)
    assert plan.due(at + 0.001) >= number
    tolerance = 1 + plan.count * 1e-9
    assert plan.due(at - 60) <= number + tolerance


@given(st.floats(MONDAY, MONDAY + 400 * 86_400), st.sampled_from(WEEKS), st.floats(0, 300_000))
def test_nothing_more_falls_due_while_it_is_quiet(start, week, after):
    plan = DripPlan(1_000_000, start, 200, week)
    now = plan.due_at(1) + after
    opens = min(week.opens_at(now), plan.end - 0.01)
    assert plan.due(opens - 0.01) - plan.due(now) <= (0 if opens > now + 0.01 else 1)


def plays_around(plan: DripPlan, now: float) -> int:
    """In the hour of which this is the middle."""
    return plan.due(now + HOUR / 2 - 1) - plan.due(now - HOUR / 2 + 1)


def test_an_even_plan_is_half_done_at_half_time():
    plan = DripPlan(1000, MONDAY, 10)
    assert plan.due(MONDAY + 5 * HOUR) in (500, 501)
    assert plays_around(plan, MONDAY + HOUR) == pytest.approx(100, abs=1)


def test_the_daily_load_profile_follows_the_local_hours():
    plan = DripPlan(sum(DAILY_LOAD) * 100, MONDAY, 24, Week(UTC, profile=DAILY_LOAD_PROFILE))
    for hour, weight in enumerate(DAILY_LOAD):
        begin = plan.due(MONDAY + hour * HOUR)
        assert plan.due(MONDAY + (hour + 1) * HOUR) - begin == pytest.approx(weight * 100, abs=2)
    east = DripPlan(sum(DAILY_LOAD) * 100, MONDAY, 24, Week(SHANGHAI, profile=DAILY_LOAD_PROFILE))
    evening = plays_around(plan, MONDAY + 20.5 * HOUR)
    assert plays_around(east, MONDAY + 12.5 * HOUR) == pytest.approx(evening, abs=2)


def test_each_day_of_a_profile_has_its_own_hours():
    week_end = (0.0,) * 24
    profile = (*((1.0,) * 24 for _day in range(5)), week_end, week_end)
    plan = DripPlan(1200, MONDAY, 7 * 24, Week(UTC, profile=profile))
    assert plan.due(MONDAY + 5 * 24 * HOUR - 1) == plan.due(MONDAY + 7 * 24 * HOUR - 1) == 1200


def test_hours_without_any_plays_of_the_profile_are_spread_evenly():
    profile = ((0.0,) * 12 + (1.0,) * 12,) * 7
    plan = DripPlan(1000, MONDAY, 10, Week(UTC, ["01:00-02:00"], profile))
    assert plan.due(MONDAY + HOUR + 1) == plan.due(MONDAY + 2 * HOUR - 1) == 112
    assert plan.due(MONDAY + 5 * HOUR) == pytest.approx(1000 * 4 / 9, abs=1)


@pytest.mark.parametrize(("day", "offset_after"), [("2026-03-29", 2), ("2026-10-25", 1)])
def test_waves_follow_the_clock_when_it_is_put_forward_and_back(day, offset_after):
    """The evening peak is at 20:00 of the wall clock, before and after the change."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN) - timedelta(days=1)
    week = Week(BERLIN, profile=DAILY_LOAD_PROFILE)
    plan = DripPlan(1_000_000, midnight.timestamp(), 72, week)
    date = [int(part) for part in day.split("-")]
    rates = {
        hour: plays_around(plan, datetime(*date, hour, 30, tzinfo=BERLIN).timestamp())
        for hour in (4, 12, 19, 20, 21, 23)
    }
    base = plays_around(plan, midnight.timestamp() + HOUR / 2)
    for hour, rate in rates.items():
        assert rate == pytest.approx(base * DAILY_LOAD[hour] / DAILY_LOAD[0], rel=0.001)
    after = datetime(*map(int, day.split("-")), 20, tzinfo=BERLIN)
    assert after.utcoffset() == timedelta(hours=offset_after)


def test_a_plan_that_began_in_quiet_hours_begins_when_the_site_opens():
    plan = DripPlan(100, MONDAY + 23 * HOUR, 2, Week(UTC, NIGHTS))
    opens = MONDAY + 30 * HOUR
    assert (plan.due(opens - 1), plan.due(opens), plan.end) == (0, 1, opens + 2 * HOUR)


def test_what_would_be_due_in_quiet_hours_is_spread_over_the_others():
    plan = DripPlan(1600, MONDAY, 24, Week(UTC, NIGHTS))
    assert plan.end == MONDAY + 30 * HOUR
    plan = DripPlan(1600, MONDAY + 6 * HOUR, 24, Week(UTC, NIGHTS))
    assert plan.end == MONDAY + 30 * HOUR
    assert plan.due(MONDAY + 14 * HOUR) == 801
    assert plan.due(MONDAY + 22 * HOUR) == plan.due(MONDAY + 30 * HOUR - 1) == 1600


@pytest.mark.parametrize(("count", "hours"), [(0, 1), (1, 0), (1, -1)])
def test_a_plan_without_plays_or_time_is_refused(count, hours):
    with pytest.raises(ValueError, match="at least one play"):
        DripPlan(count, MONDAY, hours)
