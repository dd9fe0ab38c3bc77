"""A recipe's secrets are written, used and shown to nobody: no page, trial, history or error."""

import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.contrib.admin.models import LogEntry

from booster import sites
from booster.exceptions import PermanentError, SiteCode, SiteError
from booster.net.client import SiteClient
from booster.sites.masking import DOTS, Mask
from booster.sites.trial import try_once
from core.models import FieldChange, Site
from tests.base import VIDEO, client_of
from tests.raw_server import RawServer, always, answer
from tests.targets import proved

SECRET = "Kd/7 q&x=\"9'zz"
RECIPE: dict[str, Any] = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_path": "/api/videos/{video_id}/plays",
}


def form_of(site: Site, **recipe: str) -> dict[str, str]:
    fields = {f"recipe_{name}": value for name, value in (RECIPE | recipe).items()}
    typed = {"name": site.name, "origin": site.origin, "adapter": "http", "active": "on"}
    return typed | fields


def change_page(site: Site) -> str:
    return f"/admin/core/site/{site.pk}/change/"


def errors_of(page) -> dict[str, list[str]]:
    return dict(page.context["adminform"].form.errors)


@pytest.fixture
def secretive(desk, site) -> Site:
    """A site whose secret has been typed in."""
    form = form_of(site, play_headers="X-Api-Key: {secret:api_key}")
    answered = desk.post(change_page(site), form | {"new_secrets": f"api_key = {SECRET}"})
    assert answered.status_code == 302, errors_of(answered)
    site.refresh_from_db()
    return site


def test_a_secret_is_kept_apart_from_the_recipe(secretive):
    assert secretive.secrets == {"api_key": SECRET}
    assert SECRET not in json.dumps(secretive.recipe)
    adapter = sites.adapter("http", secretive.recipe, secretive.secrets)
    assert ("X-Api-Key", SECRET) in adapter.play("abc", "7-1").headers


def test_no_page_shows_a_secret(desk, carol, super_desk, secretive):
    pages = ("change/", "history/")
    for client in (desk, client_of(carol), super_desk):
        for page in pages:
            text = client.get(f"/admin/core/site/{secretive.pk}/{page}").content.decode()
            assert "Kd/7" not in text
            assert "secret:api_key" in text
    assert "api_key" in str(desk.get(change_page(secretive)).content)
    assert "Kd/7" not in json.dumps(list(FieldChange.objects.values_list("before", "after")))
    assert "Kd/7" not in json.dumps(list(LogEntry.objects.values_list("change_message")))


def test_a_form_with_an_error_does_not_send_the_secret_back(desk, site):
    form = form_of(site, play_path="no slash") | {"new_secrets": f"api_key = {SECRET}"}
    page = desk.post(change_page(site), form)
    assert "recipe_play_path" in errors_of(page)
    assert "Kd/7" not in page.content.decode()


def test_a_secret_is_replaced_kept_or_removed(desk, secretive):
    form = form_of(secretive, play_headers="X-Api-Key: {secret:api_key}")
    assert desk.post(change_page(secretive), form).status_code == 302
    secretive.refresh_from_db()
    assert secretive.secrets == {"api_key": SECRET}
    desk.post(change_page(secretive), form | {"new_secrets": "api_key = another one"})
    secretive.refresh_from_db()
    assert secretive.secrets == {"api_key": "another one"}
    page = desk.post(change_page(secretive), form | {"new_secrets": "api_key ="})
    assert "api_key" in errors_of(page)["new_secrets"][0]
    desk.post(change_page(secretive), form_of(secretive) | {"new_secrets": "api_key ="})
    secretive.refresh_from_db()
    assert secretive.secrets is None


@pytest.mark.parametrize("line", ["api_key", "a b = long enough", "api_key = abc", "= long enough"])
def test_a_line_that_is_no_secret_is_told_by_its_number(desk, site, line):
    page = desk.post(change_page(site), form_of(site) | {"new_secrets": f"\n{line}"})
    assert "Line 2" in errors_of(page)["new_secrets"][0]
    site.refresh_from_db()
    assert site.secrets is None


def test_a_credential_typed_as_a_header_becomes_a_secret(desk, site):
    form = form_of(site, play_headers="Authorization: Bearer abcdef123\nX-Api-Key: zyxwv")
    assert desk.post(change_page(site), form).status_code == 302
    site.refresh_from_db()
    assert site.secrets == {"authorization": "abcdef123", "x_api_key": "zyxwv"}
    assert site.recipe["play_headers"] == [
        ["Authorization", "Bearer {secret:authorization}"],
        ["X-Api-Key", "{secret:x_api_key}"],
    ]
    assert "abcdef123" not in desk.get(change_page(site)).content.decode()


def test_a_credential_typed_as_a_parameter_becomes_a_secret(desk, carol, site):
    typed = {
        "count_path": "/api/videos/{video_id}?token_auth=ab%2Fcd+1&bypass=1234&token={video_id}",
        "play_headers": [["Content-Type", "application/json"]],
        "play_body": '{"id": "{video_id}", "apiKey": "zyxwv"}',
    }
    Site.objects.update(adapter="http", recipe=RECIPE | typed)
    site.refresh_from_db()
    before = sites.adapter("http", site.recipe)
    for client in (desk, client_of(carol)):
        page = client.get(change_page(site)).content.decode()
        assert "zyxwv" not in page
        assert "cd+1" not in page
        assert "bypass=1234" in page
    form = form_of(site, play_headers="Content-Type: application/json")
    form |= {f"recipe_{name}": typed[name] for name in ("count_path", "play_body")}
    assert desk.post(change_page(site), form).status_code == 302
    site.refresh_from_db()
    assert site.secrets == {"token_auth": "ab/cd 1", "apikey": "zyxwv"}
    after = sites.adapter("http", site.recipe, site.secrets)
    assert after.play("abc", "7-1") == before.play("abc", "7-1")
    path = after.count_call("abc").path
    assert unquote_plus(path) == unquote_plus(before.count_call("abc").path)
    history = desk.get(f"/admin/core/site/{site.pk}/history/").content.decode()
    assert "token_auth" in history
    assert "zyxwv" not in history
    assert "cd+1" not in history


def test_a_recipe_of_before_keeps_working_and_shows_its_credential_to_nobody(desk, carol, site):
    old = RECIPE | {"play_headers": [["Authorization", "Bearer abcdef123"]]}
    Site.objects.update(adapter="http", recipe=old)
    site.refresh_from_db()
    play = sites.adapter("http", site.recipe, site.secrets).play("abc", "7-1")
    assert ("Authorization", "Bearer abcdef123") in play.headers
    for client in (desk, client_of(carol)):
        page = client.get(change_page(site)).content.decode()
        assert "abcdef123" not in page
        assert "secret:authorization" in page
    form = form_of(site, play_headers="Authorization: Bearer {secret:authorization}")
    assert desk.post(change_page(site), form).status_code == 302
    site.refresh_from_db()
    assert site.secrets == {"authorization": "abcdef123"}
    assert sites.adapter("http", site.recipe, site.secrets).play("abc", "7-1") == play
    history = desk.get(f"/admin/core/site/{site.pk}/history/").content.decode()
    assert "abcdef123" not in history
    assert "Authorization" in history


def test_an_invalid_recipe_shows_no_credential_to_who_may_look(carol, site):
    old = {"play_headers": {"authorization": "Bearer abcdef123"}, "play_path": "/x"}
    Site.objects.update(adapter="http", recipe=old)
    page = client_of(carol).get(change_page(site)).content.decode()
    assert "abcdef123" not in page
    assert "/x" in page


def test_a_password_is_not_kept_in_a_body(desk, site):
    step = {"recipe_steps_0_path": "/login", "recipe_steps_0_method": "POST"}
    form = form_of(site) | step | {"recipe_steps_0_body": "log=me&pwd=hunter2"}
    page = desk.post(change_page(site), form)
    assert list(errors_of(page)) == ["recipe_steps_0_body"]
    form |= {"recipe_steps_0_body": "log=me&pwd={secret:pw}", "new_secrets": "pw = hunter2"}
    assert desk.post(change_page(site), form).status_code == 302


def test_a_trial_shows_no_secret_that_the_site_sends_back(desk, site, settings):
    echo = json.dumps({"views": 7, "you": SECRET}).encode() + SECRET.encode()
    with RawServer(always(answer(echo, headers=(f"X-Echo: {SECRET}",)))) as server:
        adapter = sites.adapter(
            "http",
            RECIPE | {"play_headers": {"X-Api-Key": "{secret:k}"}},
            {"k": SECRET},
        )

        target = proved(server.url)
        trial = try_once(target, adapter, f"/videos/{VIDEO}", "try-1", wait=0)
    shown = repr(trial)
    assert "Kd/7" not in shown
    assert DOTS in shown


def test_a_secret_in_an_error_is_masked(site):
    """A site redirects to its login, with what it was sent in the address."""
    place = "https://login.example/?key=Kd%2F7%20q%26x%3D%229%27zz"
    redirect = answer(status="302 Found", headers=(f"Location: {place}",))
    with RawServer(always(redirect)) as server:
        adapter = sites.adapter("http", RECIPE, {"k": SECRET})
        client = SiteClient(proved(server.url))
        with client, pytest.raises(PermanentError) as refused:
            adapter.read_count(client, "abc")
    assert "Kd" not in str(refused.value)
    assert DOTS in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        *("a Kd/7 q&x=\"9'zz b", "a Kd%2F7%20q%26x%3D%229%27zz b", "Kd%2F7+q%26x%3D%229%27zz"),
        *('{"a": "Kd/7 q&x=\\"9\'zz"}', "Kd/7 q&amp;x=&quot;9&#x27;zz", "cut: Kd/7 q&x"),
        "S2QvNyBxJng9IjknenosS2Q=",
    ],
)
def test_a_secret_is_masked_however_it_is_written(written):
    secrets = [SECRET, "Kd/7 q&x=\"9'zz,Kd"]
    assert "Kd" not in Mask(secrets).text(written)
    assert "S2QvNy" not in Mask(secrets).text(written)


def test_an_error_within_an_error_is_masked():
    inner = SiteError(SiteCode.PLAY_REDIRECTED, status=302, location=f"/?k={SECRET}")
    outer = SiteError(SiteCode.PLAYS_FAILED_IN_A_ROW, reason=inner, number=3)
    assert "Kd/7" not in repr(Mask([SECRET]).error(outer).params)


def test_stored_secrets_do_not_go_to_another_second_address(desk, secretive):
    """Who keeps sites may have a machine that shows the site's token, and read them there."""
    there = form_of(
        secretive,
        play_headers="X-Api-Key: {secret:api_key}",
        second_origin="https://api.example.com",
        play_at_second="on",
    )
    page = desk.post(change_page(secretive), there)
    assert "api_key" in errors_of(page)["new_secrets"][0]
    secretive.refresh_from_db()
    assert secretive.second_origin == ""
    # Nor in two steps: without a place for it first.
    nowhere = there | {"recipe_play_headers": ""}
    assert desk.post(change_page(secretive), nowhere).status_code == 302
    secretive.refresh_from_db()
    assert secretive.secrets is None


def test_secrets_that_are_typed_go_to_the_second_address(desk, secretive):
    form = form_of(
        secretive,
        play_headers="X-Api-Key: {secret:api_key}",
        second_origin="https://api.example.com",
        play_at_second="on",
    )
    typed = form | {"new_secrets": "api_key = another one"}
    assert desk.post(change_page(secretive), typed).status_code == 302
    # Once they are its own, they stay, also where it is no longer asked.
    assert desk.post(change_page(secretive), form).status_code == 302
    secretive.refresh_from_db()
    assert secretive.secrets == {"api_key": "another one"}
    back = form_of(secretive, play_headers="X-Api-Key: {secret:api_key}")
    assert desk.post(change_page(secretive), back).status_code == 302
    secretive.refresh_from_db()
    assert secretive.secrets == {"api_key": "another one"}
