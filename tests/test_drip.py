"""The drip plan: what is due never falls, begins at the start and ends at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booster.pacing import DAY_WAVE, HOUR, DripPlan

MONDAY = 1_767_571_200.0  # a midnight, UTC

plans = st.builds(
    DripPlan,
    st.integers(1, 2_000_000),
    st.floats(MONDAY, MONDAY + 86_400),
    st.floats(0.01, 400),
    st.booleans(),
    st.sampled_from([0.0, 8 * HOUR, -4.5 * HOUR]),
)


@given(plans, st.floats(-1000, 2_000_000), st.floats(0, 100_000))
def test_what_is_due_never_falls_and_stays_within_the_order(plan, after, more):
    now = MONDAY + after
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


def test_an_even_plan_is_half_done_at_half_time():
    plan = DripPlan(1000, MONDAY, 10)
    assert plan.due(MONDAY + 5 * HOUR) in (500, 501)
    assert plan.rate(MONDAY + HOUR) == pytest.approx(1000 / (10 * HOUR))


def test_a_day_wave_follows_the_local_hours():
    plan = DripPlan(sum(DAY_WAVE) * 100, MONDAY, 24, True)
    for hour, weight in enumerate(DAY_WAVE):
        begin = plan.due(MONDAY + hour * HOUR)
        assert plan.due(MONDAY + (hour + 1) * HOUR) - begin == pytest.approx(weight * 100, abs=2)
    shifted = DripPlan(sum(DAY_WAVE) * 100, MONDAY, 24, True, utc_offset=8 * HOUR)
    assert shifted.rate(MONDAY + 12.5 * HOUR) == pytest.approx(plan.rate(MONDAY + 20.5 * HOUR))


@pytest.mark.parametrize(("count", "hours"), [(0, 1), (1, 0), (1, -1)])
def test_a_plan_without_plays_or_time_is_refused(count, hours):
    with pytest.raises(ValueError, match="at least one play"):
        DripPlan(count, MONDAY, hours)
