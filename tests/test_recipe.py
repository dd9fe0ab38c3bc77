"""The recipe: whatever staff fill in is checked field by field, and can do no more than play."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from booster import sites
from booster.exceptions import PermanentError
from booster.net.call import RESERVED_HEADERS, check_headers
from booster.net.client import SiteClient
from booster.net.play import PlayRequest
from booster.sites import Recipe, RecipeError, extraction
from tests.raw_server import Connection, RawServer, always, answer
from tests.targets import proved

# A site that shows its counter on a page only, and takes plays as a form.
PAGE: dict[str, Any] = {
    "video_pattern": r"[?&]v=([A-Za-z0-9_-]+)",
    "count_path": "/watch?v={video_id}",
    "count_pattern": r"<b id=views>([^<]+)</b>",
    "play_path": "/hit?order={order}",
    "play_method": "PUT",
    "play_headers": "Content-Type: application/json\nAuthorization: Bearer abc",
    "play_body": '{"v": "{video_id}", "n": {sequence}, "k": "{play_key}", "x": {}}',
    "counted": "200, 202",
    "settle_seconds": 5,
}


def read(content: bytes, video_id: str = "abc", **changes: Any) -> int:
    """The count that a recipe reads from this answer."""
    recipe = {key: value for key, value in (PAGE | changes).items() if value != ""}
    with RawServer(always(content)) as server:
        target = proved(server.url)
        with SiteClient(target) as client:
            return sites.adapter("http", recipe).read_count(client, video_id)


@pytest.fixture
def page_site() -> Iterator[RawServer]:
    """A page that shows how many hits it had."""

    def script(connection: Connection) -> None:
        for views in itertools.count(1_234):
            if not connection.read_request():
                return
            connection.send(answer(b"<p><b id=views>%s</b> views</p>" % f"{views:,}".encode()))

    with RawServer(script) as server:
        yield server


def test_a_page_with_a_counter_is_read(page_site: RawServer) -> None:
    adapter = sites.adapter("http", PAGE)
    with SiteClient(proved(page_site.url)) as client:
        assert adapter.read_count(client, adapter.video_id("/watch?a=b&v=x-1")) == 1234
        assert adapter.read_count(client, "x-1") == 1235
    assert page_site.requests[0].startswith(b"GET /watch?v=x-1 HTTP/1.1\r\n")


def test_a_play_is_the_message_that_the_recipe_describes() -> None:
    assert sites.adapter("http", PAGE).play("x-1", "7-1").numbered(3) == PlayRequest(
        method="PUT",
        path="/hit?order=7-1",
        headers=(
            ("Content-Type", "application/json"),
            ("Authorization", "Bearer abc"),
            ("X-Play-Order", "7-1"),
        ),
        body=b'{"v": "x-1", "n": 3, "k": "7-1:3", "x": {}}',
        counted=frozenset({200, 202}),
        idempotent=False,
    )


def test_a_recipe_says_how_long_a_counter_may_lag_and_what_repeats_mean() -> None:
    adapter = sites.adapter("http", PAGE | {"settle_seconds": 77, "idempotent": True})
    assert adapter.settle_seconds == 77.0
    assert adapter.idempotent
    assert adapter.play("a", "7-1").idempotent


# Reading


@pytest.mark.parametrize(
    ("shown", "views"),
    [
        ("7", 7),
        (" 1234 ", 1234),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("1'234", 1234),
    ],
)
def test_a_number_is_read_as_pages_show_it(shown: str, views: int) -> None:
    assert read(answer(f"<b id=views>{shown}</b>".encode())) == views


@pytest.mark.parametrize("shown", ["1.5", "12,34", "-7", "", "many", "9" * 19, "\u00b2"])
def test_what_is_no_whole_number_is_refused_and_not_guessed(shown: str) -> None:
    with pytest.raises(PermanentError, match="not_a_view_count"):
        read(answer(f'{{"views": "{shown}"}}'.encode()), count_json="views", count_pattern="")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("views", b'{"views": 7}'),
        ("views", b'{"views": "7"}'),
        ("data.stats.views", b'{"data": {"stats": {"views": 7}}}'),
        ("items.0.views", b'{"items": [{"views": 7}, {"views": 8}]}'),
        ("1", b"[6, 7]"),
    ],
)
def test_a_count_is_found_along_a_json_path(path: str, body: bytes) -> None:
    assert read(answer(body), count_json=path, count_pattern="") == 7


@pytest.mark.parametrize("body", [b"{}", b'{"items": []}', b'{"items": [[7]]}', b"7", b"<html>"])
def test_a_json_path_that_leads_nowhere_is_a_permanent_error(body: bytes) -> None:
    with pytest.raises(PermanentError):
        read(answer(body), count_json="items.0.views", count_pattern="")


def test_a_page_without_the_pattern_is_a_permanent_error() -> None:
    with pytest.raises(PermanentError, match="count_pattern_not_found"):
        read(answer(b"<html>closed today</html>"))


@pytest.mark.timing
def test_a_pattern_that_would_take_for_ever_ends_in_time() -> None:
    begun = time.thread_time()
    with pytest.raises(PermanentError, match="recipe_too_slow"):
        read(answer(b"a" * 60_000), count_pattern=r"((?:a+)+)b(?:a|aa)+$")
    assert time.thread_time() - begun < 2


@pytest.mark.timing
def test_a_pattern_that_takes_too_long_costs_all_videos_of_its_site_that_time_once() -> None:
    """A round drives the orders of all sites in one thread: its readings took minutes."""
    page, begun = answer(b"a" * 60_000), time.thread_time()
    for number in range(20):
        with pytest.raises(PermanentError, match="recipe_too_slow"):
            read(page, count_pattern=r"{video_id}|((?:a+)+)b", video_id=f"v{number}")
    assert time.thread_time() - begun < 2


@pytest.mark.timing
def test_a_pattern_that_took_too_long_is_tried_again_after_a_while(monkeypatch) -> None:
    monkeypatch.setattr(extraction, "REST_AFTER_SLOW", 0.0)
    with pytest.raises(PermanentError, match="recipe_too_slow"):
        read(answer(b"a" * 60_000), count_pattern=r"((?:a+)+)b|seen (?P<views>\d+)")
    assert read(answer(b"seen 1204"), count_pattern=r"((?:a+)+)b|seen (?P<views>\d+)") == 1204


def test_a_page_that_is_too_long_is_refused() -> None:
    with pytest.raises(PermanentError, match="answer_too_long"):
        read(answer(b"a" * 1_100_000))


@pytest.mark.parametrize(
    "path", ["/watch?v=..", "/watch?v=.", '/watch?v=a"b', "/watch?v=a/../b", "/watch?v={sequence}"]
)
def test_a_video_id_that_would_mean_something_in_a_message_is_refused(path: str) -> None:
    adapter = sites.adapter("http", PAGE | {"video_pattern": "v=(.*)"})
    with pytest.raises(PermanentError, match="not_a_video_id"):
        adapter.video_id(path)


# Checking


@pytest.mark.parametrize("header", sorted(RESERVED_HEADERS | {"X-Play-Order"}))
def test_a_header_that_would_forge_who_asks_is_refused_by_name(header: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse(PAGE | {"play_headers": {header.title(): "1.2.3.4"}})
    assert list(refused.value.errors) == ["play_headers"]
    assert header.lower() in refused.value.errors["play_headers"].lower()


@pytest.mark.parametrize(
    "header",
    [
        *("X_Forwarded_For", "x-FORWARDED_for", "X_Play_Order", "X-Real_IP", "True_Client_IP"),
        *("CF-Connecting-IPv6", "CF-IPCountry", "CF_Connecting_IP", "X-Vercel-Forwarded-For"),
        *("X-Azure-ClientIP", "X-Appengine-User-IP", "Fly-Client-IP", "Incap-Client-IP"),
        *("X-Envoy-External-Address", "X-ProxyUser-Ip", "Remote-Addr", "Sec-CH-UA", "From"),
        *("User_Agent", "X-Device-User-Agent"),
    ],
)
def test_no_header_that_a_proxy_would_write_is_a_recipes_to_set(header: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse(PAGE | {"play_headers": {header: "1.2.3.4"}})
    assert list(refused.value.errors) == ["play_headers"]


@pytest.mark.parametrize("header", ["X_Forwarded_For", "user_agent", "Content_Length"])
def test_a_reserved_header_is_reserved_however_its_words_are_joined(header: str) -> None:
    with pytest.raises(ValueError, match="not a caller's to set"):
        check_headers({header: "1"})


@pytest.mark.parametrize(
    "header", ["Accept", "Authorization", "X-Api-Key", "Idempotency-Key", "X-Play-Token"]
)
def test_what_a_sites_own_interface_asks_for_may_be_set(header: str) -> None:
    assert Recipe.parse(PAGE | {"play_headers": {header: "a"}}).play_headers == ((header, "a"),)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("video_pattern", ""),
        ("video_pattern", None),
        ("video_pattern", "no group"),
        ("video_pattern", "(a)(b)"),
        ("video_pattern", "(a"),
        ("video_pattern", "(" + "a" * 300 + ")"),
        ("video_pattern", 7),
        ("count_path", ""),
        ("count_path", "videos/{video_id}"),
        ("count_path", "https://other.example/{video_id}"),
        ("count_path", "//other.example/{video_id}"),
        ("count_path", "/videos/{video_id} HTTP/1.1"),
        ("count_path", "/videos/{video_id}\r\nHost: other.example"),
        ("count_path", "/videos/{video_id}#a"),
        ("count_path", "/videos"),
        ("count_path", "/videos/{video_id}/{sequence}"),
        ("count_path", "/" + "a" * 1024 + "{video_id}"),
        ("count_json", "a..b"),
        ("count_json", "views"),  # as well as count_pattern
        ("count_pattern", "no group"),
        ("play_path", ""),
        ("play_path", "/plays/{video}"),
        ("play_path", "http://other.example/"),
        ("play_method", "DELETE"),
        ("play_method", "POST / HTTP/1.1"),
        ("play_headers", "no colon"),
        ("play_headers", {"X Y": "1"}),
        ("play_headers", {"X": "1\r\nHost: a"}),
        ("play_headers", {"X": "{unknown}"}),
        ("play_headers", [["X", "1"], ["x", "2"]]),
        ("play_headers", [["X", 1]]),
        ("play_headers", ["XY"]),
        ("play_headers", 7),
        ("play_headers", [[f"X-{n}", "1"] for n in range(21)]),
        ("play_body", "a" * 8193),
        ("play_body", "\ud800"),
        ("play_body", '{"v": "{videoid}"}'),
        ("counted", "200, 404"),
        ("counted", "199"),
        ("counted", "ok"),
        ("counted", []),
        ("counted", 200),
        ("idempotent", "yes"),
        ("settle_seconds", 0),
        ("settle_seconds", 86_401),
        ("settle_seconds", True),
        ("settle_seconds", "5"),
        ("no_such_field", 1),
    ],
)
def test_a_wrong_field_is_named_with_a_plain_reason(field: str, value: Any) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse(PAGE | {field: value})
    assert list(refused.value.errors) == [field]
    assert field in str(refused.value)


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(RecipeError) as refused:
        sites.adapter("http")
    assert set(refused.value.errors) == {"video_pattern", "count_path", "play_path"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"count_pattern": ""}, "count_json"),
        ({"play_body": ""}, "play_path"),
        ({"play_method": "GET"}, "play_body"),
        ({"play_body": "{video_id}", "idempotent": True}, "idempotent"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse(PAGE | changes)
    assert list(refused.value.errors) == [field]


def test_what_is_left_out_has_a_sensible_value() -> None:
    recipe = Recipe.parse(
        {
            "video_pattern": "/([0-9]+)",
            "count_path": "/{video_id}",
            "count_json": "n",
            "play_path": "/{video_id}/play",
        }
    )
    assert recipe.play_method == "POST"
    assert recipe.counted == (200, 201, 202, 204)
    assert not recipe.idempotent
    assert recipe.settle_seconds == 60


@given(
    st.dictionaries(
        st.sampled_from([*sorted(PAGE), "idempotent", "count_json"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=20)
        | st.lists(st.text() | st.integers()),
    )
)
def test_no_recipe_whatever_breaks_the_reader(changes: dict[str, Any]) -> None:
    try:
        recipe = Recipe.parse(PAGE | changes)
    except RecipeError as error:
        assert error.errors
    else:
        assert isinstance(recipe, Recipe)
