"""What a counter's reading means: never more than was sent, never a refund on a doubt."""

import dataclasses
import random

import pytest
from hypothesis import given, strategies as st

from booster.proof import Action, Evidence, Reading, Watch, evidence_of, judge, organic
from core.reasons import Code, Reason
from tests.faults.simulated import Counter, KeptPage, Run

SENT_1000 = Evidence(sent=1000, rise=1000, may_lag=False, may_still_move=True, allowance=0)


def reading(**more) -> Evidence:
    return dataclasses.replace(SENT_1000, **more)


@pytest.mark.parametrize(("asked", "is_missed"), [(60.0, False), (600.0, True)])
def test_how_long_a_counter_took_is_known_only_where_it_was_read_meanwhile(asked, is_missed):
    watch = Watch()
    watch.begin(Reading(0.0, 0.01, 0, idle=True))
    watch.note_play(10.0)
    watch.add(Reading(asked, asked, 100, idle=True), settled=11, sent=100, done=100, reserved=100)
    assert (watch.missed, watch.seconds_to_show) == (is_missed, asked - 10)
    watch.note_play(asked)
    assert not watch.missed


def test_a_counter_that_shows_all_settles_at_once_also_while_it_may_lag():
    for may_lag in (True, False):
        verdict = judge(reading(may_lag=may_lag))
        assert (verdict.action, verdict.plays, verdict.remark) == (Action.SETTLE, 1000, "")


def test_other_peoples_views_are_not_billed():
    verdict = judge(reading(rise=1500))
    assert (verdict.plays, verdict.remark) == (1000, "")


def test_a_counter_that_jumped_is_shown_to_the_staff():
    verdict = judge(reading(rise=50_000))
    assert (verdict.action, verdict.plays) == (Action.SETTLE, 1000)
    assert verdict.remark == Reason.of(Code.COUNTER_ROSE_TOO_FAR, number=50_000, sent=1000)


def test_what_is_missing_is_waited_for_while_the_counter_may_lag():
    assert judge(reading(rise=700, may_lag=True, allowance=1000)).action == Action.WAIT


def test_what_a_counter_lost_is_sent_again_within_the_allowance():
    verdict = judge(reading(rise=960, allowance=40))
    assert (verdict.action, verdict.plays) == (Action.RESEND, 40)
    verdict = judge(reading(rise=960, allowance=39))
    assert (verdict.action, verdict.plays) == (Action.SETTLE, 960)


@pytest.mark.parametrize("rise", [0, -1, -5000])
def test_a_counter_that_fell_or_stood_still_is_doubted_before_money_moves(rise):
    verdict = judge(reading(rise=rise, allowance=1000))
    assert verdict.action == Action.WAIT
    assert verdict.remark
    verdict = judge(reading(rise=rise, allowance=1000, may_still_move=False))
    assert (verdict.action, verdict.plays) == (Action.SETTLE, 0)


@given(
    st.builds(
        Evidence,
        sent=st.integers(0, 10**6),
        rise=st.integers(-(10**6), 10**7),
        may_lag=st.booleans(),
        may_still_move=st.booleans(),
        allowance=st.integers(0, 10**6),
    )
)
def test_no_verdict_is_worth_more_plays_than_were_sent(evidence):
    verdict = judge(evidence)
    assert 0 <= verdict.plays <= evidence.sent
    if verdict.action == Action.RESEND:
        assert verdict.plays == evidence.sent - evidence.rise <= evidence.allowance
    if verdict.action == Action.WAIT:
        assert verdict.plays == 0


@pytest.mark.parametrize("known", [3.0, 1801.0])
@pytest.mark.parametrize("loss", [0.3, 1.0])
def test_others_who_show_in_one_leap_with_ours_are_not_billed(loss, known):
    """Whether it is known for how long the page is kept or not."""
    for seed in range(5):
        counter = KeptPage(random.Random(seed), others=20.0, lag=1800, loss=loss)
        verdict, _waited = Run(counter, 10_000, lag=known).deliver()
        assert verdict.plays <= counter.counted


def test_a_counter_that_leaps_to_exactly_ours_is_not_waited_for_twice():
    counter = Counter(random.Random(1), lag=1700, rate=1000)
    verdict, waited = Run(counter, 10_000, lag=1800, counts_readings=False).deliver()
    assert verdict.plays == 10_000
    assert waited < 1800


def test_a_count_beyond_ours_is_not_explained_by_a_moment_without_others():
    """A page kept for less time than lies between two looks stands still at no look."""
    counter = KeptPage(random.Random(1), others=500.0, lag=5, loss=1.0)
    verdict, _waited = Run(counter, 3000).deliver()
    assert verdict.plays == 0


@dataclasses.dataclass
class RoundedCounter(Counter):
    step: int = 1000

    def read(self, moment: float) -> int:
        return super().read(moment) // self.step * self.step


@pytest.mark.parametrize("step", [100, 1000])
def test_what_a_rounded_counter_does_not_show_is_not_billed(step):
    """From 1900, shown as 1000, to 11,400, shown as 11,000: 500 plays were lost."""
    counter = RoundedCounter(random.Random(1), loss=0.05, views=step + step * 9 // 10, step=step)
    verdict, _waited = Run(counter, 20_000).deliver()
    assert counter.counted - 2 * step < verdict.plays <= counter.counted
    assert verdict.remark == Reason.of("counter_rounds", number=step)


@pytest.mark.parametrize("before", [0, 1000, 1_000_000, 1234])
def test_round_numbers_of_plays_make_no_rounded_counter(before):
    for rate in (7.0, 100.0, 1000.0):
        counter = Counter(random.Random(1), views=before, rate=rate)
        verdict, _waited = Run(counter, 10_000).deliver()
        assert (verdict.plays, verdict.remark) == (10_000, "")


@dataclasses.dataclass
class ResetCounter(Counter):
    """Shows nothing of what was before this moment, from then on."""

    moment: float = 50.0
    forgotten: int = 0

    def read(self, moment: float) -> int:
        views = super().read(moment)
        if moment >= self.moment and not self.forgotten:
            self.forgotten = views
        return views - self.forgotten


@pytest.mark.parametrize("loss", [0.0, 0.5, 1.0])
def test_of_a_counter_that_began_anew_is_billed_what_it_counted_since(loss):
    for others in (0.0, 5.0):
        counter = ResetCounter(random.Random(1), others=others, loss=loss, views=1_000_000)
        verdict, waited = Run(counter, 10_000).deliver()
        counted_since = (10_000 - counter.sent_by(counter.moment)) * (1 - loss)
        assert verdict.plays <= counted_since
        assert verdict.plays >= 0.7 * counted_since - 1000 * (others > 0)
        assert isinstance(verdict.remark, Reason)
        assert verdict.remark.code == Code.COUNTER_FELL
        assert waited > 1800


@dataclasses.dataclass
class Faltering(ResetCounter):
    """Shows nothing for a moment, and a few less ever after."""

    def read(self, moment: float) -> int:
        views = Counter.read(self, moment)
        return 0 if 50 <= moment < 60 else views - 5 * (moment >= 60)


def test_a_moment_of_nothing_makes_no_plays_of_what_was_there_before():
    counter = Faltering(random.Random(1), loss=1.0, views=1_000_000)
    verdict, _waited = Run(counter, 10_000).deliver()
    assert verdict.plays == 0


def test_a_counter_that_stands_still_for_good_ends_its_order():
    watch, most = Watch(), 600
    watch.begin(Reading(0.0, 0.01, 0, idle=True))
    for second in range(10, 2000, 10):
        done = min(1000, second)
        if second <= 1000:
            watch.note_play(float(second))
        now = Reading(second, second + 0.01, min(done, most), idle=second > 1000)
        watch.add(now, settled=1003.0, sent=done, done=done, reserved=done)
    evidence = evidence_of(
        watch,
        sent=1000,
        may_lag=False,
        may_still_move=False,
        allowance=0,
        counts_readings=None,
        lag=3.0,
    )
    assert (judge(evidence).action, judge(evidence).plays) == (Action.SETTLE, most)


def test_a_counter_that_is_read_while_plays_are_on_their_way_does_not_stand_still():
    """It shows some of them before their answers are here. Nothing goes out for a while then, as
    the site's other orders have their turns."""
    watch = Watch()
    watch.begin(Reading(0.0, 0.01, 0, idle=True))
    watch.note_play(1.0)
    plays = [
        (10.0, 50, 25),
        *((at, 50, 50) for at in (20.0, 80.0, 140.0, 200.0)),
        (205.0, 100, 100),
    ]
    for asked, views, done in plays:
        idle = done == views
        reading = Reading(asked, asked + 0.01, views, idle=idle)
        watch.add(reading, settled=asked, sent=done, done=done, reserved=views)
    assert watch.stood == 0.0
    # One that shows none of what was received since does.
    for asked, views, done in [(215.0, 100, 150), (225.0, 200, 200)]:
        reading = Reading(asked, asked + 0.01, views, idle=False)
        watch.add(reading, settled=asked, sent=done, done=done, reserved=done)
    assert watch.stood == 10.0


def test_a_small_order_waits_for_others_no_longer_than_its_plays_took():
    """And not until the counter's lag is over: what is read meanwhile does not prolong it."""
    watch, verdicts = Watch(), []
    watch.begin(Reading(0.0, 0.01, 0, idle=True))
    watch.note_play(1.0)
    for asked in (1.01, 1.5, 2.2):
        reading = Reading(asked, asked + 0.01, 100, idle=True)
        watch.add(reading, settled=61.0, sent=100, done=100, reserved=100)
        evidence = evidence_of(
            watch,
            sent=100,
            may_lag=True,
            may_still_move=True,
            allowance=0,
            counts_readings=False,
            lag=60.0,
        )
        verdicts.append(judge(evidence))
    assert [verdict.action for verdict in verdicts] == [Action.WAIT, Action.WAIT, Action.SETTLE]
    assert verdicts[-1].plays == 100


def test_in_no_time_at_all_nobody_else_comes():
    assert organic.most([organic.Rest(5, 10.0)], 0.0) == 0.0
