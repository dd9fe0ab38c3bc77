"""Whose play is next, as pure arithmetic."""

from collections import Counter

import pytest

from booster.engine.batch import Batch
from booster.engine.interface import Window
from booster.engine.order import SLOW_START_PLAYS, OrderPlays
from booster.engine.turns import FEW_PLAYS, Turns
from booster.net.address import Origin
from booster.net.play import PlayRequest

PLAY = PlayRequest("POST", "/", (), b"", frozenset({200}), idempotent=False)


def order(key: int, turns: Turns, plays: int = 10_000, *, trusted: bool = True) -> OrderPlays:
    made = OrderPlays(key, Origin("http", "site.example", 80), PLAY)
    if trusted:
        made.trust(200)
    send(made, turns, plays)
    return made


def send(made: OrderPlays, turns: Turns, plays: int) -> None:
    batch = Batch(Window(1, plays, 100.0), made)
    made.add(batch)
    turns.add(batch)


def starts(turns: Turns, plays: int) -> list[int]:
    """The orders of the plays that start next."""
    keys = []
    while len(keys) < plays and (batch := turns.take()) is not None:
        keys.append(batch.order.key)
        turns.step()
    return keys


@pytest.mark.parametrize(
    ("speed", "orders", "plays"),
    [
        (0.0, 2, FEW_PLAYS),  # not known yet
        (40_000.0, 2, 1200),  # 30 ms
        (40_000.0, 20, 200),  # a round in 100 ms
        (40_000.0, 1000, FEW_PLAYS),
        (200.0, 2, 6),
        (20.0, 2, 1),
        (0.1, 2, 1),
    ],
)
def test_a_turn_is_a_little_time_long(speed: float, orders: int, plays: int) -> None:
    turns = Turns()
    for key in range(orders):
        order(key, turns)
    turns.speed = speed
    assert Counter(starts(turns, plays * orders)) == dict.fromkeys(range(orders), plays)


def test_an_order_that_is_alone_has_no_end_of_its_turn_and_a_second_is_next() -> None:
    turns = Turns()
    order(1, turns)
    assert turns.take() is not None
    assert turns.grantable() == 10_000
    turns.grant(10_000)
    turns.next += 5000  # as the hot path does
    order(2, turns)
    assert turns.fold() == 5000
    assert starts(turns, FEW_PLAYS + 1) == [*[2] * FEW_PLAYS, 1]


def test_an_order_that_starts_slowly_leaves_its_turn_to_others() -> None:
    turns = Turns()
    slow = order(1, turns, trusted=False)
    slow.starting = SLOW_START_PLAYS
    assert starts(turns, 3) == []
    order(2, turns)
    assert starts(turns, 100) == [2] * 100
    slow.trust(200)
    assert 1 in starts(turns, 100)


def test_an_order_without_plays_leaves_the_turns_and_comes_back() -> None:
    turns = Turns()
    small = order(1, turns, plays=3)
    assert starts(turns, 100) == [1, 1, 1]
    assert turns.unsent == 0
    assert turns.orders() == []
    send(small, turns, 2)
    assert starts(turns, 100) == [1, 1]


def test_of_a_removed_order_nothing_starts() -> None:
    turns = Turns()
    gone, other = order(1, turns, plays=50), order(2, turns, plays=50)
    starts(turns, 10)
    assert [plays for _, plays in turns.remove(gone)] == [40]
    assert starts(turns, 1000) == [2] * 50
    assert turns.unsent == 0
    assert (turns.started, turns.orders()) == (60, [])
    assert other.live
