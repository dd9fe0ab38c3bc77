"""Recipes as files: those that come with the office, and those that offices exchange."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from booster import sites
from booster.net.call import Response
from booster.sites import recipes
from booster.sites.recipe import Recipe, RecipeError
from booster.sites.recipes import RecipeFileError
from core.models import Site
from tests.base import client_of

# An address, its video, what reading and playing it asks for, an answer and its count.
SHIPPED: dict[str, tuple[str, str, str, str, bytes, int]] = {
    "mediacms": (
        *("/view?m=Ab_1-x", "Ab_1-x", "/api/v1/media/Ab_1-x", "/api/v1/media/Ab_1-x/actions"),
        *(b'{"views": 7}', 7),
    ),
    "piwigo": (
        *("/picture.php?/12/category/3", "12"),
        "/ws.php?format=json&method=pwg.images.getInfo&image_id=12",
        "/ws.php?format=json&method=pwg.history.log",
        *(b'{"stat": "ok", "result": {"id": 12, "hit": 7}}', 7),
    ),
    "matomo": (
        *("/videos/dawn", "dawn", "/matomo/index.php", "/matomo/matomo.php"),
        *(b'[{"label": "dawn", "nb_visits": 3, "nb_hits": 7}]', 7),
    ),
    "yourls": (
        *("/administer/?x=1", "administer"),
        f"/yourls-api.php?action=url-stats&format=json&shorturl=administer&signature={'f' * 32}",
        *("/administer", b'{"statusCode": "200", "link": {"url": "/a", "clicks": 7}}', 7),
    ),
    "clipbucket": (
        *("/video/ABCDEF12/dawn", "abcdef12", "/actions/getVideoDetails.php"),
        *("/actions/increment_video_view.php", b'{"videoid": "1", "views": "7"}', 7),
    ),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_reads_and_plays_its_software(name: str) -> None:
    address, video, count, play, answered, views = SHIPPED[name]
    secrets = dict.fromkeys(("token_auth", "signature"), "f" * 32)
    adapter = sites.adapter("http", sites.shipped(name).recipe, secrets)
    assert adapter.video_id(address) == video
    assert adapter.count_call(video).path == count
    assert adapter.play(video, "7-1").path == play
    assert adapter.count_of(Response(200, {}, answered), video) == views


@pytest.mark.parametrize("name", ["booster-office", "post-views-counter", "postviews"])
def test_a_post_of_wordpress_has_one_id_however_its_address_is_written(name: str) -> None:
    adapter = sites.adapter("http", sites.shipped(f"wordpress-{name}").recipe)
    ends = "", "/", "/?replytocom=7", "/comment-page-2/", "/page/1/"
    written = {f"/2026/11/{slug}{end}" for slug in ("harbour", "Harbour") for end in ends}
    assert {adapter.video_id(address) for address in written} == {"2026/11/harbour"}
    assert adapter.video_id("/page/harbour") == "page/harbour"


def test_matomos_token_stands_in_a_body_only() -> None:
    adapter = sites.adapter("http", sites.shipped("matomo").recipe, {"token_auth": "f" * 32})
    call = adapter.count_call("dawn")
    assert b"token_auth=" + b"f" * 32 in call.body
    assert "f" * 32 not in call.path
    assert b"f" * 32 not in adapter.play("dawn", "7-1").body


def test_every_shipped_recipe_is_valid_and_says_what_its_operator_must_know() -> None:
    names = {"clipbucket", "django-hitcount", "matomo", "mediacms", "piwigo", "yourls"}
    names |= {f"wordpress-{name}" for name in ("booster-office", "post-views-counter", "postviews")}
    assert recipes.all_shipped().keys() == names
    for file in recipes.all_shipped().values():
        assert Recipe.parse(file.recipe).as_data() == file.recipe
        assert len(file.notes) > 80
        assert file.max_connections
    assert "No setting makes it count every play" in sites.shipped("mediacms").notes
    assert sites.shipped("wordpress-postviews").max_connections == 1


def test_a_file_goes_out_and_in_again_unchanged() -> None:
    for file in recipes.all_shipped().values():
        assert recipes.read(file.write().encode()) == file


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "recipe_file_not_json"),
        (b"{", "recipe_file_not_json"),
        (b"\xff\xfe", "recipe_file_not_json"),
        (b"[" * 100_000, "recipe_file_too_large"),
        (b"[" * 60_000, "recipe_file_not_json"),
        (b"[]", "recipe_file_without_recipe"),
        (b'{"recipe": 7}', "recipe_file_without_recipe"),
        (b" " * 70_000, "recipe_file_too_large"),
    ],
)
def test_a_file_that_is_none_is_told_why(content: bytes, code: str) -> None:
    with pytest.raises(RecipeFileError, match=code):
        recipes.read(content)


def test_a_wrong_recipe_in_a_file_names_its_fields() -> None:
    with pytest.raises(RecipeError) as refused:
        recipes.read(b'{"recipe": {"play_path": "x"}}')
    assert {"video_pattern", "count_path", "play_path"} == refused.value.errors.keys()


def test_a_credential_in_a_file_is_taken_out() -> None:
    recipe = dict(sites.shipped("mediacms").recipe)
    recipe["play_headers"] = [["Authorization", "Bearer abcdef123"]]
    file = recipes.read(json.dumps({"recipe": recipe}).encode())
    assert "abcdef123" not in file.write()


# At the desk

RECIPE: dict[str, Any] = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
    "play_headers": [["X-Api-Key", "{secret:api_key}"]],
}
NEW = "/admin/core/site/wizard/"


@pytest.fixture
def by_recipe(site: Site) -> Site:
    Site.objects.update(
        adapter="http", recipe=RECIPE, secrets={"api_key": "abcdef123"}, max_connections=3
    )
    site.refresh_from_db()
    return site


def test_a_sites_recipe_is_exported_without_its_secrets(desk, carol, by_recipe):
    for client in (desk, client_of(carol)):
        answered = client.get(f"/admin/core/site/{by_recipe.pk}/recipe.json")
        assert "attachment" in answered["Content-Disposition"]
        assert b"abcdef123" not in answered.content
        file = recipes.read(answered.content)
        assert (file.name, file.max_connections) == (by_recipe.name, 3)
        assert Recipe.parse(file.recipe) == Recipe.parse(RECIPE)


def test_a_site_without_a_recipe_has_no_file(desk, site):
    assert desk.get(f"/admin/core/site/{site.pk}/recipe.json").status_code == 404


def test_who_may_not_see_sites_gets_no_recipe(dave, by_recipe):
    assert client_of(dave).get(f"/admin/core/site/{by_recipe.pk}/recipe.json").status_code == 403


def test_an_imported_recipe_fills_the_form_and_saves_nothing(desk, demo_site, settings):
    settings.PRIVATE_SITES = (f"127.0.0.1:{demo_site.port}",)
    content = recipes.file_of("Somewhere", RECIPE, 3).write().encode()
    sent = {"step": "import", "file": SimpleUploadedFile("r.json", content)}
    page = desk.post(NEW, sent)
    form = page.context["adminform"].form
    assert form["recipe_count_path"].value() == RECIPE["count_path"]
    assert form["recipe_play_headers"].value() == "X-Api-Key: {secret:api_key}"
    assert form["max_connections"].value() == 3
    assert form["adapter"].value() == "http"
    assert "api_key" in page.content.decode()
    assert not Site.objects.exists()


def test_a_file_that_is_no_recipe_is_refused_in_words(desk):
    sent = {"step": "import", "file": SimpleUploadedFile("r.json", b"{}")}
    page = desk.post(NEW, sent)
    assert page.status_code == 200
    assert "The file contains no recipe." in page.content.decode()
    wrong = json.dumps({"recipe": {"play_path": "x"}}).encode()
    text = desk.post(NEW, {"step": "import", "file": SimpleUploadedFile("r.json", wrong)})
    assert "A path begins with a slash" in text.content.decode()
    assert "This is required" in text.content.decode()
    assert desk.post(NEW, {"step": "import"}).status_code == 200


def test_a_shipped_recipe_fills_the_form_with_its_notes(desk):
    page = desk.post(NEW, {"step": "shipped", "name": "mediacms"})
    form = page.context["adminform"].form
    assert form["recipe_play_path"].value() == "/api/v1/media/{video_id}/actions"
    assert "No setting makes it count every play" in form["memo"].value()
    assert desk.post(NEW, {"step": "shipped", "name": "../x"}).status_code == 200


def test_who_may_not_add_sites_sees_no_wizard(carol):
    assert client_of(carol).get(NEW).status_code == 403
    assert client_of(carol).post(NEW, {"step": "shipped", "name": "piwigo"}).status_code == 403
