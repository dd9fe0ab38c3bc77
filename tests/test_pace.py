"""The pace of a site, against models of the limiters that sites have, in simulated time."""

from collections.abc import Callable

import pytest

from booster.engine.ceiling import FIRST_HOLD, Ceiling, WholeCeiling
from booster.engine.interface import Learned
from booster.engine.pace import Pace
from tests.limited_site import (
    EachSecond,
    EachWhile,
    LimitConn,
    Limiter,
    LimitReq,
    OutOfOrder,
    Run,
    Unsteady,
)

FOUND = 30  # seconds that finding a limit may take
LIMITS = (
    2,
    5,
    20,
    100,
    500,
    *(pytest.param(rate, marks=pytest.mark.slow) for rate in (2000, 5000)),
)

# A limiter that is strict to the millisecond, at rates where those count, has a burst.
KINDS: dict[str, Callable[[float], Limiter]] = {
    "nginx limit_req": lambda rate: LimitReq(rate=rate, burst=int(rate / 100) if rate > 100 else 0),
    "nginx limit_req burst=10": lambda rate: LimitReq(rate=rate, burst=10, nodelay=False),
    "nginx limit_req burst=20 nodelay": lambda rate: LimitReq(rate=rate, burst=20),
    "nginx limit_conn 4": lambda rate: LimitConn(most=4, seconds=4 / rate),
    "token bucket": lambda rate: LimitReq(rate=rate, burst=int(2 * rate)),
    "429 with Retry-After: 1": lambda rate: LimitReq(rate=rate, burst=int(rate), retry_after=1.0),
    "a counter for each second": lambda rate: EachSecond(rate=rate),
}


def site(kind: str, limit: float, seed: int, learned: Learned | None = None) -> Run:
    latency = min(0.01, 0.4 / limit) if "conn" in kind else 0.01
    jitter = min(0.0005, latency / 20, 0.02 / limit if kind == "nginx limit_req" else 1.0)
    limiter = KINDS[kind](limit)
    return Run(limiter, seed=seed, latency=latency, jitter=jitter, learned=learned)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_is_found_kept_and_remembered(kind: str, limit: float) -> None:
    seconds = 60 if limit < 1000 else 20
    run = site(kind, limit, seed=1)
    run.go_on(FOUND + seconds)
    assert run.a_second(FOUND, FOUND + seconds) >= 0.8 * limit
    assert run.share_refused(FOUND, FOUND + seconds) < 0.1
    assert sum(run.refused[second] for second in range(FOUND)) < 150 + limit * FOUND / 10

    following = site(kind, limit, seed=2, learned=run.pace.learned)
    following.go_on(3)
    assert sum(following.good.values()) >= 3 * 0.8 * limit - 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_the_slowest_limit_is_found_whatever_the_chance(kind: str, seed: int) -> None:
    run = site(kind, 2, seed=100 + seed)
    run.go_on(FOUND + 60)
    assert run.a_second(FOUND, FOUND + 60) >= 0.8 * 2
    assert run.share_refused(FOUND, FOUND + 60) < 0.1


def test_a_limit_far_away_is_found() -> None:
    run = Run(LimitReq(rate=100, burst=20), latency=0.15, jitter=0.01)
    run.go_on(FOUND + 30)
    assert run.a_second(FOUND, FOUND + 30) >= 80
    assert run.share_refused(FOUND, FOUND + 30) < 0.1


def test_a_site_without_a_limit_is_not_held_back() -> None:
    run = Run(Limiter())
    run.go_on(10)
    assert run.a_second(1, 10) > 0.95 * 64 / 0.011
    assert run.pace.learned == Learned()
    assert run.pace.take(run.now, 1000) == 1000


def test_one_refusal_in_a_hundred_changes_nothing() -> None:
    run = Run(Unsteady(one_in=100))
    run.go_on(10)
    assert run.a_second(1, 10) > 0.9 * 64 / 0.011
    assert run.pace.learned == Learned()


def test_a_site_that_refuses_everything_is_asked_ever_more_seldom() -> None:
    run = Run(Unsteady(one_in=1))
    run.go_on(30)
    assert len(run.starts) < 200
    assert sum(run.refused[second] for second in range(20, 30)) <= 6


QUOTAS = ((100, 60), (20, 10), (200, 10), (50, 5))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("most", "seconds"), QUOTAS)
def test_a_quota_is_known_for_what_it_gives_a_second_by_its_second_drought(
    most: int, seconds: int, seed: int
) -> None:
    limit = most / seconds
    run = Run(EachWhile(most=most, seconds=seconds), seed=seed)
    run.go_on(6 * seconds)
    assert run.a_second(0, 6 * seconds) >= 0.85 * limit
    assert sum(run.refused[second] for second in range(4 * seconds, 6 * seconds)) < 60
    assert run.pace.learned.rate == pytest.approx(limit, rel=0.2)

    following = Run(EachWhile(most=most, seconds=seconds), seed=seed + 1, learned=run.pace.learned)
    following.go_on(2 * seconds)
    assert following.a_second(0, 2 * seconds) >= 0.8 * limit
    assert sum(following.refused.values()) < 60


@pytest.mark.parametrize(("most", "seconds"), [(200, 10), (1000, 60)])
def test_a_quota_that_counts_what_it_refuses_is_not_used_up_by_refusals(
    most: int, seconds: int
) -> None:
    run = Run(EachWhile(most=most, seconds=seconds, counts_refused=True))
    run.go_on(12 * seconds)
    assert run.a_second(4 * seconds, 12 * seconds) >= 0.75 * most / seconds


def test_what_is_learned_while_everything_is_refused_is_what_was_known_before() -> None:
    run = Run(EachWhile(most=1000, seconds=60))
    run.go_on(50)
    assert sum(run.good.values()) == 1000
    assert run.pace.learned == Learned()


def test_a_site_that_is_out_of_order_once_is_as_fast_as_before_soon_after() -> None:
    run = Run(OutOfOrder(since=1010, until=1020))
    run.go_on(40)
    assert run.a_second(35, 40) > 0.9 * 64 / 0.011
    assert run.pace.learned == Learned()
    assert sum(run.refused.values()) < 300


def test_who_is_sent_away_by_a_quota_knows_what_it_gives() -> None:
    site = pace()
    site.sent_away(110.0, good=100, seconds=50.0)
    site.sent_away(110.1, good=100, seconds=49.9)  # one that was on its way
    assert site.learned.rate == pytest.approx(0.95 * 100 / 60)
    assert site.take(200.0, 1000) == 1000


def test_where_only_some_are_sent_away_nothing_is_learned_of_the_site() -> None:
    site = pace()
    site.sent_away(110.0, good=100, seconds=50.0)
    for tick in range(20):
        site.tick(110.1 + tick / 10, 0.1, good=120 + 20 * tick, waits=[0.01] * 4)
    assert site.learned == Learned()
    assert site.take(200.0, 1000) == 1000


def test_where_a_site_gives_more_than_before_that_is_noticed() -> None:
    limiter = LimitReq(rate=50, burst=5)
    run = Run(limiter)
    run.go_on(30)
    limiter.rate = 400
    run.go_on(80)
    assert run.a_second(70, 80) >= 0.8 * 400


def test_where_a_site_has_no_limit_any_more_none_is_kept() -> None:
    limiter = LimitReq(rate=50, burst=5)
    run = Run(limiter)
    run.go_on(30)
    assert run.pace.learned.rate == pytest.approx(50, rel=0.2)
    limiter.burst = 10**9
    run.go_on(80)
    assert run.a_second(75, 80) > 0.9 * 64 / 0.011
    assert run.pace.learned == Learned()


def test_where_a_site_gives_less_than_before_that_is_kept_to() -> None:
    limiter = LimitReq(rate=200, burst=20)
    run = Run(limiter)
    run.go_on(30)
    limiter.rate = 50
    run.go_on(60)
    assert run.a_second(40, 60) >= 0.8 * 50
    assert run.share_refused(40, 60) < 0.1


@pytest.mark.parametrize("burst", [0, 5])
def test_where_a_site_gives_far_less_than_before_that_is_found_as_soon_as_from_nothing(
    burst: int,
) -> None:
    limiter = LimitReq(rate=1000, burst=20)
    run = Run(limiter)
    run.go_on(10)
    limiter.rate, limiter.burst = 5, burst
    run.go_on(10 + FOUND + 30)
    assert run.a_second(10 + FOUND, 10 + FOUND + 30) >= 0.8 * 5
    assert run.share_refused(10 + FOUND, 10 + FOUND + 30) < 0.1


def test_where_more_at_once_are_let_in_than_before_that_is_noticed() -> None:
    limiter = LimitConn(most=4, seconds=0.05)
    run = Run(limiter)
    run.go_on(30)
    assert run.pace.learned == Learned(connections=4)
    limiter.most = 16
    run.go_on(80)
    assert run.a_second(70, 80) >= 0.8 * 16 / 0.06


def test_what_an_order_does_not_use_it_does_not_learn() -> None:
    run = Run(LimitReq(rate=100), jitter=0.0001)
    run.go_on(30)
    learned = run.pace.learned
    following = Run(LimitReq(rate=100), jitter=0.0001, learned=learned)
    following.demand = 5.0
    following.go_on(60)
    assert following.pace.learned == learned


def test_the_operators_rate_is_kept_to_whatever_was_learned() -> None:
    run = Run(Limiter(), rate=20.0, learned=Learned(rate=1000.0))
    run.go_on(10)
    assert len(run.starts) == pytest.approx(200, abs=3)


def test_spaced_starts_do_not_come_in_bursts() -> None:
    run = Run(Limiter(), learned=Learned(rate=50.0))
    run.go_on(5)
    gaps = [after - before for before, after in zip(run.starts, run.starts[1:], strict=False)]
    assert len(gaps) > 200
    assert min(gaps) > 0.0199


def test_where_plays_wait_in_a_queue_none_waits_until_it_is_given_up() -> None:
    run = Run(LimitReq(rate=2, burst=1000, nodelay=False))
    run.go_on(120)
    assert run.longest < 8
    assert run.a_second(0, 120) >= 0.95 * 2


def pace(connections: int = 64, learned: Learned | None = None) -> Pace:
    return Pace(connections, None, 10.0, 100.0, learned)


def test_a_pause_that_the_site_asked_for_is_kept() -> None:
    site = pace()
    site.pushed_back(100.0, good=0, in_flight=1, retry_after=3.0)
    site.pushed_back(100.1, good=0, in_flight=1, retry_after=None)
    assert site.width(102.9, good=0) == 0
    assert site.width(103.1, good=0) == 4


def test_one_refusal_narrows_nothing() -> None:
    site = pace()
    site.pushed_back(100.0, good=0, in_flight=4, retry_after=None)
    for tick in range(20):
        site.tick(100.1 + tick / 10, 0.1, good=0, waits=[0.01] * 4)
    assert site.width(102.2, good=0) == 4
    assert site.take(200.0, 1000) == 1000


def test_what_was_learned_is_known_at_once_and_is_still_known_at_the_end() -> None:
    for learned in (Learned(), Learned(rate=7.0), Learned(connections=3)):
        assert pace(learned=learned).learned == learned
    site = pace(learned=Learned(connections=3))
    assert site.width(100.0, good=0) == 3


def test_other_ceilings_hold_from_now_on() -> None:
    site = pace()
    assert site.take(100.0, 1000) == 1000
    site.change(2, 10.0, now=100.0)
    assert site.width(100.0, good=0) == 2
    assert site.take(100.0, 1000) == 1
    site.change(2, None, now=100.0)
    assert site.take(100.0, 1000) == 1000


@pytest.mark.parametrize("limit", [1.0, 3.7, 4800.0])
def test_a_ceiling_closes_in_from_both_sides(limit: float) -> None:
    ceiling = Ceiling(1.0)
    for second in range(60):
        if ceiling.value <= limit:
            ceiling.bear(float(second))
        else:
            ceiling.refuse(limit)
    assert 0.9 * limit <= ceiling.known <= limit


@pytest.mark.parametrize("limit", [1, 2, 7, 300])
def test_a_ceiling_in_whole_numbers_is_exact(limit: int) -> None:
    ceiling = WholeCeiling(1)
    for second in range(100):
        if ceiling.value <= limit:
            ceiling.bear(float(second))
        else:
            ceiling.refuse(0)
    assert ceiling.known == limit


def test_looks_above_a_ceiling_become_rare() -> None:
    ceiling, looks, now = Ceiling(100.0, refused=101.0), [], 0.0
    while now < 1000:
        if ceiling.value <= 100:
            ceiling.bear(now)
        else:
            looks.append(now)
            ceiling.refuse(100.0)
        now += 1.0
    assert looks[0] > FIRST_HOLD
    assert len(looks) <= 12
    assert looks[-1] - looks[-3] > 300


def test_a_refusal_of_everything_that_is_soon_over_leaves_what_was_known() -> None:
    ceiling = Ceiling(100.0)
    ceiling.bear(0.0)
    tried = ceiling.value
    for _ in range(5):
        ceiling.fall(taken=0)
    assert ceiling.value < 1.0
    ceiling.bear(1.0)
    assert 100.0 == ceiling.value < tried
