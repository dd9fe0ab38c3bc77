"""When a delivery tries again and when it stops: the rules, as tables and as properties."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest
from hypothesis import given, strategies as st

from booster import retry
from booster.retry import BackOff, seconds_to_wait

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = (retry.SENDING, retry.READING, retry.PROBING, retry.WAITING)
MIDDLE = 0.5  # the jitter that moves a delay neither way

rules = st.sampled_from(RULES)
jitters = st.floats(0, 1, exclude_max=True)
failures = st.integers(1, 10**6)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("rule", "delays"),
    [
        (retry.SENDING, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (retry.READING, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (retry.PROBING, [2, 4, 8, 16, 32, 60, 60]),
        (retry.WAITING, [180, 180]),
    ],
)
def test_delays_double_up_to_the_longest(rule: BackOff, delays: list[float]) -> None:
    assert [rule.delay(n, MIDDLE) for n in range(1, len(delays) + 1)] == pytest.approx(delays)


@given(rules, failures, jitters)
def test_a_delay_is_spread_by_a_fifth_and_stays_within_its_bounds(
    rule: BackOff, number: int, jitter: float
) -> None:
    """Also after more failures than two to their power fits a float."""
    usual = rule.delay(number, MIDDLE)
    delay = rule.delay(number, jitter)
    assert usual * 0.799 <= delay <= usual * 1.201
    assert rule.first * 0.799 <= delay <= rule.upper_bound


@given(rules, failures, jitters)
def test_no_further_failure_makes_a_delay_shorter(
    rule: BackOff, number: int, jitter: float
) -> None:
    assert rule.delay(number, jitter) <= rule.delay(number + 1, jitter)


@given(rules, failures, jitters, st.floats(0.001, 10**9))
def test_a_site_that_says_when_gets_its_way_for_a_day_at_most(
    rule: BackOff, number: int, jitter: float, asked: float
) -> None:
    assert rule.delay(number, jitter, asked) == min(asked, 24 * 3600)


@pytest.mark.parametrize("said_nothing", [None, 0.0])
def test_a_retry_after_of_nothing_is_no_leave_to_come_at_once(said_nothing: float | None) -> None:
    assert retry.SENDING.delay(1, MIDDLE, said_nothing) == pytest.approx(2)


def test_ten_failures_in_a_row_end_an_order_and_no_number_ends_the_waiting_for_others() -> None:
    assert [retry.SENDING.is_spent(number) for number in (1, 9, 10, 11)] == [
        False,
        False,
        True,
        True,
    ]
    for rule in (retry.READING, retry.PROBING, retry.WAITING):
        assert not rule.is_spent(10**6)


def test_failures_are_counted_as_far_as_their_column_holds() -> None:
    """A site that asks to come again each second is asked 86,400 times in the patience for it."""
    assert retry.next_attempt(0) == 1
    assert retry.next_attempt(32_767) == 32_767


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("59.871", 59.871),
        ("999999999", 86400.0),
        ("2000000090", 90.0),
        ("9" * 40, None),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 18 May 2033 03:34:50 GMT", 90.0),
        ("Wed, 18 May 2033 03:34:50 -0000", 90.0),
        ("Wed May 18 03:34:50 2033", 90.0),
        ("Wed, 18 May 2033 03:33:01 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
    ],
)
def test_retry_after_is_seconds_or_a_moment(text: str, seconds: float | None) -> None:
    found = seconds_to_wait(503, {"retry-after": text}, now=2e9)
    assert found == pytest.approx(seconds)


@pytest.mark.parametrize("hours", [-1, 0, 1])
@pytest.mark.parametrize("told", ["retry-after", "x-ratelimit-reset"])
def test_a_moment_is_told_by_the_site_s_own_clock(hours: int, told: str) -> None:
    """With a clock an hour ahead a pause of two seconds became one of an hour."""
    clock = 2e9 + 3600 * hours
    until = formatdate(clock + 2, usegmt=True) if told == "retry-after" else str(int(clock) + 2)
    headers = {told: until, "date": formatdate(clock, usegmt=True)}
    assert seconds_to_wait(429, headers, now=2e9) == 2.0


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_a_site_that_says_no_date_is_believed_by_ours(date: str) -> None:
    headers = {"retry-after": "Wed, 18 May 2033 03:34:50 GMT", "date": date}
    assert seconds_to_wait(503, headers, now=2e9) == 90.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"ratelimit": "limit=100, remaining=0, reset=42"}, 42.0),
        ({"ratelimit": '"100-in-1min"; r=0; t=42'}, 42.0),
        ({"ratelimit": '"day";r=900;t=80000, "burst";r=0;t=42'}, 42.0),
        ({"ratelimit": '"burst";r=0;t=2,"min";r=0;t=42,"day";r=900;t=80000'}, 42.0),
        ({"ratelimit": '"default";r=5;t=42'}, 42.0),
        ({"ratelimit": "limit=100", "ratelimit-reset": "42"}, 42.0),
        ({"x-ratelimit-reset": "2000000042"}, 42.0),
        ({"x-ratelimit-reset": "soon", "x-rate-limit-reset": "7"}, 7.0),
        ({"retry-after": "3", "ratelimit-reset": "42"}, 3.0),
        ({"retry-after": "soon", "ratelimit-reset": "42"}, None),
    ],
)
def test_a_429_without_retry_after_asks_to_wait_until_its_limit_begins_anew(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert seconds_to_wait(429, headers, now=2e9) == seconds
    if "retry-after" not in headers:
        assert seconds_to_wait(503, headers, now=2e9) is None


@pytest.mark.parametrize(("seconds", "may_pass"), [(0, True), (1799, True), (1800, False)])
def test_a_trouble_of_a_site_may_pass_for_half_an_hour(seconds: float, may_pass: bool) -> None:
    assert retry.may_pass(1000.0, 1000.0 + seconds) == may_pass


@pytest.mark.parametrize(
    ("waited", "delay"), [(-5, 0.2), (0, 0.2), (1, 0.2), (10, 1), (600, 60), (7200, 60)]
)
def test_a_counter_is_read_again_after_a_tenth_of_the_wait(waited: float, delay: float) -> None:
    assert retry.seconds_to_reading(waited) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("sent", "shown", "allowed", "one_at_a_time", "again"),
    [
        (1000, 960, 40, True, 40),
        (1000, 900, 40, True, 40),
        (1000, 900, 40, False, 100),
        (1000, 200, 0, False, 800),
        (1000, 199, 0, False, 0),  # it counts once an address, say
        (1000, 900, -10, True, 0),  # as many were sent again before
    ],
)
def test_all_that_is_missing_is_sent_again_where_plays_that_came_together_were_lost(
    sent: int, shown: int, allowed: int, one_at_a_time: bool, again: int
) -> None:
    found = retry.plays_to_send_again(
        sent=sent, shown=shown, allowed=allowed, one_at_a_time=one_at_a_time
    )
    assert found == again


@pytest.mark.parametrize(("lag", "step"), [(0, 1), (3, 1.5), (600, 60)])
def test_a_counter_that_catches_up_is_read_in_steps_of_its_lag(lag: float, step: float) -> None:
    assert retry.catching_up_step(lag) == step


@pytest.mark.parametrize(("sending", "lag", "seconds"), [(0, 0, 5), (100, 3, 120), (100, 900, 900)])
def test_a_counter_that_catches_up_is_waited_for_a_little_longer_than_was_sent(
    sending: float, lag: float, seconds: float
) -> None:
    assert retry.catching_up_patience(sending, lag) == seconds


def test_each_rule_that_the_table_names_is_there() -> None:
    table = retry.__doc__ or ""
    numbers = set(re.findall(r"\b[A-Z][A-Z_]{3,}\b", table)) - {"JSON"}
    functions = set(re.findall(r"\b([a-z_]+)\(\)", table))
    assert len(numbers) > 20
    assert len(functions) > 3
    assert {name for name in numbers | functions if not hasattr(retry, name)} == set()


def test_a_site_without_its_token_is_asked_every_minute() -> None:
    assert retry.TOKEN_INTERVAL.total_seconds() == 60


@pytest.mark.parametrize(
    ("count", "after"),
    [(1, timedelta(hours=72, seconds=0.02)), (36_000, timedelta(hours=72, minutes=12))],
)
def test_the_deadline_is_beyond_the_plan_and_twice_the_time_at_the_ceiling(
    count: int, after: timedelta
) -> None:
    end = retry.deadline(NOON, count=count, plays_per_second=100, grace_hours=72)
    assert end == NOON + after


@given(
    moments,
    moments,
    st.integers(1, 10**9),
    st.floats(1, 10**5),
    st.integers(1, 1000),
)
def test_what_began_too_late_to_be_late_is_not(
    start: datetime, now: datetime, count: int, rate: float, grace: int
) -> None:
    end = retry.deadline(start, count=count, plays_per_second=rate, grace_hours=grace)
    if start > retry.late_start_cutoff(now, grace):
        assert now < end
