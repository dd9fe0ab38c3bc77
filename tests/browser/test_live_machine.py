"""The state machine of office/live.js alone: a server that says what a test has it say, and a clock
that stands still until the test moves it. What real sockets do is in test_live.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.office import ROOT

pytestmark = pytest.mark.browser

SCRIPTS = ROOT / "core" / "static" / "office"
URL = "http://127.0.0.1:1/"
STATES = ("socket", "long", "poll", "wait", "offline", "refused", "off")
SIGN = " ".join([*(f"data-{state}={state}" for state in STATES), "data-as-of={time}"])
PAGE = f"<html lang=en><p data-live-sign hidden {SIGN}></p>"
PAGE += "".join(f"<script src={name}.js></script>" for name in ("live-sign", "live-socket", "live"))
START = 1_700_000_000
# How the page writes a moment.
TIME = 'return new Date(a).toLocaleTimeString("en", { hour12: false })'
LONG = 7  # seconds for which the server holds a poll

# No socket and no poll of this page reaches a network. Random pauses are as long as on average.
SCRIPTED_SERVER = """
  Math.random = () => 0.5;
  window.sockets = [];
  window.WebSocket = class {
    static OPEN = 1;
    constructor() {
      this.readyState = 0;
      this.sent = [];
      sockets.push(this);
    }
    send(text) {
      this.sent.push(text === "ping" ? text : JSON.parse(text));
    }
    close(code = 1005) {
      if (this.readyState !== 3) {
        this.readyState = 3;
        this.onclose?.({ code });
      }
    }
    receive(frame) {
      this.readyState = 1;
      this.onmessage({ data: JSON.stringify(frame) });
    }
  };
  window.polls = [];
  window.fetch = (address, { body, signal }) => new Promise((resolve, reject) => {
    const poll = { ...JSON.parse(body), ended: false, aborted: false };
    poll.answer = (status, frame) => {
      poll.ended = true;
      resolve({ status, ok: status < 300, json: async () => frame });
    };
    poll.fail = () => {
      poll.ended = true;
      reject(new TypeError("Failed to fetch"));
    };
    signal.addEventListener("abort", () => {
      poll.aborted = true;
      reject(new DOMException("", "AbortError"));
    });
    polls.push(poll);
  });
  window.seen = [];
  window.stops = {};
  window.watch = (name) => {
    stops[name] = Live.watch(
      name,
      (data, changed) => seen.push([name, { ...data }, [...changed].sort()]),
    );
  };
  window.setHidden = (hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
"""


def snapshot(seq: int, subject: str = "order:1", **data: Any) -> dict[str, Any]:
    return {"subject": subject, "kind": "snapshot", "seq": seq, "data": data}


def change(seq: int, subject: str = "order:1", **data: Any) -> dict[str, Any]:
    return {"subject": subject, "kind": "change", "seq": seq, "data": data}


class Machine:
    """live.js in a page of its own, and both ends of its connections."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.clock.install(time=START)
        page.add_init_script(SCRIPTED_SERVER)
        page.route("**/*", self.serve)
        page.goto(URL)
        page.clock.pause_at(START + 60)

    def serve(self, route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(path=SCRIPTS / Path(route.request.url).name)
        else:
            route.fulfill(body=PAGE, content_type="text/html; charset=utf-8")

    def do(self, script: str, *values: Any) -> Any:
        return self.page.evaluate(f"([a, b]) => {{ {script} }}", [*values, None, None][:2])

    def run(self, seconds: float = 0) -> None:
        """Let so much time pass; what is due at once is done as well."""
        self.page.clock.run_for(int(seconds * 1000) + 1)

    # --- the page

    def watch(self, *names: str) -> None:
        for name in names:
            self.do("watch(a)", name)
        self.run()

    def stop(self, name: str) -> None:
        self.do("stops[a]()", name)
        self.run()

    def hide(self, hidden: bool) -> None:
        self.do("setHidden(a)", hidden)

    @property
    def seen(self) -> list[Any]:
        """What the callbacks were called with since the last look."""
        return self.do("return seen.splice(0)")

    @property
    def sign(self) -> str:
        return self.page.inner_text("[data-live-sign]").partition(" · ")[0]

    @property
    def age(self) -> str:
        """Of when the page says that its data is; "" where it is of now."""
        return self.page.inner_text("[data-live-sign]").partition(" · ")[2]

    def freeze(self) -> None:
        """From now on nothing comes through to any socket, closes neither."""
        self.do("sockets.forEach((one) => { one.close = () => { one.readyState = 2; }; })")

    # --- its sockets

    @property
    def sockets(self) -> int:
        return self.do("return sockets.length")

    @property
    def is_connected(self) -> bool:
        return self.do("return sockets.length > 0 && sockets.at(-1).readyState === 1")

    @property
    def wish(self) -> dict[str, Any]:
        """What the page last asked for over its newest socket."""
        return self.do("return sockets.at(-1).sent.at(-1)")

    def receive(self, *messages: dict[str, Any], feed: str = "f1") -> None:
        frame = {"feed": feed, "messages": list(messages)}
        self.do("sockets.at(-1).receive(JSON.parse(a))", json.dumps(frame))
        self.run()

    def close(self, code: int = 1006) -> None:
        self.do("sockets.at(-1).close(a)", code)

    # --- its polls

    @property
    def polls(self) -> int:
        return self.do("return polls.length")

    @property
    def poll(self) -> dict[str, Any]:
        """The newest poll: what it asks for, and whether it has ended or was aborted."""
        return self.do("return JSON.parse(JSON.stringify(polls.at(-1)))")

    def answer(self, *messages: dict[str, Any], status: int = 200, feed: str = "f1") -> None:
        frame = {"feed": feed, "messages": list(messages)}
        self.do("polls.at(-1).answer(a, JSON.parse(b))", status, json.dumps(frame))
        self.run()

    def fail(self) -> None:
        self.do("polls.at(-1).fail()")
        self.run()


@pytest.fixture
def machine(chromium: Browser) -> Iterator[Machine]:
    context = chromium.new_context()
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield Machine(context.new_page())
    context.close()
    assert not errors


@pytest.fixture
def connected(machine: Machine) -> Machine:
    """It watches an order over a socket and has its snapshot, number 7."""
    machine.watch("order:1")
    machine.receive()
    machine.receive(snapshot(7, done=10, state="running"))
    assert machine.sign == "socket"
    assert machine.seen
    return machine


def fall_to_long_polling(machine: Machine) -> None:
    """Its sockets are refused until it gives them up."""
    machine.close()
    machine.run(1)
    machine.close()
    machine.run()


@pytest.fixture
def long_polling(machine: Machine) -> Machine:
    """Sockets never opened; a first poll was answered and the second is held by the server."""
    machine.watch("order:1")
    fall_to_long_polling(machine)
    machine.answer(snapshot(7, done=10))
    assert (machine.sign, machine.poll["wait"]) == ("long", LONG)
    assert machine.seen
    return machine


@pytest.fixture
def polling(long_polling: Machine) -> Machine:
    """Polls that wait are cut; the first plain one was answered."""
    long_polling.fail()
    long_polling.run(2)
    long_polling.fail()
    long_polling.answer()
    assert long_polling.sign == "poll"
    return long_polling


# By socket


def test_one_socket_asks_for_all_that_is_watched_once_the_server_has_spoken(machine):
    machine.watch("order:1", "board")
    assert machine.sockets == 1
    assert machine.do("return sockets[0].sent.length") == 0
    machine.receive()
    assert machine.wish == {
        "watch": ["order:1", "board"],
        "since": {},
        "feed": "",
        "language": "en",
    }


def test_nothing_is_opened_and_no_sign_is_shown_while_nothing_is_watched(machine):
    machine.run(120)
    assert (machine.sockets, machine.polls, machine.sign) == (0, 0, "")


def test_a_snapshot_tells_of_every_field_and_a_change_of_its_own(connected):
    connected.receive(snapshot(7, done=10, state="running"))
    connected.receive(change(8, done=20))
    assert connected.seen == [
        ["order:1", {"done": 10, "state": "running"}, ["done", "state"]],
        ["order:1", {"done": 20, "state": "running"}, ["done"]],
    ]


def test_a_change_that_is_already_there_is_not_told_again(connected):
    connected.receive(change(7, done=5))
    assert connected.seen == []
    assert connected.is_connected


def test_a_gap_in_the_numbers_has_the_whole_subject_asked_for_again(connected):
    connected.receive(change(9, done=30))
    assert (connected.seen, connected.is_connected) == ([], False)
    connected.run(0.4)
    connected.receive()
    assert connected.wish["since"] == {}
    connected.receive(snapshot(9, done=30))
    assert connected.seen == [["order:1", {"done": 30}, ["done"]]]


def test_a_socket_that_breaks_is_opened_again_and_goes_on_from_the_last_number(connected):
    connected.receive(change(8, done=20))
    connected.close()
    assert connected.sign == "wait"
    connected.run(0.4)
    connected.receive()
    assert (connected.sockets, connected.wish["since"]) == (2, {"order:1": 8})
    assert connected.sign == "socket"


def test_the_numbers_of_another_feed_are_not_gone_on_from(connected):
    connected.close()
    connected.run(0.4)
    connected.receive(feed="f1")
    assert connected.wish["since"] == {"order:1": 7}
    connected.receive(change(8, done=99), feed="f2")
    assert (connected.seen, connected.is_connected) == ([], False)
    connected.run(0.4)
    connected.receive(feed="f2")
    assert (connected.wish["feed"], connected.wish["since"]) == ("f2", {})


def test_a_frozen_connection_is_noticed_and_told_within_ten_seconds(connected):
    connected.freeze()
    connected.run(5)
    assert (connected.sign, connected.age) == ("socket", "")
    connected.run(4.5)
    assert (connected.sign, connected.age) == ("wait", connected.do(TIME, (START + 60) * 1000))
    assert connected.sockets == 2
    connected.receive()
    assert (connected.sign, connected.age) == ("socket", "")


def test_a_quiet_page_that_is_looked_at_asks_and_stays_connected(connected):
    for _ in range(4):
        connected.run(6)
        assert connected.wish == "ping"
        connected.receive()
    assert (connected.sockets, connected.is_connected) == (1, True)


def test_a_page_that_is_looked_at_again_asks_at_once(connected):
    connected.hide(True)
    connected.receive()
    connected.run(30)
    assert connected.wish != "ping"
    connected.hide(False)
    assert connected.wish == "ping"
    connected.run(3)
    assert connected.sign == "wait"


def test_a_machine_without_a_network_says_so_and_of_when_its_data_is(connected):
    connected.do("window.dispatchEvent(new Event('offline'))")
    assert (connected.sign, connected.age) == ("offline", connected.do(TIME, (START + 60) * 1000))
    connected.run(30)
    assert connected.sign == "offline"
    connected.do("window.dispatchEvent(new Event('online'))")
    connected.run(1)
    connected.receive()
    assert (connected.sign, connected.age) == ("socket", "")


def test_a_poll_that_is_not_answered_in_time_is_told_within_ten_seconds(long_polling):
    long_polling.close()  # the look whether sockets work again
    long_polling.run(LONG + 2.9)
    assert long_polling.sign == "long"
    long_polling.run(0.2)
    assert long_polling.sign == "wait"
    assert long_polling.age


def test_who_may_see_nothing_of_the_page_any_more_is_told(connected):
    connected.receive({"subject": "order:1", "kind": "refused"})
    assert connected.sign == "refused"


def test_who_was_signed_out_gets_a_link_to_log_in(connected):
    connected.close(4401)
    assert connected.page.get_attribute("[data-live-sign] a", "href") == URL


def test_a_hidden_socket_without_a_frame_for_forty_seconds_is_replaced(connected):
    connected.hide(True)
    connected.receive()
    connected.run(39)
    assert (connected.sockets, connected.is_connected) == (1, True)
    connected.run(2)
    assert connected.sockets == 2


def test_a_socket_that_does_not_open_within_six_seconds_counts_as_a_failure(machine):
    machine.watch("order:1")
    machine.run(5.9)
    assert (machine.sockets, machine.do("return sockets[0].readyState")) == (1, 0)
    machine.run(0.2)
    assert machine.do("return sockets[0].readyState") == 3
    machine.run(1)
    assert machine.sockets == 2


# What is watched


def test_who_watches_later_is_told_at_once_what_is_there(connected):
    connected.watch("order:1")
    assert connected.seen == [
        ["order:1", {"done": 10, "state": "running"}, ["done", "state"]],
    ]
    assert connected.sockets == 1


def test_another_subject_is_asked_for_over_the_open_socket(connected):
    connected.watch("board")
    assert connected.sockets == 1
    assert connected.wish["watch"] == ["order:1", "board"]
    assert connected.wish["since"] == {"order:1": 7}


def test_the_socket_is_closed_when_nothing_is_watched_any_more(connected):
    connected.stop("order:1")
    connected.run(120)
    assert (connected.sockets, connected.is_connected) == (1, False)
    assert connected.page.locator("[data-live-sign]").is_hidden()


def test_a_refused_subject_is_not_asked_for_again(connected):
    connected.watch("order:2")
    connected.receive({"subject": "order:2", "kind": "refused"})
    connected.close()
    connected.run(0.4)
    connected.receive()
    assert connected.wish["watch"] == ["order:1"]


def test_a_callback_that_throws_keeps_no_other_from_being_told(chromium):
    context = chromium.new_context()
    machine = Machine(context.new_page())
    machine.do("Live.watch('order:1', () => { throw new Error('of the page'); })")
    machine.watch("order:1")
    machine.receive()
    machine.receive(snapshot(1, done=1))
    assert machine.seen == [["order:1", {"done": 1}, ["done"]]]
    context.close()


# Down to polling, and up again


def test_two_sockets_that_do_not_open_give_way_to_polls_that_wait(machine):
    machine.watch("order:1")
    machine.close()
    machine.run(1)
    assert (machine.sockets, machine.polls) == (2, 0)
    machine.close()
    machine.run()
    assert (machine.polls, machine.poll["wait"]) == (1, 0)
    machine.answer(snapshot(7, done=10))
    assert machine.seen == [["order:1", {"done": 10}, ["done"]]]
    assert (machine.sign, machine.polls) == ("long", 2)
    assert (machine.poll["wait"], machine.poll["since"]) == (LONG, {"order:1": 7})


def test_two_cut_polls_give_way_to_short_ones_three_seconds_apart(long_polling):
    long_polling.fail()
    assert long_polling.sign == "wait"
    long_polling.run(2)
    long_polling.fail()
    assert long_polling.poll["wait"] == 0
    long_polling.answer(change(8, done=20))
    assert long_polling.sign == "poll"
    assert long_polling.seen == [["order:1", {"done": 20}, ["done"]]]
    polls = long_polling.polls
    long_polling.run(2.9)
    assert long_polling.polls == polls
    long_polling.run(0.2)
    assert (long_polling.polls, long_polling.poll["wait"]) == (polls + 1, 0)


def test_a_poll_without_an_answer_ends_ten_seconds_after_its_time(long_polling):
    long_polling.close()  # the look whether sockets work again
    long_polling.run(LONG + 9.9)
    assert long_polling.do("return polls.at(-1).aborted") is False
    long_polling.run(0.2)
    assert long_polling.do("return polls.at(-1).aborted") is True
    assert long_polling.sign == "wait"


def test_polls_that_fail_come_further_and_further_apart(polling):
    gaps = []
    polling.run(3)
    for _ in range(2):  # then a look for a socket gives it a new start
        polls, gap = polling.polls, 0
        polling.fail()
        while polling.polls == polls:
            polling.run(1)
            gap += 1
        gaps.append(gap)
    assert gaps == [2, 4]


def test_a_socket_that_opens_while_the_page_polls_takes_over(long_polling):
    polls = long_polling.polls
    sockets = long_polling.sockets
    long_polling.run(4)
    assert long_polling.sockets == sockets + 1
    long_polling.receive()
    assert long_polling.sign == "socket"
    assert long_polling.wish["since"] == {"order:1": 7}
    assert long_polling.do("return polls.at(-1).aborted") is True
    long_polling.receive(change(8, done=20))
    long_polling.run(10)
    assert long_polling.polls == polls


def test_looks_for_a_socket_come_further_and_further_apart(long_polling):
    gaps = []
    for _ in range(6):
        sockets, gap = long_polling.sockets, 0
        while long_polling.sockets == sockets:
            long_polling.run(1)
            gap += 1
            if long_polling.do("return polls.at(-1).aborted"):
                long_polling.answer()
        long_polling.close()
        gaps.append(gap)
    assert gaps == [4, 8, 15, 30, 60, 60]


def test_a_network_that_comes_back_has_sockets_tried_soon(long_polling):
    for wait in (4, 8, 15):
        long_polling.run(wait)
        long_polling.close()
    sockets = long_polling.sockets
    long_polling.do("window.dispatchEvent(new Event('online'))")
    long_polling.run(4)
    assert long_polling.sockets == sockets + 1


def test_a_look_for_a_socket_in_vain_gives_polls_that_wait_one_more_try(polling):
    polling.run(4)
    polling.close()
    polling.answer()
    assert polling.poll["wait"] == LONG
    polling.fail()
    assert polling.poll["wait"] == 0
    polling.answer()
    assert polling.sign == "poll"


def test_another_subject_ends_the_poll_that_waits_without_counting_as_a_failure(long_polling):
    for name in ("order:2", "order:3", "order:4"):
        polls = long_polling.polls
        long_polling.watch(name)
        assert long_polling.polls == polls + 1
        assert name in long_polling.poll["watch"]
    assert (long_polling.sign, long_polling.poll["wait"]) == ("long", LONG)


# When it ends or rests


def test_a_socket_closed_for_who_signed_out_is_the_last(connected):
    connected.close(4401)
    connected.run(600)
    assert (connected.sockets, connected.polls, connected.sign) == (1, 0, "off")


def test_a_poll_answered_401_is_the_last(long_polling):
    polls, sockets = long_polling.polls, long_polling.sockets
    long_polling.answer(status=401)
    long_polling.run(600)
    assert (long_polling.polls, long_polling.sockets) == (polls, sockets)
    assert long_polling.sign == "off"


def test_one_socket_too_many_is_tried_again_in_a_minute(connected):
    connected.close(4429)
    connected.run(59)
    assert (connected.sockets, connected.polls, connected.sign) == (1, 0, "wait")
    connected.run(1.1)
    assert connected.sockets == 2


def test_a_page_hidden_for_a_minute_rests_and_goes_on_where_it_was(connected):
    connected.hide(True)
    connected.receive()
    connected.run(30)
    connected.receive()
    connected.run(31)
    assert not connected.is_connected
    connected.run(600)
    assert (connected.sockets, connected.polls) == (1, 0)
    connected.hide(False)
    connected.run()
    connected.receive()
    assert (connected.sockets, connected.wish["since"]) == (2, {"order:1": 7})


def test_a_page_hidden_for_a_moment_stays_connected(connected):
    connected.hide(True)
    connected.receive()
    connected.run(30)
    connected.hide(False)
    connected.receive()
    connected.run(5)
    assert (connected.sockets, connected.is_connected) == (1, True)


def test_a_page_that_is_left_closes_its_socket_and_opens_one_when_it_is_shown_again(connected):
    connected.do("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert not connected.is_connected
    connected.do("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    connected.run()
    connected.receive()
    assert (connected.sockets, connected.wish["since"]) == (2, {"order:1": 7})
