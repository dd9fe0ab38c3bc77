"""What every adapter promises, kept against a real server of its kind; then each one's own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from booster import sites
from booster.exceptions import AddressRefusedError, PermanentError, TemporaryError
from booster.net.call import check_headers, check_path
from booster.net.client import SiteClient
from booster.net.play import SEQUENCE, PlayRequest
from booster.sites import SiteAdapter
from booster.sites.peertube import complete_uuid
from tests.peertube_server import PeerTubeServer, Settings
from tests.raw_server import RawServer, always, answer
from tests.sites import DemoSite
from tests.targets import proved

OID = "7-20260101120000000000"

# The demo site once more, as staff would describe a site that nobody wrote an adapter for.
RECIPE: dict[str, Any] = {
    "video_pattern": r"^/videos/([A-Za-z0-9_-]+)/?(?:\?|$)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
    "play_headers": {"Idempotency-Key": "{play_key}"},
    "idempotent": True,
}

ADAPTERS: dict[str, SiteAdapter] = {
    slug: sites.adapter(slug, RECIPE if sites.needs_recipe(slug) else None)
    for slug, _ in sites.CHOICES
}


@dataclass
class Subject:
    """One adapter, a server of its kind, and a video there."""

    adapter: SiteAdapter
    client: SiteClient
    path: str  # of the video, as in an address
    unknown: str  # of a video that is not there
    settle: Callable[[], None]  # let the counter catch up

    @property
    def video(self) -> str:
        return self.adapter.video_id(self.path)

    def count(self) -> int:
        return self.adapter.read_count(self.client, self.video)

    def send(self, sequence: int, oid: str = OID) -> int:
        """Play one number of an order; its status."""
        play = self.adapter.play(self.video, oid).numbered(sequence)
        return self.client.send(replace(play, counted=frozenset(range(300, 400)))).status


def client_of(url: str) -> SiteClient:
    return SiteClient(proved(url))


def at_once() -> None:
    """For counters that do not lag."""


@pytest.fixture(scope="module")
def demo() -> Iterator[Subject]:
    with DemoSite() as site, client_of(site.url) as client:
        yield Subject(ADAPTERS["demo"], client, "/videos/harbour-at-dawn", "/videos/none", at_once)


@pytest.fixture(scope="module")
def http() -> Iterator[Subject]:
    with DemoSite() as site, client_of(site.url) as client:
        yield Subject(ADAPTERS["http"], client, "/videos/harbour-at-dawn", "/videos/none", at_once)


@pytest.fixture(scope="module")
def peertube() -> Iterator[Subject]:
    with PeerTubeServer() as server, client_of(server.url) as client:
        yield Subject(
            sites.adapter("peertube"),
            client,
            f"/w/{server.add_video(views=41).short_uuid}",
            "/w/kkGMgK9ZtnKfYAgnEtQxbv",
            lambda: server.advance(server.settings.local_buffer_update_interval),
        )


@pytest.fixture(params=["demo", "peertube", "http"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


# The contract


def test_the_registry_knows_every_adapter_by_its_slug() -> None:
    assert [slug for slug, _ in sites.CHOICES] == ["demo", "peertube", "http"]
    for slug, label in sites.CHOICES:
        assert ADAPTERS[slug].slug == slug
        assert ADAPTERS[slug].label == label
        assert ADAPTERS[slug].settle_seconds > 0
        assert ADAPTERS[slug].notes


def test_an_unknown_kind_of_site_is_an_error() -> None:
    with pytest.raises(PermanentError):
        sites.adapter("none")


def test_the_counter_moves_by_exactly_the_plays_sent(subject: Subject) -> None:
    before = subject.count()
    statuses = {subject.send(sequence) for sequence in range(1, 21)}
    subject.settle()
    assert statuses <= subject.adapter.play(subject.video, OID).counted
    assert subject.count() == before + 20


def test_plays_of_two_orders_are_told_apart(subject: Subject) -> None:
    before = subject.count()
    subject.send(1, oid="8-1")
    subject.send(1, oid="8-2")
    subject.settle()
    assert subject.count() == before + 2


def test_a_play_sent_again_is_counted_once_where_the_adapter_says_so(subject: Subject) -> None:
    play = subject.adapter.play(subject.video, OID)
    assert play.idempotent == subject.adapter.idempotent
    if not play.idempotent:
        return
    before = subject.count()
    assert subject.send(900) in play.counted
    assert subject.send(900) in play.counted
    assert subject.count() == before + 1


def test_no_two_plays_are_the_same_message(subject: Subject) -> None:
    play = subject.adapter.play(subject.video, OID)
    assert play.numbered(1) != play.numbered(2)
    assert SEQUENCE not in repr(play.numbered(1))


def test_a_play_names_its_order(subject: Subject) -> None:
    assert ("X-Play-Order", OID) in subject.adapter.play(subject.video, OID).headers


def test_a_play_may_be_sent_as_it_is(subject: Subject) -> None:
    play = subject.adapter.play(subject.video, OID).numbered(10**9)
    check_path(play.path)
    check_headers(dict(play.headers))
    assert play.counted <= set(range(200, 300))


@pytest.mark.parametrize("oid", ["", "a b", "a\r\nX: b", 'a"b', "{sequence}", "\u00e9", "a" * 65])
def test_an_order_number_that_cannot_be_sent_is_refused(subject: Subject, oid: str) -> None:
    with pytest.raises(ValueError, match="not an order number"):
        subject.adapter.play(subject.video, oid)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/videos",
        "/videos/",
        "/about",
        "/videos/a/b",
        "/videos/a%2fb",
        "/w/../a",
        "/w/",
        "?",
    ],
)
def test_an_address_of_no_video_is_refused_in_plain_words(subject: Subject, path: str) -> None:
    with pytest.raises(PermanentError, match="not_a_video"):
        subject.adapter.video_id(path)


def test_a_query_after_the_video_changes_nothing(subject: Subject) -> None:
    assert subject.adapter.video_id(subject.path + "?start=1s&a=/videos/b") == subject.video


def test_a_video_that_is_not_there_is_a_permanent_error(subject: Subject) -> None:
    with pytest.raises(PermanentError, match="no_such_video") as missing:
        subject.adapter.read_count(subject.client, subject.adapter.video_id(subject.unknown))
    assert missing.value.status == 404


def read_from(slug: str, content: bytes) -> int:
    """The count of a site of this kind that answers so."""
    video = {"peertube": "9c9de5e8-0a1e-484a-b099-e80766180a6d"}.get(slug, "a")
    with RawServer(always(content)) as server, client_of(server.url) as client:
        return ADAPTERS[slug].read_count(client, video)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("slug", ADAPTERS)
@pytest.mark.parametrize("status", ["500 Oh", "503 Later", "429 Slow"])
def test_a_site_in_trouble_is_a_temporary_error(slug: str, status: str) -> None:
    with pytest.raises(TemporaryError):
        read_from(slug, answer(status=status))


@pytest.mark.parametrize("slug", ADAPTERS)
@pytest.mark.parametrize("status", ["401 Who", "403 No"])
def test_a_site_that_refuses_is_a_permanent_error(slug: str, status: str) -> None:
    with pytest.raises(PermanentError):
        read_from(slug, answer(status=status))


@pytest.mark.parametrize("slug", ADAPTERS)
def test_a_redirect_of_the_count_is_refused(slug: str) -> None:
    with pytest.raises(AddressRefusedError):
        read_from(slug, answer(status="302 Found", headers=("Location: /elsewhere",)))


@pytest.mark.parametrize("slug", ADAPTERS)
@pytest.mark.parametrize(
    "views", ["-1", "1.5", "true", "null", '"x"', "[]", "{}", "1e400", "9223372036854775808", "NaN"]
)
def test_a_count_that_is_no_count_is_refused(slug: str, views: str) -> None:
    with pytest.raises(PermanentError, match="view_count"):
        read_from(slug, answer(b'{"isLocal": true, "views": %s}' % views.encode()))


@pytest.mark.parametrize("slug", ADAPTERS)
@pytest.mark.parametrize("body", [b"<html>views: 7</html>", b"", b"[1]", b"7", b'{"id": 7}'])
def test_an_answer_without_a_count_is_refused(slug: str, body: bytes) -> None:
    with pytest.raises(PermanentError):
        read_from(slug, answer(body))


# PeerTube


def play_at(server: PeerTubeServer, video: str, sequence: int, **changes: Any) -> int:
    """One play by the adapter, its JSON changed by `changes`; the status."""
    play = sites.adapter("peertube").play(video, OID).numbered(sequence)
    body = json.dumps(json.loads(play.body) | changes).encode()
    with client_of(server.url) as client:
        return client.send(replace(play, body=body)).status


def views_at(server: PeerTubeServer, video: str) -> int:
    with client_of(server.url) as client:
        return sites.adapter("peertube").read_count(client, video)


@pytest.mark.parametrize(
    "path",
    [
        "/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "/w/kkGMgK9ZtnKfYAgnEtQxbv?start=1s",
        "/w/9c9de5e8-0a1e-484a-b099-e80766180a6d",
        "/w/9C9DE5E8-0a1e-484a-b099-e80766180a6d/",
        "/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d",
        "/videos/watch/kkGMgK9ZtnKfYAgnEtQxbv",
        "/videos/embed/9c9de5e8-0a1e-484a-b099-e80766180a6d",
    ],
)
def test_one_peertube_video_has_one_id_however_it_is_addressed(path: str) -> None:
    assert sites.adapter("peertube").video_id(path) == "9c9de5e8-0a1e-484a-b099-e80766180a6d"


@pytest.mark.parametrize(
    "path", ["/w/p/kkGMgK9ZtnKfYAgnEtQxbv", "/w/12", "/w/" + "Z" * 22, "/w/kkGMgK9ZtnKfYAgnEtQx0v"]
)
def test_a_peertube_playlist_or_malformed_id_is_no_video(path: str) -> None:
    with pytest.raises(PermanentError, match="not_a_video"):
        sites.adapter("peertube").video_id(path)


def test_short_ids_agree_with_the_server_s_own() -> None:
    with PeerTubeServer() as server:
        for _ in range(50):
            video = server.add_video()
            assert complete_uuid(video.short_uuid) == video.uuid
    assert complete_uuid("1" * 22) == "00000000-0000-0000-0000-000000000000"


def test_peertube_s_counter_lags_by_no_more_than_the_settlement_window() -> None:
    with PeerTubeServer() as server:
        video = server.add_video().uuid
        assert play_at(server, video, 1) == 204
        assert views_at(server, video) == 0
        server.advance(sites.adapter("peertube").settle_seconds)
        assert views_at(server, video) == 1


def test_a_peertube_session_counts_again_after_its_time_so_that_plays_are_not_idempotent() -> None:
    with PeerTubeServer() as server:
        video = server.add_video().uuid
        play_at(server, video, 1)
        play_at(server, video, 1)
        server.advance(3600)
        assert views_at(server, video) == 1
        play_at(server, video, 1)
        server.advance(3600)
        assert views_at(server, video) == 2
    assert not sites.adapter("peertube").idempotent


def test_a_short_or_long_peertube_video_counts_alike() -> None:
    with PeerTubeServer() as server:
        for duration in (0, 1, 5, 36_000):
            video = server.add_video(duration=duration).uuid
            assert play_at(server, video, 1) == 204
            server.advance(1800)
            assert views_at(server, video) == 1


@pytest.mark.parametrize(
    ("settings", "views"),
    [
        (Settings.as_our_notes_ask(), 3),
        (Settings(), 0),  # as shipped, a single call watches 0 of 10 seconds
        (Settings(count_view_after=0, trust_viewer_session_id=False), 1),  # all are one address
    ],
)
def test_peertube_counts_plays_only_as_the_adapter_s_notes_say(
    settings: Settings, views: int
) -> None:
    with PeerTubeServer(settings) as server:
        video = server.add_video().uuid
        assert [play_at(server, video, sequence) for sequence in (1, 2, 3)] == [204] * 3
        server.advance(1800)
        assert views_at(server, video) == views


def test_peertube_s_limit_is_a_429_that_counts_nothing() -> None:
    with PeerTubeServer(Settings(count_view_after=0, api_limit=2)) as server:
        video = server.add_video().uuid
        assert [play_at(server, video, sequence) for sequence in (1, 2, 3)] == [204, 204, 429]
        server.advance(1800)
        assert views_at(server, video) == 2


@pytest.mark.parametrize(
    "changes",
    [{"currentTime": 9.5}, {"currentTime": 999}, {"currentTime": -1}, {"sessionId": "a_b"}],
)
def test_peertube_refuses_an_impossible_play(changes: dict[str, Any]) -> None:
    with PeerTubeServer() as server:
        video = server.add_video().uuid
        assert play_at(server, video, 1, **changes) == 400


def test_any_order_number_makes_a_session_id_that_peertube_takes() -> None:
    with PeerTubeServer() as server, client_of(server.url) as client:
        video = server.add_video().uuid
        play = sites.adapter("peertube").play(video, "7_2026.01-A").numbered(12)
        assert json.loads(play.body) == {"currentTime": 0, "sessionId": "7-2026-01-A-12"}
        assert client.send(play).status == 204


def test_another_instance_s_video_is_refused_because_that_instance_never_agreed() -> None:
    with PeerTubeServer() as server:
        video = server.add_video(local=False).uuid
        with pytest.raises(AddressRefusedError, match="video_of_another_instance"):
            views_at(server, video)


# Demo


@pytest.mark.parametrize("path", ["/videos/a", "/videos/a/", "/videos/a?b=c"])
def test_one_demo_video_has_one_id(path: str) -> None:
    assert sites.adapter("demo").video_id(path) == "a"


def test_a_demo_play_is_this_message() -> None:
    assert sites.adapter("demo").play("a", "7-1").numbered(3) == PlayRequest(
        method="POST",
        path="/api/videos/a/plays",
        headers=(("Idempotency-Key", "7-1:3"), ("X-Play-Order", "7-1")),
        body=b"",
        counted=frozenset({200, 201, 202, 204}),
        idempotent=True,
    )
