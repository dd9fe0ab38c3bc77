"""Counters that count wrongly: by themselves, with hours passing at once, and at the demo site."""

import json
import threading
from typing import Any

import pytest

from tests.faulty_demosite.counters import Counter, CounterError, CounterSettings
from tests.sites import DemoSite
from tests.test_demosite import PLAYS, VIDEO, ask, connect


def counter(views: int = 100, **settings: Any) -> Counter:
    return Counter(CounterSettings.parse(settings), views, 0.0)


def play(counted: Counter, *times: float, address: str = "a", session: str = "s") -> list[bool]:
    return [counted.play(now, address, session) for now in times]


def test_without_settings_each_play_counts_at_once():
    plain = counter()
    assert play(plain, 1, 1, 2) == [True] * 3
    assert plain.read(2) == 103


def test_plays_between_reading_and_writing_are_lost():
    losing = counter(lost_update=0.5)
    assert play(losing, 1.0, 1.1, 1.4) == [True, False, False]
    assert losing.read(1.4) == 100
    assert losing.read(1.5) == 101
    assert play(losing, 2.0, 3.0) == [True, True]
    assert losing.read(4) == 103


def test_one_address_counts_once_within_its_window():
    once = counter(per_address=600)
    assert play(once, 0, 1, 599, 600, 700) == [True, False, False, True, False]
    assert play(once, 700, address="b") == [True]
    assert once.read(700) == 103


def test_one_session_counts_once_within_its_window():
    once = counter(per_session=60)
    assert play(once, 0, 1, session="one") + play(once, 1, session="two") == [True, False, True]
    assert play(once, 60, session="one") == [True]


def test_a_view_may_count_twice():
    double = counter(double=True)
    play(double, 1, 2)
    assert double.read(2) == 104


def test_a_lagging_count_shows_what_was():
    late = counter(lag=10)
    play(late, 1, 5)
    assert [late.read(now) for now in (10.9, 11, 14.9, 15)] == [100, 101, 101, 102]


def test_a_batched_count_moves_at_its_times_only():
    batched = counter(batch=1800)
    play(batched, 1, 1700)
    assert batched.read(1799) == 100
    assert batched.read(1800) == 102
    play(batched, 1801)
    assert [batched.read(now) for now in (3599, 3600)] == [102, 103]


def test_a_cached_count_is_stale_from_the_reading_that_filled_it():
    cached = counter(cached=60)
    assert cached.read(10) == 100
    play(cached, 11)
    assert [cached.read(now) for now in (69, 70)] == [100, 101]
    play(cached, 200)
    assert cached.read(201) == 101 + 1  # nobody had read for longer than it is kept


def test_a_reading_may_be_a_view():
    read = counter(counts_readings=True)
    assert [read.read(now) for now in (1, 2, 3)] == [101, 102, 103]


def test_a_count_may_wrap():
    wrapping = counter(views=2**31 - 1, wrap=2**31)
    assert wrapping.read(0) == 2**31 - 1
    play(wrapping, 1, 2)
    assert wrapping.read(2) == 1


def test_other_people_view_at_about_their_rate_and_the_same_in_each_run():
    rates = [counter(views=0, organic=2.0, seed=seed).read(1000) for seed in (1, 1, 2)]
    assert rates[0] == rates[1] != rates[2]
    assert all(1800 < rate < 2200 for rate in rates)


def test_faults_combine():
    both = counter(per_address=60, double=True, lag=5, counts_readings=True)
    play(both, 0, 1, 2)
    assert both.read(4.9) == 100
    assert both.read(5) == 102
    assert both.read(11) == 106


def test_a_count_that_is_set_goes_on_from_there():
    late = counter(lag=10)
    late.set_views(500, 1)
    play(late, 2)
    assert [late.read(now) for now in (5, 11, 12)] == [100, 500, 501]


@pytest.mark.parametrize(
    "settings",
    [{"lag": -1}, {"lag": "1"}, {"double": 1}, {"wrap": 1.5}, {"lags": 1}, {"organic": 1e9}],
)
def test_a_setting_that_makes_no_sense_is_named(settings):
    with pytest.raises(CounterError, match=next(iter(settings))):
        CounterSettings.parse(settings)


# At the demo site


@pytest.fixture
def site(demo_site):
    yield demo_site
    demo_site.counter(VIDEO)


def plays_at_once(site: DemoSite, number: int, **headers: str) -> None:
    connections = [connect(site) for _ in range(number)]
    for connection in connections:
        connection.connect()

    def send(connection) -> None:
        connection.request("POST", PLAYS, headers=headers)
        connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=send, args=(one,)) for one in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_site_loses_plays_in_parallel_and_knows_how_many(site):
    before = site.views(VIDEO)
    site.counter(VIDEO, lost_update=0.3)
    plays_at_once(site, 10, **{"X-Play-Order": "parallel-1"})
    order = site.order("parallel-1")
    assert order["plays"] + order["lost"] == 10
    assert 1 <= order["plays"] <= 3
    site.counter(VIDEO)  # what was under way is written
    assert site.views(VIDEO) == before + order["plays"]


def test_the_site_takes_a_connection_for_a_session(site):
    before = site.views(VIDEO)
    site.counter(VIDEO, per_session=60)
    one = connect(site)
    for _ in range(3):
        one.request("POST", PLAYS)
        one.getresponse().read()
    assert site.views(VIDEO) == before + 1
    ask(site, "POST", PLAYS)
    assert site.views(VIDEO) == before + 2
    for _ in range(2):
        ask(site, "POST", PLAYS, X_Video_Session="mine")
    assert site.views(VIDEO) == before + 3


def test_a_repeated_play_meets_no_counter(site):
    site.counter(VIDEO, per_address=60)
    for _ in range(2):
        ask(site, "POST", PLAYS, X_Play_Order="again-1", Idempotency_Key="again-1:1")
    order = site.order("again-1")
    assert (order["plays"], order["replays"], order["lost"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [({"video": "nothing-here"}, 404), ({"video": VIDEO, "lag": -1}, 400), ([], 400)],
)
def test_a_counter_that_makes_no_sense_changes_nothing(site, wanted, status):
    before = site.views(VIDEO)
    answer = ask(site, "POST", "/control/counters", body=json.dumps(wanted))
    assert answer.status == status
    assert site.views(VIDEO) == before


# What helps with the proof


def test_a_site_that_shows_a_token_says_how_many_plays_of_an_order_it_counted(site):
    token = site.token()
    folder = f"/.well-known/booster-office-{token}"
    assert ask(site, "GET", f"{folder}.txt").body == token.encode()
    about = ask(site, "GET", f"{folder}/").json
    assert about == {"version": 1, "counts_by_order": True, "policy": {}}
    for number in (1, 2, 2):
        key = f"exact-1:{number}"
        ask(site, "POST", PLAYS, X_Play_Order="exact-1", Idempotency_Key=key)
    assert ask(site, "GET", f"{folder}/orders/exact-1").json == {"order": "exact-1", "counted": 2}
    assert ask(site, "GET", f"{folder}/orders/never").json == {"order": "never", "counted": 0}
    site.remove_token(token)
    assert ask(site, "GET", f"{folder}/").status == 404
    assert ask(site, "GET", f"{folder}/orders/exact-1").status == 404
