"""The ceiling on plays a second, and the slow-down, as pure arithmetic."""

import pytest
from hypothesis import given, strategies as st

from booster.engine.rate import BURST_SECONDS, SlowDown, Spacing, TokenBucket


def started(rate: float, steps: list[float]) -> list[tuple[float, int]]:
    """How many plays start when, if whoever takes tokens comes by after each of these steps."""
    now, bucket, taken = 0.0, TokenBucket(rate, 0.0), []
    for step in [0.0, *steps]:
        now += step
        taken.append((now, bucket.take(now, 10**9)))
    return taken


@given(
    rate=st.floats(1.0, 50_000.0),
    steps=st.lists(st.floats(0.0005, BURST_SECONDS), min_size=1, max_size=300),
)
def test_the_rate_is_exact_for_whoever_comes_by_often_enough(
    rate: float, steps: list[float]
) -> None:
    taken = started(rate, steps)
    seconds = taken[-1][0]
    assert abs(sum(count for _, count in taken) - (1 + rate * seconds)) <= 1.001


@given(
    rate=st.floats(1.0, 50_000.0),
    steps=st.lists(st.floats(0.0, 60.0), min_size=1, max_size=50),
)
def test_no_stretch_of_time_gets_more_than_the_rate_and_one_burst(
    rate: float, steps: list[float]
) -> None:
    taken = started(rate, steps)
    for first in range(len(taken)):
        seconds = taken[-1][0] - taken[first][0]
        plays = sum(count for _, count in taken[first:])
        assert plays <= 1 + rate * (seconds + BURST_SECONDS) + 1e-3


@given(rate=st.floats(1.0, 50_000.0))
def test_after_the_wait_a_token_is_there_and_not_before(rate: float) -> None:
    bucket = TokenBucket(rate, 100.0)
    assert bucket.take(100.0, 5) == 1
    wait = bucket.wait(100.0)
    assert wait == pytest.approx(1 / rate)
    assert bucket.take(100.0 + wait * 0.99, 1) == 0
    assert bucket.take(100.0 + wait * 1.001, 1) == 1


def test_tokens_given_back_are_there_again() -> None:
    bucket = TokenBucket(10.0, 0.0)
    everything = bucket.take(1.0, 10**9)
    assert bucket.take(1.0, 1) == 0
    bucket.give_back(2)
    assert everything > 2
    assert bucket.take(1.0, 3) == 2


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_what_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        TokenBucket(rate, 0.0)


def wide(most: int = 64) -> SlowDown:
    slow_down = SlowDown(most)
    slow_down.widen(most)
    return slow_down


def tick(
    slow_down: SlowDown,
    *,
    answers: int = 1000,
    failures: int = 0,
    latency: float = 0.005,
) -> float:
    return slow_down.tick(
        seconds=0.1,
        answers=answers,
        failures=failures,
        in_flight=int(slow_down.width),
        latency=latency,
    )


def test_it_begins_narrow_and_widens_with_each_good_answer() -> None:
    slow_down = SlowDown(64)
    assert slow_down.width == 4
    slow_down.widen(40)
    assert (slow_down.width, slow_down.ramping) == (44, True)
    slow_down.widen(60)
    assert (slow_down.width, slow_down.ramping) == (64, False)


def test_a_site_that_takes_few_at_once_is_never_asked_for_more() -> None:
    slow_down = SlowDown(2)
    assert (slow_down.width, slow_down.ramping) == (2, False)
    for _ in range(50):
        tick(slow_down)
    assert slow_down.width == 2


def test_failures_halve_the_width_and_good_ticks_restore_it() -> None:
    slow_down = wide()
    tick(slow_down, failures=1000)
    assert slow_down.width == 32
    for _ in range(20):
        tick(slow_down)
    assert slow_down.width == 64


def test_a_site_that_answers_seldom_widens_with_its_answers_and_not_with_the_clock() -> None:
    slow_down = wide()
    tick(slow_down, answers=1, failures=1)
    tick(slow_down, answers=1)
    assert slow_down.width == 33


def test_a_site_that_lets_plays_queue_gets_no_queue_that_outlasts_its_answers() -> None:
    slow_down = SlowDown(64, first_byte_timeout=10.0)
    longest = 0.0
    for _ in range(1000):  # a play a second, one after the other
        latency = float(max(1, int(slow_down.width)))
        longest = max(longest, latency)
        tick(slow_down, answers=1, latency=latency)
    assert longest < 8


def test_a_site_that_is_slow_by_itself_gets_all_its_width() -> None:
    slow_down = SlowDown(64, first_byte_timeout=10.0)
    for good in range(100):
        if slow_down.ramping:
            slow_down.widen(good)
        tick(slow_down, answers=16, latency=4.0)
    assert slow_down.width == 64


def test_one_failure_in_a_thousand_is_no_reason_to_slow_down() -> None:
    slow_down = wide()
    tick(slow_down, answers=1000, failures=1)
    assert slow_down.width == 64


def test_one_failure_in_ten_halves_the_width() -> None:
    slow_down = wide()
    tick(slow_down, answers=1000, failures=100)
    assert slow_down.width == 32


def test_rising_latency_narrows_and_what_lasts_becomes_usual() -> None:
    slow_down = wide()
    for _ in range(10):
        tick(slow_down)
    for _ in range(5):
        tick(slow_down, answers=20, latency=0.8)
    assert slow_down.width == 2
    for _ in range(400):
        tick(slow_down, answers=20, latency=0.8)
    assert slow_down.width > 32


def test_a_rise_that_nobody_would_notice_changes_nothing() -> None:
    slow_down = wide()
    for _ in range(10):
        tick(slow_down, latency=0.001)
    tick(slow_down, latency=0.05)
    assert slow_down.width == 64


def test_latency_that_only_our_own_width_makes_is_no_suffering() -> None:
    slow_down = SlowDown(64)
    tick(slow_down, answers=100, latency=0.004)  # 1 ms a play, 4 at once
    slow_down.widen(100)
    for _ in range(10):
        tick(slow_down, answers=100, latency=0.064)  # 1 ms a play, 64 at once
    assert slow_down.width == 64


def test_a_site_for_which_one_at_a_time_is_too_much_gets_longer_and_longer_pauses() -> None:
    slow_down = SlowDown(1)
    pauses = [tick(slow_down, answers=0, failures=1) for _ in range(7)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert tick(slow_down) == 0.0
    assert tick(slow_down, failures=1000) == 0.1


@given(
    most=st.integers(1, 1000),
    ticks=st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 100), st.floats(0.0, 30.0)),
        max_size=200,
    ),
)
def test_the_width_stays_between_one_and_the_most(
    most: int, ticks: list[tuple[int, int, float]]
) -> None:
    slow_down = SlowDown(most)
    for answers, failures, latency in ticks:
        pause = tick(slow_down, answers=answers, failures=failures, latency=latency)
        assert 1 <= slow_down.width <= most
        assert 0 <= pause <= 2


def test_a_bucket_follows_a_rate_that_changes():
    bucket = TokenBucket(100.0, now=0.0)
    assert bucket.take(0.0, 10) == 1
    bucket.change(10.0, now=0.1)  # ten tokens were saved up; more than half a second's are lost
    assert bucket.take(0.1, 100) == 6
    assert bucket.take(1.1, 100) == 6
    assert bucket.wait(1.1) == pytest.approx(0.1)


def test_spaced_starts_never_come_closer_whatever_was_given_back() -> None:
    spacing = Spacing(10.0, now=0.0)
    assert spacing.take(0.0, 5) == 1
    spacing.give_back(1000)
    assert spacing.take(0.0, 5) == 1
    assert spacing.take(0.09, 5) == 0
    assert spacing.take(5.0, 5) == 1


def test_spaced_starts_at_a_high_rate_catch_up_with_a_coarse_timer() -> None:
    spacing = Spacing(5000.0, now=0.0)
    assert sum(spacing.take(tick * 0.002, 10**9) for tick in range(1001)) == pytest.approx(
        10_000, 0.01
    )


def test_another_ceiling_holds_at_once_and_is_approached_bit_by_bit() -> None:
    slow_down = wide()
    slow_down.change(8)
    assert slow_down.width == 8
    slow_down.change(64)
    assert slow_down.width == 8
    tick(slow_down)
    assert 8 < slow_down.width < 64
