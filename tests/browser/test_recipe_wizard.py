"""The wizard for a site by recipe, walked through: by keyboard, on a phone, in both languages."""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from booster.sites.recipes import all_shipped
from tests.browser.conftest import PHONE, WIDE

pytestmark = pytest.mark.browser

ANSWER = json.dumps({"id": "abc", "title": "Harbour", "stats": {"likes": 7, "views": 1204}})
PICTURES = os.environ.get("PICTURES")  # a folder, to look at them


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def overhang(page: Page) -> int:
    """How far the page is wider than its window."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(script))


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_a_number_is_clicked_by_keyboard_and_the_form_is_filled_in(
    desk, new_page, viewport, language
):
    page = new_page(viewport, language)
    desk.let_in(page.context)
    name = f"{'phone' if viewport == PHONE else 'wide'}-{language}"
    page.goto(f"{desk.url}/admin/core/site/add/")
    page.click("a[href$='/wizard/']")
    picture(page, f"wizard-{name}")
    page.fill("#wizard-url", "https://videos.example.org/watch/abc?from=list")
    page.fill("#wizard-source", "/api/videos/abc")
    page.fill("#wizard-answer", ANSWER)
    page.press("#wizard-source", "Enter")
    number = page.locator(".desk-sample button", has_text="1204")
    number.focus()
    page.keyboard.press("Enter")
    found = page.locator("#found")
    expect(found).to_contain_text("stats.views")
    expect(found).to_contain_text("^/watch/([^/?]+)")
    expect(found).to_contain_text("/api/videos/{video_id}")
    assert overhang(page) <= 0
    picture(page, f"found-{name}")
    page.click("#found button")
    expect(page.locator("#id_recipe_count_json")).to_have_value("stats.views")
    expect(page.locator("#id_recipe_count_path")).to_have_value("/api/videos/{video_id}")
    expect(page.locator("#id_origin")).to_have_value("https://videos.example.org")
    expect(page.locator("#id_recipe_play_path")).to_be_visible()
    assert "{{word}}" in page.content()
    assert overhang(page) <= 0
    picture(page, f"form-{name}")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_each_known_software_fills_in_the_form(desk, new_page, language):
    page = new_page(PHONE, language)
    desk.let_in(page.context)
    for name, shipped in sorted(all_shipped().items()):
        page.goto(f"{desk.url}/admin/core/site/wizard/")
        choice = page.locator(f"button[value='{name}']")
        page.locator("details", has=choice).locator("summary").click()
        choice.click()
        recipe = shipped.recipe
        expect(page.locator("#id_recipe_play_path"), name).to_have_value(recipe["play_path"])
        expect(page.locator("#id_recipe_video_pattern")).to_have_value(recipe["video_pattern"])
        step = page.locator("#id_recipe_steps_0_path")
        expect(step, name).to_be_visible(visible=bool(recipe.get("steps")))
        assert overhang(page) <= 0, name
        picture(page, f"{name}-{language}")


def test_a_token_is_ready_to_paste(desk, new_page):
    page = new_page(PHONE)
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/core/site/1/change/")
    nginx = page.locator("details", has=page.locator("summary", has_text="nginx"))
    nginx.locator("summary").click()
    nginx.locator("button").click()
    expect(nginx.locator("button")).to_have_text("Copied")
    assert "location = /booster-office-" in page.evaluate("String(window.getSelection())")
    assert overhang(page) <= 0
    picture(page, "site")
