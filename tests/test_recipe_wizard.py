"""From an address and an answer to a recipe: what is proposed reads what was clicked."""

import json
import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, strategies as st

from booster.net.call import Response
from booster.sites import adapter, sample
from core.models import Site
from tests.base import VIDEO, client_of

WIZARD = "/admin/core/site/wizard/"
ADD = "/admin/core/site/add/"


def reads(sent: str, piece: sample.Piece, video: str) -> int:
    """What a recipe with this proposal reads in the answer."""
    recipe = {
        "video_pattern": "/(.+)",
        "count_path": "/{video_id}",
        "play_path": "/{video_id}",
        **piece.where,
    }
    return adapter("http", recipe).count_of(Response(200, {}, sent.encode()), video)


def shown(answer: str, video: str = "abc") -> list[tuple[str, dict[str, str]]]:
    return [(piece.text, piece.where) for piece in sample.read(answer, video).numbers]


@pytest.mark.parametrize(
    ("address", "video", "pattern"),
    [
        ("/watch/abc1", "abc1", "^/watch/([^/?]+)"),
        ("/watch?v=x-1&t=5s", "x-1", "[?&]v=([^&]+)"),
        ("/watch?v=at+dawn", "at%20dawn", "[?&]v=([^&]+)"),
        ("/2026/05/harbour-at-dawn/", "harbour-at-dawn", r"^/\d+/\d+/([^/?]+)"),
        ("/videos/%E6%B8%AF", "港", "^/videos/([^/?]+)"),
        ("/picture.php?/12/category/3", "picture.php", "^/([^/?]+)"),
    ],
)
def test_the_likeliest_id_comes_first_with_its_pattern(address, video, pattern):
    found = sample.ids_in(address)
    assert (found[0].video_id, found[0].pattern) == (video, pattern)
    recipe = {
        "video_pattern": pattern,
        "count_path": "/{video_id}",
        "count_json": "n",
        "play_path": "/{video_id}",
    }
    assert adapter("http", recipe).video_id(address) == video


def test_what_stands_in_the_answer_too_is_likelier_the_id():
    assert sample.ids_in("/watch/abc?from=list")[0].video_id == "abc"
    assert sample.ids_in("/e/abc/feed", '{"id": "abc"}')[0].video_id == "abc"
    assert sample.ids_in("/e/abc/feed", '{"id": "abcd"}')[0].video_id == "feed"


@pytest.mark.parametrize(
    ("address", "video", "other", "found"),
    [
        ("/catalogue/harbour-at-dawn_1/", "1", "/catalogue/dawn_12/", "12"),
        ("/articles/12-harbour", "12", "/articles/7-dawn-2", "7"),
        ("/thread-12.html", "12", "/thread-7.html?x=1", "7"),
        ("/watch/harbour.html", "harbour", "/watch/dawn.html", "dawn"),
    ],
)
def test_an_id_within_a_part_of_the_address_is_offered_too(address, video, other, found):
    pattern = next(one.pattern for one in sample.ids_in(address) if one.video_id == video)
    recipe = {"video_pattern": pattern, "count_json": "n"}
    recipe |= {"count_path": "/{video_id}", "play_path": "/{video_id}"}
    assert adapter("http", recipe).video_id(other) == found


def test_a_path_is_proposed_with_the_id_in_its_place():
    assert sample.path_for("/api/videos/abc?x=1", "abc") == "/api/videos/{video_id}?x=1"
    assert sample.path_for("/api/%E6%B8%AF", "港") == "/api/{video_id}"
    assert sample.path_for("/api/all", "abc") == "/api/all"


def test_numbers_in_json_are_offered_with_their_paths():
    answer = {
        "data": {"views": 1204, "a.b": 7, "title": "5 boats"},
        "items": [{"id": "x", "views": 8}, {"id": "abc", "views": 9}],
        "abc": {"n": "1,204"},
        "rounded": "1.2K",
        "ratio": 1.5,
        "live": True,
    }
    assert shown(json.dumps(answer)) == [
        ("1204", {"count_json": "data.views"}),
        ("7", {"count_json": 'data["a.b"]'}),
        ("8", {"count_json": "items[0].views"}),
        ("9", {"count_json": "items[id={video_id}].views"}),
        ('"1,204"', {"count_json": "[{video_id}].n"}),
    ]


def test_numbers_on_a_page_are_offered_with_the_text_before_them():
    page = """<html><title>Dawn 7</title>
    <b data-id="abc" class="views">
       1 204 567
    </b> views, 12 likes, 1.2K shares, v2.0, <i style="width: 50%">"""
    found = shown(page)
    assert [text for text, _where in found] == ["7", "1 204 567", "12"]
    assert found[1][1] == {"count_marker": '<b data-id="{video_id}" class="views">'}


def test_an_element_of_a_list_is_known_by_an_address_that_holds_the_id():
    def rows(views: int) -> str:
        found = [{"data": "/watch/abcd", "hits": 8}, {"data": "/watch/abc.html", "hits": views}]
        return json.dumps({"requests": found if views < 9 else found[::-1]})

    piece = sample.read(rows(7), "abc").numbers[1]
    assert piece.where == {"count_json": 'requests[data="/watch/{video_id}.html"].hits'}
    assert reads(rows(9), piece, "abc") == 9


ROWS = """<tr><td><a href="/videos/1/">Harbour</a></td> <td>{}</td><td>0</td></tr>
<tr><td><a class="x" href="/videos/12/?a=b">Dawn 7</a>
</td><td class="n">{}</td><td>0</td></tr>"""


@pytest.mark.parametrize(("video", "views"), [("1", 1204567), ("12", 1204569)])
def test_a_number_in_a_table_is_offered_by_its_videos_row(video, views):
    shown = "1\u00a0204\u00a0567", "1&nbsp;204&nbsp;569"
    page = ROWS.format(*shown)
    numbers = {piece.text: piece for piece in sample.read(page, "1").numbers}
    assert reads(page, numbers[shown[0]], video) == views


@pytest.mark.parametrize("answer", ["57", '"57"', " 1,204\n", "١٢"])
def test_an_answer_that_is_the_number_alone_is_offered(answer):
    [piece] = sample.read(answer, "abc").numbers
    assert reads(answer, piece, "abc") == sample.proves(piece, answer, "abc")


def test_a_page_of_many_ids_and_numbers_is_shown_soon():
    page = "abc12>>>>>7<" * 20_000
    began = time.monotonic()
    assert sample.read(page, "abc12").numbers
    assert time.monotonic() - began < sample.MOST_SECONDS + 2


def test_a_number_without_a_text_of_its_own_is_not_offered():
    assert shown("7\n8\n9") == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2**40) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from(["abc", "7", "港", "a.b"]),
)
def test_every_number_in_json_that_is_offered_can_be_read(answer: Any, video: str):
    text = json.dumps({"top": answer, video: answer})
    for piece in sample.read(text, video).numbers:
        if len(piece.where["count_json"]) <= 300:
            assert reads(text, piece, video) == sample.proves(piece, text, video)


@given(
    st.lists(
        st.sampled_from(["<b>", "7", "1,204", "&nbsp;", "٧", "\n", " ", "views", "{x}", '"', "abc"])
    )
)
def test_every_number_on_a_page_that_is_offered_can_be_read(words: list[str]):
    text = "".join(words)
    for piece in sample.read(text, "abc").numbers:
        if "count_json" not in piece.where:
            assert reads(text, piece, "abc") == sample.proves(piece, text, "abc")


# At the desk


def test_from_an_address_and_an_answer_to_a_site_that_counts(desk, demo_site, settings):
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    typed = {
        "url": demo_site.address(VIDEO),
        "source": f"{demo_site.url}/api/videos/{VIDEO}",
        "answer": json.dumps({"id": VIDEO, "views": 41}),
    }
    page = desk.post(WIZARD, typed | {"step": "look"})
    proposal = page.context["proposal"]
    assert proposal.video.video_id == VIDEO
    assert proposal.picked is None
    picked = desk.post(WIZARD, typed | {"step": "look", "video": "0", "pick": "0"})
    text = picked.content.decode()
    assert "/api/videos/{video_id}" in text
    assert picked.context["proposal"].views == 41
    form = desk.post(WIZARD, typed | {"step": "take", "video": "0", "pick": "0"})
    filled = form.context["adminform"].form
    sent = {name: filled[name].value() or "" for name in filled.fields if name != "active"}
    assert sent["origin"] == demo_site.url
    sent |= {"recipe_play_path": "/api/videos/{video_id}/plays", "active": "on"}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    assert desk.post(ADD, sent).status_code == 302
    site = Site.objects.get()
    demo_site.token(site.token)
    desk.post(f"/admin/core/site/{site.pk}/verify/")
    tried = desk.post(f"/admin/core/site/{site.pk}/try/", {"url": typed["url"]})
    assert tried.context["trial"].passed


@pytest.mark.parametrize(
    ("url", "answer", "told"),
    [
        ("", "7", "http"),
        ("ftp://a.example/x", "7", "http"),
        ("https://a.example/", "7", "can be a video"),
        ("https://a.example/v/x", "", "Paste the site"),
        ("https://a.example/v/x", "7" * 300_000, "longer than"),
    ],
)
def test_what_cannot_be_looked_at_is_told(desk, url, answer, told):
    page = desk.post(WIZARD, {"step": "look", "url": url, "answer": answer})
    assert page.status_code == 200
    assert told in " ".join(page.context["errors"])


@pytest.mark.parametrize(
    "sent", [{"pick": "99"}, {"pick": "-1"}, {"pick": "x"}, {"video": "7"}, {"pick": "9" * 30}]
)
def test_a_choice_that_is_not_there_is_none(desk, sent):
    typed = {"url": "https://a.example/v/x", "answer": '{"n": 7}', "step": "take"}
    page = desk.post(WIZARD, typed | sent)
    assert page.status_code == 200
    assert "proposal" in page.context


def test_an_answer_is_shown_as_text(desk):
    answer = '<script>alert(1)</script><b class="n">7</b>'
    typed = {"url": "https://a.example/v/x", "answer": answer, "step": "look"}
    page = desk.post(WIZARD, typed).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_half_a_character_of_an_answer_or_a_file_is_written_out(desk):
    """A site that cuts a title in the middle of an emoji answers so."""
    typed = {"url": "https://a.example/v/x", "answer": r'{"title": "Dawn \ud83c", "views": 7}'}
    page = desk.post(WIZARD, typed | {"step": "look"})
    assert r"Dawn \ud83c" in page.content.decode()
    recipe = {"video_pattern": "/(.+)", "count_path": "/{video_id}", "count_json": "n"}
    file = {
        "name": "Dawn \ud83c",
        "notes": "\ud83c",
        "recipe": recipe | {"play_path": "/{video_id}"},
    }
    upload = SimpleUploadedFile("recipe.json", json.dumps(file).encode())
    form = desk.post(WIZARD, {"step": "import", "file": upload})
    assert r"Dawn \ud83c" in form.content.decode()


def test_the_counter_is_read_without_a_play(desk, carol, site, demo_site):
    Site.objects.update(verified=True)
    before = demo_site.views(VIDEO)
    address = f"/admin/core/site/{site.pk}/read/"
    page = desk.post(address, {"url": demo_site.address(VIDEO)})
    assert f"The counter was read: {before:,} views." in page.content.decode()
    assert page.context["trial"].passed
    assert page.context["figures"] == [("Views now", f"{before:,}")]
    assert demo_site.views(VIDEO) == before
    assert client_of(carol).post(address, {"url": demo_site.address(VIDEO)}).status_code == 403


def test_an_answer_that_is_refused_is_shown_with_its_body(desk, site, demo_site):
    Site.objects.update(verified=True)
    demo_site.fault("count", "status", status=403)
    page = desk.post(f"/admin/core/site/{site.pk}/read/", {"url": demo_site.address(VIDEO)})
    [exchange] = page.context["exchanges"]
    assert "403" in exchange[1].splitlines()[0]
    assert "HTTP/1.1 403" in exchange[1]
    assert exchange[1].count("\n") > 4
