"""A recipe's second address in its fields, its file, the wizard and the form of its site."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from booster.sites import recipes
from booster.sites.recipe import Recipe, RecipeError
from core.admin.site_ownership import snippets_of
from core.models import Site
from tests.base import client_of, messages_of
from tests.raw_server import RawServer
from tests.two_origins import RECIPE, STEPS, WITH_STEPS

API = "https://api.example.com"
WITH_API = RECIPE | {"second_origin": API}
WIZARD, ADD = "/admin/core/site/wizard/", "/admin/core/site/add/"


def errors_of(**changes: Any) -> dict[str, str]:
    with pytest.raises(RecipeError) as refused:
        Recipe.parse(WITH_API | changes)
    return refused.value.errors


@pytest.mark.parametrize(
    "wrong",
    [
        *("api.example.com", "ftp://api.example.com", f"{API}/v1", f"{API}/?x=1", f"{API}/#top"),
        *("https://user@api.example.com", f"{API}:99999", "https://0x7f.1", "https://youtube.com"),
        7,
    ],
)
def test_a_wrong_second_address_is_named(wrong: Any) -> None:
    assert errors_of(second_origin=wrong).keys() == {"second_origin"}


def test_what_does_not_fit_the_second_address_is_named() -> None:
    nowhere = errors_of(count_at_second=False, play_at_second=False)
    assert nowhere == {"second_origin": "Nothing is asked there: say which requests are."}
    without = errors_of(second_origin="", **WITH_STEPS)
    assert without.keys() == {"count_at_second", "play_at_second", "steps.1.at_second"}
    assert errors_of(play_at_second="yes").keys() == {"play_at_second"}


def test_it_is_kept_as_addresses_are_compared() -> None:
    recipe = Recipe.parse(WITH_API | {"second_origin": " HTTPS://API.example.com:443/ "})
    assert recipe.as_data()["second_origin"] == API
    assert Recipe.parse(recipe.as_data()) == recipe


def test_a_recipe_without_one_is_written_as_before() -> None:
    known = {"count_at_second", "play_at_second"}
    old = {name: value for name, value in RECIPE.items() if name not in known}
    data = Recipe.parse(old | WITH_STEPS | {"steps": STEPS[:1]}).as_data()
    assert not (known | {"second_origin"}) & data.keys()
    assert "at_second" not in data["steps"][0]


def test_a_file_carries_it() -> None:
    file = recipes.file_of("Harbour", WITH_API | WITH_STEPS, 3)
    read = recipes.read(file.write().encode())
    assert read == file
    assert Recipe.parse(read.recipe).second_origin == API
    assert [step.at_second for step in Recipe.parse(read.recipe).steps] == [False, True]


# At the desk


def filled(page) -> dict[str, Any]:
    """What a browser would send of the form on this page."""
    form = page.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    sent = {name: "on" if value is True else value for name, value in values.items()}
    return {name: value for name, value in sent.items() if value not in (None, False)}


def test_an_imported_recipe_fills_the_form_which_keeps_it(desk, settings):
    settings.PRIVATE_SITES = ("127.0.0.1:1234", "127.0.0.1:1235")
    recipe = WITH_API | WITH_STEPS | {"second_origin": "http://127.0.0.1:1235"}
    content = recipes.file_of("Harbour", recipe, 3).write().encode()
    page = desk.post(WIZARD, {"step": "import", "file": SimpleUploadedFile("r.json", content)})
    sent = filled(page) | {"origin": "http://127.0.0.1:1234", "active": "on"}
    assert sent["recipe_second_origin"] == "http://127.0.0.1:1235"
    assert desk.post(ADD, sent).status_code == 302
    assert Recipe.parse(Site.objects.get().recipe) == Recipe.parse(recipe)


def test_an_answer_from_another_host_makes_it_the_second_address(desk):
    typed = {
        "url": "https://videos.example.com/videos/abc1",
        "source": f"{API}/v1/abc1?fields=views",
        "answer": json.dumps({"id": "abc1", "views": 41}),
        "video": "0",
        "pick": "0",
    }
    shown = desk.post(WIZARD, typed | {"step": "look"}).content.decode()
    assert f'<code class="desk-code">{API}</code>' in shown
    sent = filled(desk.post(WIZARD, typed | {"step": "take"}))
    assert sent["recipe_second_origin"] == API
    assert sent["recipe_count_at_second"] == "on"
    assert sent["recipe_count_path"] == "/v1/{video_id}?fields=views"
    assert "recipe_play_at_second" not in sent


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("http://127.0.0.1:1236", "127.0.0.1"),
        ("https://www.youtube.com", "youtube.com"),
        ("http://127.0.0.1:1234", "the address of the site itself"),
        ("nonsense", "http"),
    ],
)
def test_the_form_refuses_at_its_field_where_nothing_may_be_sent(desk, settings, second, told):
    settings.PRIVATE_SITES = ("127.0.0.1:1234",)
    sent = {
        "name": "Harbour",
        "origin": "http://127.0.0.1:1234",
        "adapter": "http",
        **{f"recipe_{name}": value for name, value in RECIPE.items()},
        "recipe_second_origin": second,
    }
    errors = desk.post(ADD, sent).context["adminform"].form.errors
    assert errors.keys() == {"recipe_second_origin"}
    assert told in str(errors)
    assert not Site.objects.exists()


def test_a_changed_one_asks_for_a_new_proof(desk, settings):
    settings.PRIVATE_SITES = ("127.0.0.0/8",)
    with RawServer() as api:
        site = Site.objects.create(
            name="Harbour",
            origin="http://127.0.0.1:1234",
            adapter="http",
            recipe=RECIPE | {"second_origin": "http://127.0.0.1:1235"},
            verified=True,
        )
        page = f"/admin/core/site/{site.pk}/change/"
        sent = filled(desk.get(page)) | {"recipe_second_origin": api.url}
        answered = desk.post(page, sent, follow=True)
        assert any("verify the site" in text for text in messages_of(answered))
        assert api.connections == 0
    site.refresh_from_db()
    assert site.second_origin == api.url
    assert not site.verified


def test_a_sites_page_says_where_both_tokens_belong(desk, carol, harbour):
    Site.objects.update(adapter="http", recipe=WITH_API)
    harbour.refresh_from_db()
    for client in (desk, client_of(carol)):
        page = client.get(f"/admin/core/site/{harbour.pk}/change/").content.decode()
        assert f"{harbour.origin}/booster-office-{harbour.token}.txt" in page
        assert f"{API}/booster-office-{harbour.token}.txt" in page
    zone = dict(snippets_of(harbour))["DNS zone"]
    assert "_booster-office-challenge.api.example.com." in zone
    assert zone.count(harbour.token) == 2
