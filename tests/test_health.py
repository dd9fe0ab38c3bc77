"""When a site is left alone and when an order is, as pure arithmetic."""

from booster.engine.health import Failures, SiteHealth
from booster.retry import FAILURES, FEW_FAILURES, FEW_REFUSALS


def health() -> SiteHealth:
    return SiteHealth(first_byte_timeout=10.0, busy_timeout=30.0, now=100.0)


def fail(
    failures: Failures, now: float = 100.0, good: int = 0, patience: float | None = 8.0
) -> bool:
    return failures.add(now, good, lambda: 4, patience)


# An order's failures in a row


def test_a_few_failures_in_a_row_are_borne() -> None:
    failures = Failures()
    assert not any(fail(failures) for _ in range(FAILURES + 3))
    assert fail(failures)
    assert failures.in_a_row == FAILURES + 4


def test_one_good_play_between_them_forgives_failures() -> None:
    failures = Failures()
    for good in range(1000):
        assert not any(fail(failures, good=good) for _ in range(5))


def test_after_a_silence_of_the_site_few_failures_suffice() -> None:
    failures = Failures()
    site = health()
    assert [fail(failures, 109.0, patience=site.patience(109.0)) for _ in range(3)] == [
        *[False] * (FEW_FAILURES - 1),
        True,
    ]


def test_an_order_that_fails_for_long_is_left_though_its_site_is_well() -> None:
    failures = Failures()
    assert not any(fail(failures, now) for now in (100.0, 100.0, 107.9))
    assert fail(failures, 108.0)


def test_a_silence_at_the_end_of_an_order_is_borne() -> None:
    failures = Failures()
    assert not any(fail(failures, now, patience=None) for now in (100.0, 110.0, 120.0, 130.0))


# The site's


def test_progress_ends_a_silence() -> None:
    site = health()
    assert site.patience(108.5) == 0.0
    site.tick(108.5, good=10)
    assert site.patience(109.0) == 8.0


def test_time_without_anything_to_send_is_no_silence() -> None:
    site = health()
    site.wake(200.0)
    assert site.patience(201.0) == 8.0


def test_a_site_that_says_not_now_is_left_only_when_nothing_good_came_for_long() -> None:
    site = health()
    for _ in range(FEW_REFUSALS):
        assert not site.refuses_all(131.0)
        site.refusals += 1
    assert not site.refuses_all(129.0)
    assert site.refuses_all(131.0)
    site.tick(131.0, good=1)
    assert not site.refuses_all(200.0)
