"""What the counter proves, over hundreds of orders in simulated time: never more than was counted
of ours, whatever other people do, however late it shows, whenever somebody cancels."""

import random
from dataclasses import dataclass
from typing import Any

import pytest

from booster import proof
from booster.proof import organic
from tests.faults.simulated import Counter, KeptPage, Run
from tests.faults.trial import size


@dataclass
class Sum:
    orders: int = 0
    billed: int = 0
    counted: int = 0
    above: int = 0
    most_below: int = 0

    def add(self, billed: int, counted: int) -> None:
        self.orders += 1
        self.billed += billed
        self.counted += counted
        self.above += billed > counted
        self.most_below = max(self.most_below, counted - billed)

    @property
    def below(self) -> float:
        """Percent of what was counted."""
        return 100 * (self.counted - self.billed) / max(1, self.counted)


def beside_others(seeds: range) -> Sum:
    """Others watch at 0.1 to 10 times our own rate; the site loses none, some or all of ours."""
    found = Sum()
    for seed in seeds:
        dice = random.Random(seed)
        share, count = 10 ** dice.uniform(-1, 1), dice.choice((1000, 10_000, 100_000, 1_000_000))
        rate = dice.choice((20, 100, 1000))
        loss, lag = dice.choice((0, 0, 0.02, 0.3, 0.99, 1)), dice.choice((0, 0, 1, 2.5))
        counter = Counter(dice, others=share * rate, lag=lag, loss=loss, rate=rate)
        verdict, _waited = Run(counter, count).deliver()
        found.add(verdict.plays, counter.counted)
    return found


def kept_pages(
    seeds: range, lags: tuple[float, ...] = (1, 5, 15, 30, 55), known: float | None = None
) -> Sum:
    """The page is kept for so many seconds: it moves in leaps. Its site is known for that, or for a
    lag of `known`."""
    found = Sum()
    for seed in seeds:
        dice = random.Random(seed)
        share, count = 10 ** dice.uniform(-1, 1), dice.choice((1000, 3000, 10_000))
        rate, loss = dice.choice((20, 100)), dice.choice((0, 0.3, 1, 1))
        lag = dice.choice(lags)
        counter = KeptPage(dice, others=share * rate, lag=lag, loss=loss, rate=rate)
        verdict, _waited = Run(counter, count, lag=known or lag + 1).deliver()
        found.add(verdict.plays, counter.counted)
    return found


def canceled(seeds: range) -> Sum:
    """Somebody cancels at any moment; the counter lags up to a minute, as its site is known."""
    found = Sum()
    for seed in seeds:
        dice = random.Random(seed)
        lag = dice.uniform(0, 60)
        counter = Counter(dice, lag=lag, rate=dice.choice((20, 100, 1000)))
        stop_at = dice.uniform(0.1, 0.9) * 10_000 / counter.rate
        known = dice.choice((lag + 1, 3.0))
        verdict, _waited = Run(counter, 10_000, lag=known, stop_at=stop_at).deliver()
        found.add(verdict.plays, counter.counted)
    return found


def test_beside_other_people_no_order_bills_more_than_was_counted(row):
    found = beside_others(range(size(100, 500)))
    row("proof", f"{found.orders} orders beside others", None, f"below by {found.below:.2f} %")
    assert found.above == 0
    assert found.below <= 3


def test_others_whose_views_show_in_leaps_are_never_billed(row):
    found = kept_pages(range(size(60, 300)))
    row("proof", f"{found.orders} orders by kept pages", None, f"below by {found.below:.2f} %")
    assert found.above == 0


def test_nor_are_they_where_nobody_knows_that_it_leaps(row):
    found = kept_pages(range(size(60, 300)), (30, 55, 120, 600, 1800), known=3.0)
    row("proof", f"{found.orders} orders by pages kept unknown", None, "")
    assert found.above == 0


def test_without_waiting_for_a_leap_others_are_billed(control, monkeypatch):
    """The control: a page that stands still for a moment has no others."""
    monkeypatch.setattr(proof, "LEAPING_LAG", 60.0)
    found = kept_pages(range(60))
    assert found.above > 0
    control("waiting for leaps", f"{found.above} of {found.orders} billed too much")


def test_a_cancel_at_any_moment_bills_exactly_what_was_counted(row):
    found = canceled(range(size(50, 200)))
    row("proof", f"{found.orders} cancels", None, f"most below {found.most_below}")
    assert (found.above, found.most_below) == (0, 0)


@pytest.mark.parametrize("known", [None, True])
def test_our_own_readings_are_never_billed(known):
    for seed in range(size(20, 200)):
        dice = random.Random(seed)
        counter = Counter(dice, counts_readings=True, loss=dice.choice((0, 0.5, 1)), rate=1)
        verdict, _waited = Run(counter, 1000, counts_readings=known).deliver()
        assert verdict.plays <= counter.counted
        if known:
            assert verdict.plays == counter.counted


def test_without_the_bound_others_are_billed(control, monkeypatch):
    """The control: the rise alone, as before."""

    def rise_alone(rests: Any, seconds: float) -> float:
        return 0.0

    monkeypatch.setattr(proof, "most", rise_alone)
    found = beside_others(range(40))
    assert found.above > 0
    control("bound on other people's views", f"{found.above} of {found.orders} billed too much")


def test_without_its_margin_the_bound_fails(control, monkeypatch):
    """The control: what others do on average."""
    monkeypatch.setattr(organic, "SURE", 0.0)
    monkeypatch.setattr(proof, "most", organic.expected)
    found = beside_others(range(100))
    assert found.above > 0
    control("margin of the bound", f"{found.above} of {found.orders} billed too much")
