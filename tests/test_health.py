"""When a site is left alone, as pure arithmetic."""

from booster.engine.health import FAILURES, FEW_FAILURES, SiteHealth


def health(connections: int = 4) -> SiteHealth:
    return SiteHealth(connections, first_byte_timeout=10.0, now=100.0)


def test_a_few_failures_in_a_row_are_borne() -> None:
    site = health()
    for _ in range(FAILURES + 3):
        assert site.play_failed(100.0, good=0, in_flight=4, more=True) == 0
    assert site.play_failed(100.0, good=0, in_flight=4, more=True) == FAILURES + 4


def test_one_good_play_between_them_forgives_failures() -> None:
    site = health()
    for good in range(1000):
        for _ in range(5):
            assert site.play_failed(100.0, good=good, in_flight=4, more=True) == 0


def test_after_a_silence_few_failures_suffice() -> None:
    site = health()
    failures = [site.play_failed(109.0, good=0, in_flight=4, more=True) for _ in range(3)]
    assert failures == [0, 0, FEW_FAILURES]


def test_a_silence_at_the_end_of_an_order_is_borne() -> None:
    site = health()
    assert not any(site.play_failed(109.0, good=0, in_flight=4, more=False) for _ in range(5))


def test_progress_ends_a_silence() -> None:
    site = health()
    site.tick(108.0, 0.1, good=10, waits=[])
    assert not any(site.play_failed(109.0, good=10, in_flight=4, more=True) for _ in range(5))


def test_a_pause_that_the_site_asked_for_is_kept() -> None:
    site = health()
    site.pushed_back(100.0, 3.0)
    assert site.width(102.9, good=0) == 0
    assert site.width(103.1, good=0) == 4


def test_a_push_back_without_a_time_narrows_at_the_next_tick() -> None:
    site = health()
    site.pushed_back(100.0, None)
    assert site.width(100.0, good=0) == 4
    site.tick(100.1, 0.1, good=0, waits=[])
    assert site.width(100.2, good=0) == 2
