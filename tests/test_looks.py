"""Many quotes make few calls to a site, whoever asks and however often."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from booster.delivery import paused_orders
from booster.exceptions import PermanentError, SiteError, TemporaryError
from core.models import LookAllowance, Site, SiteLook, User
from core.models.looks import WHOLE_SITE
from core.ordering import looks
from core.ordering.quote import Quoter
from tests.base import client_of, placed
from tests.raw_server import Connection, RawServer, answer

QUOTE = "/portal/orders/quote/"
TYPES = ("Content-Type: application/json",)


class CountedSite:
    """A site that shows every token it is asked for, and any video with 7 views; `wrong` answers
    for the counter instead."""

    def __init__(self) -> None:
        self.wrong = b""
        self.slow = 0.0
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.server = RawServer(self._script)

    @property
    def calls(self) -> int:
        return len(self.server.requests)

    def _script(self, conn: Connection) -> None:
        while request := conn.read_request():
            path = request.split()[1].decode()
            if path.startswith("/booster-office-"):
                conn.send(answer(path[len("/booster-office-") : -len(".txt")].encode()))
                continue
            with self._lock:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            time.sleep(self.slow)
            with self._lock:
                self.at_once -= 1
            conn.send(self.wrong or answer(b'{"views": 7}', headers=TYPES))


@pytest.fixture
def there(database, settings) -> Iterator[CountedSite]:
    counted = CountedSite()
    with counted.server:
        settings.PRIVATE_SITES = ("127.0.0.0/8",)
        yield counted


@pytest.fixture
def known(there) -> Site:
    return Site.objects.create(name="Counted", origin=there.server.url, verified=True)


@pytest.fixture
def portal(owner, policies):
    return client_of(owner.user)


def ask(client, site: Site, video: object = "dawn") -> dict:
    reply = client.get(QUOTE, {"url": f"{site.origin}/videos/{video}", "count": 10_000})
    assert reply.status_code == 200
    return reply.json()


@pytest.mark.parametrize("videos", [1, 60])
def test_60_quotes_of_one_customer_make_few_calls(portal, there, known, settings, videos):
    """Each look asks for the token and the counter: two calls."""
    settings.QUOTES_PER_MINUTE = 20
    told = [ask(portal, known, number % videos) for number in range(60)]
    assert 2 <= there.calls <= 2 * 20
    assert told[0]["views"] == "7"
    refused = [one["errors"]["url"] for one in told if "url" in one["errors"]]
    if videos == 60:
        assert len(refused) == 40
        assert all(text.startswith("Too many videos were looked up") for text in refused)
    else:
        assert all(text.startswith("Too many") for text in refused)


def test_the_limit_is_a_persons_own_and_ends_with_the_minute(portal, bob, there, known, settings):
    settings.QUOTES_PER_MINUTE = 2
    assert [bool(ask(portal, known, number)["errors"]) for number in range(3)] == [0, 0, 1]
    colleague = client_of(bob)
    url = f"{known.origin}/videos/9"
    assert colleague.get("/admin/core/order/quote/", {"url": url}).json()["views"] == "7"
    LookAllowance.objects.update(since=F("since") - timedelta(seconds=60))
    assert not ask(portal, known, 4)["errors"]


def test_the_form_is_refused_in_the_words_of_its_quote(portal, owner, there, known, settings):
    settings.QUOTES_PER_MINUTE = 1
    ask(portal, known, 1)
    form = {"url": f"{known.origin}/videos/2", "count": 10_000, "hours": 0}
    page = portal.post("/portal/orders/new/", form)
    assert page.status_code == 200
    assert "Too many videos were looked up" in page.content.decode()
    assert not owner.orders.exists()


def test_a_failure_is_remembered_for_half_a_minute(portal, there, known):
    there.wrong = answer(status="404 Not Found")
    first = ask(portal, known)["errors"]["url"]
    calls = there.calls
    there.wrong = b""
    assert ask(portal, known)["errors"]["url"] == first
    assert there.calls == calls
    assert ask(portal, known, "another")["views"] == "7"
    forget(29)
    assert ask(portal, known)["errors"]["url"] == first
    forget(2)
    assert ask(portal, known)["views"] == "7"


def forget(seconds: float) -> None:
    """As if so much time had passed."""
    SiteLook.objects.update(looked_at=F("looked_at") - timedelta(seconds=seconds))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("wrong", "kind", "code"),
    [
        (answer(status="404 Not Found"), PermanentError, "no_such_video"),
        (answer(status="503 Later"), TemporaryError, "call_answered"),
        (answer(b"<html>"), PermanentError, "answer_not_json"),
    ],
)
def test_an_error_that_is_remembered_is_the_one_that_there_was(there, known, wrong, kind, code):
    there.wrong = wrong
    seen = []
    for _ in range(2):
        with pytest.raises(SiteError) as failed:
            looks.video_of(known, "dawn")
        seen.append((type(failed.value), failed.value.code, failed.value.params))
    assert seen[0] == seen[1]
    assert seen[0][:2] == (kind, code)


def test_what_another_release_remembered_is_no_error_of_ours(there, known):
    SiteLook.objects.remember(known, "dawn", error="", kind="QuantumError")
    SiteLook.objects.update(reason_code="of_tomorrow")
    with pytest.raises(looks.LookRefusedError):
        looks.video_of(known, "dawn")


def test_a_site_that_is_not_verified_is_not_called_for_customers(portal, there, known):
    Site.objects.update(verified=False)
    for number in range(60):
        assert ask(portal, known, number)["errors"]["url"] == "The site is not verified."
    assert there.calls == 0


def test_staff_may_have_it_asked(desk, there, known):
    Site.objects.update(verified=False)
    url = f"{known.origin}/videos/dawn"
    assert desk.get("/admin/core/order/quote/", {"url": url}).json()["views"] == "7"
    assert there.calls == 2


def test_a_site_that_did_not_answer_is_not_called_for_customers_until_it_does(portal, there, known):
    origin = known.origin
    Site.objects.update(origin="http://127.0.0.1:9999")  # nobody is there
    known.refresh_from_db()
    with pytest.raises(SiteError):
        looks.video_of(known, "dawn")
    assert Site.objects.get().unreachable_at
    Site.objects.update(origin=origin)
    known.refresh_from_db()
    for number in range(10):
        told = ask(portal, known, number)["errors"]["url"]
        assert told == "The site cannot be reached now."
    assert there.calls == 0
    Site.objects.update(checked_at=F("checked_at") - timedelta(minutes=2))
    paused_orders.resume_where_shown()  # a worker's sweep asks it
    assert Site.objects.get().unreachable_at is None
    SiteLook.objects.forget_failures(known)
    assert ask(portal, known, "dusk")["views"] == "7"


def test_a_new_site_is_asked_by_a_workers_sweep(portal, there, known):
    Site.objects.update(verified=False)
    paused_orders.resume_where_shown()
    assert Site.objects.get().verified
    assert ask(portal, known)["views"] == "7"


def test_a_site_that_was_verified_by_hand_is_looked_at_at_once(desk, there, known, policies):
    SiteLook.objects.remember(known, WHOLE_SITE, error="", kind="TemporaryError")
    SiteLook.objects.update(reason_code="connection_refused", reason_params={"site": "x"})
    url = f"{known.origin}/videos/dawn"
    told = desk.get("/admin/core/order/quote/", {"url": url}).json()
    assert "refused the connection" in told["errors"]["url"]
    desk.post(f"/admin/core/site/{known.pk}/verify/")
    assert desk.get("/admin/core/order/quote/", {"url": url}).json()["views"] == "7"


def test_looks_of_an_hour_ago_are_swept_away(there, known):
    looks.video_of(known, "dawn")
    SiteLook.objects.forget_old()
    assert SiteLook.objects.filter(video_id="dawn").exists()
    forget(3700)
    SiteLook.objects.forget_old()
    assert [look.video_id for look in SiteLook.objects.all()] == [WHOLE_SITE]


def test_a_row_that_only_counts_looks_is_swept_away_as_well(there, known):
    with SiteLook.objects.counted(known, "dusk"):
        pass
    SiteLook.objects.forget_old()
    assert not SiteLook.objects.filter(video_id="dusk").exists()


def test_the_tally_of_an_open_order_s_video_is_not_swept_away(there, known, erin):
    known.counts_readings = True
    looks.video_of(known, "dawn")
    placed(erin, known)
    forget(3700)
    SiteLook.objects.forget_old()
    assert SiteLook.objects.tally(known, "dawn") == (1, 1)


def test_looks_that_move_nothing_are_not_counted(there, known):
    looks.video_of(known, "dawn")
    assert SiteLook.objects.tally(known, "dawn") == (0, 0)


# Many processes at once


@pytest.fixture
def together(office, settings) -> Iterator[tuple[CountedSite, Site]]:
    """In an office of its own: threads have connections of theirs."""
    counted = CountedSite()
    with counted.server:
        settings.PRIVATE_SITES = (f"127.0.0.1:{counted.server.port}",)
        yield counted, Site.objects.create(name="Counted", origin=counted.server.url)


def at_once(number: int, work: Callable[[int], object]) -> list[object]:
    def one(index: int) -> object:
        try:
            return work(index)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_one_look_at_a_time_goes_to_a_site_and_its_answer_is_shared(together):
    there, site = together
    there.slow = 0.3
    same = at_once(8, lambda index: looks.video_of(site, "dawn").views)
    assert same == [7] * 8
    assert there.calls == 2
    told = at_once(4, lambda index: looks.video_of(site, f"v{index}").views)
    assert there.most_at_once == 1
    assert told == [7] * 4
    assert there.calls == 2 + 2 * 4


def test_whoever_waits_too_long_is_told(together, monkeypatch):
    there, site = together
    there.slow = 1.0
    monkeypatch.setattr(looks, "WAIT_SECONDS", 0.2)
    told = at_once(3, lambda index: looks.video_of(site, f"v{index}").views)
    assert sorted(str(one) for one in told).count("7") == 1
    refused = [one for one in told if isinstance(one, looks.LookRefusedError)]
    assert len(refused) == 2
    assert "being asked about other videos" in str(refused[0])


def test_looks_are_counted_by_all_processes_together(together):
    erin = User.objects.create(username="erin-login")
    waits = at_once(16, lambda index: LookAllowance.objects.take(erin, 5))
    assert waits.count(0) == 5
    assert all(isinstance(wait, int) for wait in waits)


def test_a_process_that_died_while_it_looked_is_waited_for_no_longer_than_its_lease(there, known):
    assert SiteLook.objects.begin(known, timedelta(seconds=5))
    assert not SiteLook.objects.begin(known, timedelta(seconds=5))
    SiteLook.objects.update(looking_until=F("looking_until") - timedelta(seconds=6))
    assert SiteLook.objects.begin(known, timedelta(seconds=5))


@pytest.fixture
def slow_sites(database, settings) -> Iterator[list[Site]]:
    """Sites that answer once all of them are asked."""
    settings.PRIVATE_SITES = ("127.0.0.0/8",)
    asked = threading.Barrier(8)

    def answer_together(conn: Connection) -> None:
        path = conn.read_request().split()[1].decode()
        asked.wait(timeout=20)
        conn.send(answer(path[len("/booster-office-") : -len(".txt")].encode()))

    with ExitStack() as running:
        servers = [running.enter_context(RawServer(answer_together)) for _ in range(asked.parties)]
        yield [Site.objects.create(name=one.url, origin=one.url) for one in servers]


def test_sites_that_keep_silent_are_asked_at_once_and_hold_nobody_up(slow_sites):
    """A worker's sweep is its sign of life, too."""
    paused_orders.resume_where_shown()
    assert Site.objects.filter(verified=True).count() == len(slow_sites)


def test_the_sites_of_a_file_of_orders_are_asked_at_once(slow_sites):
    """A job's lease is not to run out meanwhile."""
    wanted = [(None, f"{site.origin}/videos/{n}", None) for site in slow_sites for n in range(3)]
    quotes = Quoter(reads_views=False).prepare_many(wanted)
    assert [quote.reasons for quote in quotes] == [{}] * len(wanted)
