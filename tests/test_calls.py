"""Calls take turns with the plays of their site, at the pace that it was found to bear."""

import pytest

from booster.engine.calls import PLAYS_BETWEEN, CallTurn, CallTurns
from booster.engine.interface import Learned
from booster.engine.pace import Pace


def calls_at(**learned) -> tuple[CallTurns, Pace]:
    pace = Pace(16, None, 10.0, 0.0, Learned(**learned))
    return CallTurns(pace, lambda now: None), pace


def added(calls: CallTurns, number: int = 1) -> list[CallTurn]:
    turns = [CallTurn(lambda: None) for _ in range(number)]
    for turn in turns:
        calls.add(turn)
    return turns


def test_calls_to_a_site_without_a_limit_go_out_at_once():
    calls, _pace = calls_at()
    turns = added(calls, 8)
    assert calls.start(0.0, 16, None) is None
    assert all(turn.has_begun for turn in turns)


def test_a_call_waits_for_a_space_since_the_token_was_asked_for():
    calls, _pace = calls_at(rate=2.0)
    (turn,) = added(calls)
    wait = calls.start(0.0, 0, None)
    assert wait == pytest.approx(0.5)
    assert not turn.has_begun
    assert calls.start(0.5, 0, None) is None
    assert turn.has_begun


def test_nothing_starts_close_behind_a_call_that_took_long():
    calls, pace = calls_at(rate=2.0)
    (turn,) = added(calls)
    calls.start(0.5, 0, None)
    pace.call_ended(3.0)
    assert pace.take(3.1, 1) == 0
    assert pace.take(3.5, 1) == 1
    calls.end(turn)
    assert calls.ended == 1


def test_plays_go_on_between_many_calls():
    calls, _pace = calls_at(rate=2.0)
    turns = added(calls, 3)
    begun = []
    for plays in range(19):
        calls.start(plays + 1.0, 0, plays)
        begun.append(sum(turn.has_begun for turn in turns))
    assert begun == [1] * PLAYS_BETWEEN + [2] * PLAYS_BETWEEN + [3] * (19 - 2 * PLAYS_BETWEEN)


def test_calls_follow_one_another_where_no_play_waits():
    calls, _pace = calls_at(rate=2.0)
    turns = added(calls, 3)
    for number in range(1, 4):
        calls.start(float(number), 0, None)
    assert all(turn.has_begun for turn in turns)


def test_a_call_has_the_place_of_a_play_where_the_site_takes_one_at_once():
    calls, _pace = calls_at(connections=1)
    (turn,) = added(calls)
    assert calls.start(0.0, 1, 5) is None
    assert not turn.has_begun
    assert calls.held(5) == 1
    calls.start(0.1, 0, 5)
    assert (turn.has_begun, calls.held(5)) == (True, 1)
    calls.end(turn)
    assert calls.held(6) == 0


def test_a_call_that_is_given_up_holds_nothing():
    calls, _pace = calls_at(connections=1)
    (turn,) = added(calls)
    calls.end(turn)
    assert (calls.is_waiting, calls.running, calls.ended) == (False, 0, 0)


def test_no_call_waits_for_a_channel_that_is_closed():
    calls, _pace = calls_at(rate=2.0)
    (waiting,) = added(calls)
    calls.leave()
    (later,) = added(calls)
    assert waiting.has_begun
    assert later.has_begun


def test_way_is_made_and_teaches_nothing():
    pace = Pace(16, None, 10.0, 0.0, Learned(rate=20.0))
    pace.make_way(1.0, 4.0)
    assert pace.width(4.9, 0) == 0
    assert not pace.take_call(4.9, 0)
    assert pace.wait_for_call(4.0) == pytest.approx(1.0)
    pace.pushed_back(4.5, 0, 1, None)
    assert pace.learned == Learned(rate=20.0)
    assert pace.width(5.0, 0) > 0
