"""What a recipe can say: ids of any script, keys of any name, numbers as people write them, and
requests of any method. The rules of its fields are in test_recipe.py."""

import json
import time
from queue import SimpleQueue
from typing import Any

import pytest
import regex

from booster import sites
from booster.engine import Channel, Events, Limits, Window, WindowEnded
from booster.exceptions import PermanentError, SiteCode
from booster.net.call import Response
from booster.net.client import SiteClient
from booster.sites import Recipe, RecipeError
from booster.sites.extraction import whole_number
from booster.sites.trial import try_once
from tests.raw_server import Connection, RawServer, always, answer
from tests.targets import proved

RECIPE: dict[str, Any] = {
    "video_pattern": r"/videos/([^?]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
}


def adapter_of(**changes: Any) -> sites.SiteAdapter:
    data = {name: value for name, value in (RECIPE | changes).items() if value is not None}
    return sites.adapter("http", data)


def read(content: bytes, video: str = "abc", **changes: Any) -> int:
    with RawServer(always(content)) as server:
        target = proved(server.url)
        with SiteClient(target) as client:
            return adapter_of(**changes).read_count(client, video)


def count_in(page: str, **changes: Any) -> int:
    """The same, of a page that is there already."""
    return adapter_of(count_json=None, **changes).count_of(Response(200, {}, page.encode()), "abc")


def errors_of(**changes: Any) -> dict[str, str]:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse({name: v for name, v in (RECIPE | changes).items() if v is not None})
    return refused.value.errors


# Ids


def test_an_id_is_one_in_capitals_too_where_the_recipe_says_so() -> None:
    folded = adapter_of(
        video_pattern=r"/videos/(?P<video_id>[^?]+)\?k=(?P<key>\w+)",
        count_path="/api/videos/{video_id}/{key}",
        ignores_case=True,
    )
    asked = "/videos/%41bC%2fd?k=X", "/videos/abc%2Fd?k=X"
    assert {folded.video_id(address) for address in asked} == {"abc%2Fd|X"}
    assert folded.count_call("abc%2Fd|X").path == "/api/videos/abc%2Fd/X"
    assert adapter_of().video_id("/videos/AbC") == "AbC"


@pytest.mark.parametrize(
    ("address", "video", "path"),
    [
        ("/videos/a-b", "a-b", "/api/videos/a-b"),
        ("/videos/2026/spring", "2026/spring", "/api/videos/2026/spring"),
        ("/videos/2026%2Fspring", "2026%2Fspring", "/api/videos/2026%2Fspring"),
        ("/videos/%E6%B8%AF%E5%8F%A3", "港口", "/api/videos/%E6%B8%AF%E5%8F%A3"),
        ("/videos/港口", "港口", "/api/videos/%E6%B8%AF%E5%8F%A3"),
        ("/videos/%e6%b8%af", "港", "/api/videos/%E6%B8%AF"),
        ("/videos/%61bc", "abc", "/api/videos/abc"),
        ("/videos/a%20b", "a%20b", "/api/videos/a%20b"),
        ("/videos/a%25b", "a%25b", "/api/videos/a%25b"),
        ("/videos/am%C3%A9lie", "amélie", "/api/videos/am%C3%A9lie"),
    ],
)
def test_an_id_of_any_script_has_one_form_and_is_sent_as_a_path_holds_it(
    address: str, video: str, path: str
) -> None:
    adapter = adapter_of()
    assert adapter.video_id(address) == video
    assert adapter.count_call(video).path == path
    assert adapter.play(video, "7-1").path == f"{path}/plays"


def test_a_space_in_a_query_has_one_form() -> None:
    adapter = adapter_of(video_pattern="[?&]v=([^&]+)", count_path="/api?v={video_id}")
    for address in ("/watch?v=at+dawn", "/watch?v=at%20dawn", "/watch?list=1&v=at+dawn"):
        assert adapter.video_id(address) == "at%20dawn"
        assert adapter.count_call("at%20dawn").path == "/api?v=at%20dawn"
    with pytest.raises(PermanentError, match="not_a_video"):
        adapter_of().video_id("/videos/at+dawn")  # a plus there


@pytest.mark.parametrize(
    "address",
    [
        *("/videos/..", "/videos/a/../b", "/videos/a%2F..%2Fb", "/videos/a//b", "/videos/a/"),
        *("/videos/%00", "/videos/a%0D%0Ab", "/videos/%7Bsequence%7D", "/videos/a%22b"),
        *("/videos/%FF", "/videos/a|b", "/videos/a&b", "/videos/%", "/videos/a%2", "/videos/a b"),
        "/videos/" + "港" * 129,
    ],
)
def test_an_id_that_would_mean_something_else_is_refused(address: str) -> None:
    with pytest.raises(PermanentError, match="not_a_video"):
        adapter_of().video_id(address)


def test_an_id_is_written_for_its_place() -> None:
    adapter = adapter_of(
        play_path="/hit?v={video_id}",
        play_headers={"X-Video-Id": "{video_id}"},
        play_body='{"v": "{video_id}"}',
    )
    play = adapter.play(adapter.video_id("/videos/a%26b/港"), "7-1")
    assert play.path == "/hit?v=a%26b/%E6%B8%AF"
    assert ("X-Video-Id", "a%26b/%E6%B8%AF") in play.headers
    assert json.loads(play.body) == {"v": "a&b/港"}


def test_a_form_is_encoded_as_forms_are() -> None:
    adapter = adapter_of(play_body="v={video_id}&order={order}")
    body = adapter.play(adapter.video_id("/videos/a%26b"), "7-1").body
    assert body == b"v=a%26b&order=7-1"


def test_an_address_may_hold_an_id_and_a_key() -> None:
    adapter = adapter_of(
        video_pattern=r"/(?P<key>[\w-]+)/watch/(?P<video_id>[\w-]+)",
        count_path="/api/{key}/{video_id}",
        play_path="/api/{key}/{video_id}/plays",
    )
    video = adapter.video_id("/cats/watch/7")
    assert video == "7|cats"
    assert adapter.count_call(video).path == "/api/cats/7"
    assert adapter.play(video, "7-1").path == "/api/cats/7/plays"
    assert adapter.video_id("/dogs/watch/7") != video


# Counts


@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ('data["a.b"]', {"data": {"a.b": 7}}),
        ("data['a.b'].views", {"data": {"a.b": {"views": 7}}}),
        ('["view count"]', {"view count": 7}),
        ("items[0].views", {"items": [{"views": 7}, {"views": 8}]}),
        ("items.0.views", {"items": [{"views": 7}]}),
        ("[1]", [6, 7]),
        ("videos[{video_id}].views", {"videos": {"a.b": {"views": 7}, "c": {"views": 8}}}),
        ("videos.{video_id}.views", {"videos": {"a.b": {"views": 7}}}),
        ('videos["v-{video_id}"]', {"videos": {"v-a.b": 7}}),
        (
            "items[id={video_id}].views",
            {"items": [{"id": "c", "views": 8}, {"id": "a.b", "views": 7}]},
        ),
        ("items[kind=total].views", {"items": [{"kind": "new"}, {"kind": "total", "views": 7}]}),
        ("rows[n=3].views", {"rows": [{"n": 2, "views": 1}, {"n": 3, "views": "7"}]}),
    ],
)
def test_a_count_is_found_where_the_path_leads(path: str, answered: Any) -> None:
    assert read(answer(json.dumps(answered).encode()), "a.b", count_json=path) == 7


@pytest.mark.parametrize(
    "answered",
    [
        *({}, {"items": []}, {"items": [{"id": "other", "views": 7}]}, {"items": {"id": "abc"}}),
        {"items": [{"id": True, "views": 7}, 7, None]},
    ],
)
def test_an_element_that_is_not_there_is_no_count(answered: Any) -> None:
    with pytest.raises(PermanentError, match="no_view_count"):
        read(answer(json.dumps(answered).encode()), count_json="items[id={video_id}].views")


@pytest.mark.parametrize(
    "path", ["a[", "a]", "a..b", "[id=]", "a[b c]", 'a["b]', ".a", "a.", "a.[0]", "a[0]b"]
)
def test_a_path_that_breaks_off_is_told_with_its_rest(path: str) -> None:
    assert "breaks off at" in errors_of(count_json=path)["count_json"]


@pytest.mark.parametrize(
    ("shown", "views"),
    [
        ("1 204 567", 1204567),
        ("1,204,567", 1204567),
        ("1\u00a0204\u00a0567", 1204567),
        ("1\u202f204\u202f567", 1204567),
        ("1&nbsp;204&#160;567", 1204567),
        ("1\u2019204\u2019567", 1204567),
        ("12,34,567", 1234567),
        ("1&#x202f;204&thinsp;567", 1204567),
        ("1.204.567", 1204567),
        ("۱٬۲۰۴٬۵۶۷", 1204567),
        ("१२,३४,५६७", 1234567),
        ("7", 7),
    ],
)
def test_a_number_on_a_page_is_read_as_people_write_it(shown: str, views: int) -> None:
    page = answer(f"<p>seen <b>{shown}</b> times".encode())
    pattern = r"(?P<verb>seen) <b>(?P<views>.+?)</b>"
    assert read(page, count_json=None, count_pattern=pattern) == views
    assert read(page, count_json=None, count_marker="seen <b>") == views


@pytest.mark.parametrize(
    "shown",
    ["1.2K", "12k", "3,4 Mio.", "1.2M+", "12万", "1.2 млн", "5 B", "12 Tsd.", "12 lakh", "12 mi"],
)
def test_a_rounded_number_is_refused_and_told_why(shown: str) -> None:
    with pytest.raises(PermanentError, match="view_count_rounded") as refused:
        read(answer(json.dumps({"views": shown}).encode()))
    assert refused.value.params == {"value": shown}


@pytest.mark.parametrize(
    ("written", "views"),
    [("1204.0", 1204), ("1.204e3", 1204), ("-0.0", 0), ("9007199254740993.0", 2**53 + 1)],
)
def test_a_whole_number_is_one_also_where_it_is_written_with_a_point(written, views) -> None:
    assert read(answer(f'{{"views": {written}}}'.encode())) == views


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *(("1.2e3", "view_count_rounded"), ("1e18", "view_count_rounded")),
        *(("1204.5", "not_a_view_count"), ("1e-999999999", "not_a_view_count")),
        *(("1e999999999", "not_a_view_count"), ("NaN", "not_a_view_count")),
    ],
)
def test_a_number_with_a_point_that_is_no_count_is_told_as_it_is_written(written, code) -> None:
    with pytest.raises(PermanentError, match=code):
        read(answer(f'{{"views": {written}}}'.encode()))


@pytest.mark.parametrize(
    ("page", "views"),
    [
        ('<span class="views">1,204</span>', 1204),
        ('<span class="views"> <b>\n 1\u00a0204</b> views', 1204),
        ('<i class="views"></i> <span class="views"><em>7</em>', 7),
    ],
)
def test_a_number_is_found_behind_its_marker(page: str, views: int) -> None:
    content = answer(page.encode())
    assert read(content, count_json=None, count_marker='class="views">') == views


# As the Unicode CLDR has them, which browsers and frameworks take.
ROUNDED = """
    2 millones|1,235 Millionen|2 millions|3 milhões|12 mil|12 tysięcy|12 tisíc|12 mila|12 mille
    12 Tausend|12 duizend|12 tusen|12 t|12 t.|12 tuh|12 tūkst.|12 E|12 ezer|12 N|12 Tr|12 nghìn
    12 triệu|12 Mn|12 milyon|12 ribu|12 juta|12 mii|100 de mii|12 milj.|12 mill.|12 milijona
    12 тысяч|2 миллиона|12 тисяч|12 мільйонів|12 хил.|12 хиљ.|12к|12М|12 χιλ.|12 εκατομμύρια
    12 หมื่น|12ล้าน|12 हज़ार|12 लाख|12 হাজার|12 آلاف|12 مليار|۱۲ هزار|12 ہزار|12 لاکھ
    12L|12Cr|12kk|12&nbsp;k|1,000+|12+
"""


@pytest.mark.parametrize("shown", regex.findall(r"[^|\s][^|\n]*", ROUNDED))
def test_a_rounded_number_of_any_language_is_not_read_as_its_digits(shown: str) -> None:
    page = f"Views: {shown} x"
    with pytest.raises(PermanentError, match="view_count_rounded"):
        count_in(page, count_marker="Views: ")
    with pytest.raises(PermanentError, match=r"view_count_(rounded|cut)"):
        count_in(page, count_pattern=r"Views: (\d+)")
    with pytest.raises(PermanentError, match="view_count_rounded"):
        whole_number(shown)


@pytest.mark.parametrize("shown", ["1.2K", "12 Tsd. Aufrufe", "12 lakh views", "12 тыс."])
def test_a_rounded_number_behind_a_marker_is_not_read_as_its_digits(shown: str) -> None:
    with pytest.raises(PermanentError, match="view_count_rounded"):
        read(answer(f"Views: {shown}".encode()), count_json=None, count_marker="Views: ")


def test_a_number_at_the_end_of_its_markers_reach_is_not_cut() -> None:
    page = answer(b"Views:" + b" " * 297 + b"1204567")
    assert read(page, count_json=None, count_marker="Views:") == 1204567


@pytest.mark.parametrize("shown", ["1,204", "1.204.567", "12 204", "1&nbsp;204", "1\u202f204"])
def test_an_expression_that_takes_a_part_of_a_number_is_refused(shown: str) -> None:
    page = answer(f"<b>{shown}</b>".encode())
    for pattern in (r"<b>(\d+)", r"(?P<tag><b>)(?P<views>\d+)"):
        with pytest.raises(PermanentError, match="view_count_cut") as refused:
            read(page, count_json=None, count_pattern=pattern)
        assert refused.value.params["value"].endswith("204")


@pytest.mark.parametrize(
    ("page", "pattern"),
    [
        ("<b>1,204 views", r"(\d+) views"),
        ("1 204 567 vues", r"([\d.,]+) vues"),
        ("1&nbsp;204&nbsp;567 vues", r"(\d+)&nbsp;567 vues"),
        ("views 1,204<", r"views.*?(\d+)<"),
        ("(1.204)", r"(\d+)\)"),
        ("1,23,456 views", r"(\d+)"),
        ("1,23,456 views", r"(\d+) views"),
        ("1&#x27;204", r"(\d+)"),
    ],
)
def test_an_expression_that_takes_the_end_or_the_beginning_of_a_number_is_refused(
    page: str, pattern: str
) -> None:
    """The three last digits of 1,204 views were its count."""
    with pytest.raises(PermanentError, match="view_count_cut"):
        count_in(page, count_pattern=pattern)


@pytest.mark.parametrize(
    ("page", "pattern"),
    [
        ("[7,204]", r",(\d+)\]"),
        ("[7,204,300]", r",(\d+),"),
        ("7 likes, 204 views", r"(\d+) views"),
        ("2026 204 views", r"(\d+) views"),
        ("at 12:15 204 views", r"(\d+) views"),
        ("of 2026-05-11 204 views", r"(\d+) views"),
        ("v1.204 views", r"(\d+) views"),
        ("cats &amp;204 views", r"(\d+) views"),
        ("id=7&views=204", r"views=(\d+)"),
    ],
)
def test_a_number_beside_another_is_whole(page: str, pattern: str) -> None:
    assert count_in(page, count_pattern=pattern) == 204


def test_a_long_text_of_digits_is_no_count_at_once() -> None:
    """A round reads the counters of all its orders in one thread: a megabyte took a minute."""
    began = time.monotonic()
    with pytest.raises(PermanentError, match="not_a_view_count"):
        whole_number("7 8 " * (1 << 18))
    assert time.monotonic() - began < 5


def test_an_expression_whose_group_takes_nothing_has_no_count() -> None:
    with pytest.raises(PermanentError, match="not_a_view_count"):
        read(answer(b"none"), count_json=None, count_pattern=r"none|(\d+)")


@pytest.mark.parametrize("page", ["[7,100,300]", "7, 100 likes", "7,1", "7.1234", "7 likes", "7"])
def test_an_expression_that_takes_a_whole_number_reads_it(page: str) -> None:
    assert read(answer(page.encode()), count_json=None, count_pattern=r"(\d+)") == 7


def test_a_page_without_its_marker_is_told() -> None:
    with pytest.raises(PermanentError, match="count_marker_not_found"):
        read(answer(b"<p>closed"), count_json=None, count_marker="Views: ")


def test_a_page_of_many_videos_is_read_at_its_own() -> None:
    page = answer(b'<li data-id="x.y">8</li><li data-id="a.b">7</li>')
    pattern = r'data-id="{video_id}">(\d+)'
    assert read(page, "a.b", count_json=None, count_pattern=pattern) == 7
    marker = 'data-id="{video_id}">'
    assert read(page, "a.b", count_json=None, count_marker=marker) == 7
    with pytest.raises(PermanentError, match="count_pattern_not_found"):
        read(page, "a+b", count_json=None, count_pattern=pattern)


def test_a_page_is_read_in_the_encoding_that_it_names() -> None:
    page = answer(
        "播放 7 次".encode("gb18030"), headers=("Content-Type: text/html; charset=gb18030",)
    )
    assert read(page, count_json=None, count_pattern=r"播放 (\d+)") == 7


@pytest.mark.parametrize("written", ["12万次播放", "1.2万次", "3亿人看过", "12만회", "1.2K views"])
def test_a_rounded_number_is_not_read_as_its_digits_whatever_follows(written: str) -> None:
    page = answer(f"<b>播放 {written}</b>".encode())
    with pytest.raises(PermanentError, match="view_count_rounded"):
        read(page, count_json=None, count_marker="播放")
    for pattern in (r"播放 (\d+)", r"播放 ([\d.]+)"):
        with pytest.raises(PermanentError, match=r"view_count_(rounded|cut)"):
            read(page, count_json=None, count_pattern=pattern)


@pytest.mark.parametrize(
    "behind",
    [
        *(" views", "次", "<b>K</b>", " kilometres", "m²", ", 7K", ".", ""),
        *(" t-shirts", " e 7 likes", " miles", " military"),
    ],
)
def test_what_follows_a_whole_number_does_not_round_it(behind: str) -> None:
    page = answer(f"seen 1204{behind}".encode())
    assert read(page, count_json=None, count_pattern=r"seen (\d+)") == 1204


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("text/html; Charset=GB2312", "播放 7 次".encode("gb18030")),
        ("text/html", '<meta charset="gbk"><p>播放 7 次'.encode("gb18030")),
        (
            "text/html",
            '<meta http-equiv="Content-Type" content="text/html; charset=gb2312">播放 7 次'.encode(
                "gbk"
            ),
        ),
        ("text/xml", "<?xml version='1.0' encoding='Big5'?><n>播放 7 次".encode("big5")),
        ("text/html", b"\xef\xbb\xbf" + "播放 7 次".encode()),
    ],
)
def test_a_page_is_read_as_browsers_read_it(head: str, body: bytes) -> None:
    page = answer(body, headers=(f"Content-Type: {head}",))
    assert read(page, count_json=None, count_pattern=r"(?:^|[^\ufeff])播放 (\d+)") == 7


@pytest.mark.parametrize(
    "body",
    [
        '{"title": "港口", "views": 7}'.encode("gbk"),
        '{"title": "港'.encode()[:-1] + b'", "views": 7}',
        b'\xef\xbb\xbf{"title": "\xff", "views": 7}',
        b'{"title": "one\nand a tab\t", "views": 7}',
    ],
)
def test_a_title_in_another_encoding_hides_no_number_beside_it(body: bytes) -> None:
    assert read(answer(body), count_json="views") == 7


@pytest.mark.parametrize("charset", ["punycode", "idna", "base64", "no-such", "utf-7"])
def test_a_page_that_names_an_encoding_of_no_page_is_read_as_utf_8(charset: str) -> None:
    page = answer("播放 7 次".encode(), headers=(f"Content-Type: text/html; charset={charset}",))
    assert read(page, count_json=None, count_pattern=r"播放 (\d+)") == 7


@pytest.mark.timing
def test_a_marker_that_stands_everywhere_ends_in_time() -> None:
    begun = time.thread_time()
    with pytest.raises(PermanentError, match="count_marker_not_found"):
        read(answer(b"ab" * 500_000), count_json=None, count_marker="a")
    assert time.thread_time() - begun < 1


def test_a_page_of_a_megabyte_is_read() -> None:
    assert read(answer(b" " * 1_000_000 + b'{"views": 7}')) == 7


def test_a_count_is_asked_for_with_method_headers_and_body() -> None:
    with RawServer(always(answer(b'{"data": {"video": {"views": 7}}}'))) as server:
        adapter = adapter_of(
            count_method="POST",
            count_path="/graphql",
            count_headers="Content-Type: application/json\nX-Api-Version: 2",
            count_body='{"query": "query($id: ID!) {{video}}", "variables": {"id": "{video_id}"}}',
            count_json="data.video.views",
            play_body='{"v": "{video_id}"}',
        )
        with SiteClient(proved(server.url)) as client:
            assert adapter.read_count(client, "港") == 7
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /graphql HTTP/1.1\r\n")
    assert b"\r\nX-Api-Version: 2" in head
    assert json.loads(body) == {"query": "query($id: ID!) {video}", "variables": {"id": "港"}}


# Plays


def test_a_word_in_double_braces_is_sent_in_single_ones() -> None:
    body = adapter_of(play_body='{"q": "{{views}} {video_id}", "o": {}, "p": {"a": {"b": 1}}}')
    play = body.play("abc", "7-1")
    assert play.body == b'{"q": "{views} abc", "o": {}, "p": {"a": {"b": 1}}}'


def test_the_mark_of_a_plays_number_cannot_be_sent_as_text() -> None:
    assert "cannot be sent" in errors_of(play_body="{{sequence}} {video_id}")["play_body"]
    adapter = adapter_of(play_body="{{{video_id}}}")
    assert adapter.play("abc", "7-1").body == b"{abc}"
    with pytest.raises(PermanentError, match="value_not_sendable"):
        adapter.play("sequence", "7-1")


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_may_be_the_answer_to_a_play_and_is_not_followed(status: int) -> None:
    """YOURLS counts a click and answers 301."""
    redirect = answer(status=f"{status} Found", headers=("Location: /elsewhere",))
    with RawServer(always(redirect)) as server:
        target = proved(server.url)
        play = adapter_of(play_method="GET", counted=[status]).play("abc", "7-1")
        events: Events = SimpleQueue()
        channel = Channel(target, Limits(connections=2), events)
        try:
            channel.open(1, play)
            channel.send(1, Window(1, 50, float("inf")))
            ended = events.get(timeout=60)
        finally:
            channel.close()
        assert isinstance(ended, WindowEnded)
        assert ended.tally.counted == 50
        assert {request.split(b" ")[1] for request in server.requests} == {b"/api/videos/abc/plays"}


def test_a_trial_shows_a_redirect_that_counts() -> None:
    plays = 0

    def script(connection: Connection) -> None:
        nonlocal plays
        while request := connection.read_request():
            if b"/plays" in request:
                plays += 1
                moved = ("Location: https://elsewhere.example/",)
                connection.send(answer(status="301 Moved", headers=moved))
            else:
                connection.send(answer(b'{"views": %d}' % plays))

    with RawServer(script) as server:
        target = proved(server.url)
        trial = try_once(target, adapter_of(counted="301"), "/videos/a", "try-1", wait=0)
    assert trial.verdict.code == "trial_counted"
    assert "HTTP/1.1 301" in str(trial.exchanges[1].answer)


# Checks


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("video_pattern", r"/videos/{video_id}/(\w+)", "{video_id} does nothing here"),
        ("video_pattern", r"/(?P<a>\w+)/(?P<b>\w+)", "one named video_id"),
        ("count_path", "/api/{video_id}/{order}", "{order} is not known here"),
        ("count_body", "{video_id} {play_key}", "{play_key} is not known here"),
        ("count_headers", {"X-Api-Key": "{order}"}, "{order} is not known here"),
        ("count_json", "items[id={order}].views", "{order} is not known here"),
        ("count_json", "items.{videoid}.views", "{videoid} is not known here"),
        ("play_path", "/{key}/{video_id}", "{key} needs a group of that name"),
        ("video_pattern", r"/(?P<key>\w+)/(?P<video_id>\w+)", "{key} is used nowhere"),
        ("count_marker", "views of {secret:api_key}: ", "{secret:api_key} is not known here"),
        ("play_body", "{video_id} {token}", "{token} is not known here"),
        ("play_body", '{"query": "{play(id: 1) {views}}"} {video_id}', "Write {{views}} to have"),
        ("count_method", "DELETE", "The method is one of"),
        ("count_body", "{video_id}", "GET sends no body."),
        ("counted", "200, 404", "from 200 to 399"),
        ("count_in_session", True, "no preparing step"),
    ],
)
def test_what_would_do_nothing_is_an_error_at_its_field(
    field: str, value: Any, reason: str
) -> None:
    errors = errors_of(**{field: value})
    assert list(errors) == [field]
    assert reason in errors[field]


def test_exactly_one_way_to_find_the_count_is_asked_for() -> None:
    assert "count_json" in errors_of(count_marker="Views: ")
    assert "count_json" in errors_of(count_json="")


def test_properties_of_characters_in_a_pattern_are_no_placeholders() -> None:
    assert Recipe.parse(RECIPE | {"video_pattern": r"/(\p{Lu}{2,5})"})


def test_a_recipe_of_before_is_stored_as_before() -> None:
    """So that a release of before can still read it."""
    stored = Recipe.parse(RECIPE).as_data()
    assert set(stored) == {
        *("video_pattern", "count_path", "count_json", "count_pattern", "play_path"),
        *("play_method", "play_headers", "play_body", "counted", "idempotent", "settle_seconds"),
    }
    assert Recipe.parse(stored) == Recipe.parse(RECIPE)
    again = Recipe.parse(RECIPE | {"count_method": "POST"}).as_data()
    assert again["count_method"] == "POST"


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        (r"\{video_id}: ([0-9]+)", "/watch/qqq"),
        (r"[[:{video_id}:]]([0-9]+)", "/watch/dawn"),
        (r"[a-{video_id}]([0-9]+)", "/watch/12"),
        (r"\g<{video_id}>([0-9]+)", "/watch/dawn"),
    ],
)
def test_a_pattern_that_an_id_makes_none_is_a_fault_of_the_recipe(
    pattern: str, address: str
) -> None:
    changes = {"video_pattern": "^/watch/(.+)", "count_json": "", "count_pattern": pattern}
    adapter = sites.adapter("http", RECIPE | changes)
    with pytest.raises(PermanentError) as refused:
        adapter.count_of(Response(200, {}, b"dawn: 12"), adapter.video_id(address))
    assert refused.value.code == SiteCode.RECIPE_NOT_VALID


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("counted", [1e999]),
        ("counted", ["1e999"]),
        ("video_pattern", "(?u)(?a)([0-9])"),
        ("steps", [{"path": "/login", "accepted": [1e999]}]),
    ],
)
def test_what_no_number_and_no_pattern_holds_is_an_error_at_its_field(
    field: str, value: Any
) -> None:
    assert any(name.startswith(field) for name in errors_of(**{field: value}))
