"""What stands around the desk's pages: links in the order of the keyboard, addresses that name the
page, the first field, light and dark, and paper."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Desk

pytestmark = pytest.mark.browser

GROUND = "getComputedStyle(document.body).backgroundColor"
# What of a page is out of sight although it is meant for paper.
CUT_OFF = """() => [...document.querySelectorAll('main *')].filter((element) => {
    const style = getComputedStyle(element);
    const scrolls = ['auto', 'scroll', 'hidden'].includes(style.overflowY);
    return scrolls && element.clientHeight > 1 && element.scrollHeight > element.clientHeight + 1;
}).map((element) => element.outerHTML.slice(0, 120))"""


def here(page: Page):
    return page.locator(".office-menu [aria-current]")


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.innerText.trim()")


def test_lines_of_the_menu_are_links_that_say_where_one_is(staff: Page, desk: Desk):
    staff.goto(f"{desk.url}/admin/core/customer/")
    expect(here(staff)).to_have_text("Customers")
    expect(here(staff)).to_have_attribute("aria-current", "page")
    staff.click(".office-menu a:has-text('Orders')")
    expect(staff).to_have_url(f"{desk.url}/admin/core/order/")
    staff.goto(f"{desk.url}/admin/core/order/1/change/")
    expect(here(staff)).to_have_text("Orders")
    expect(here(staff)).to_have_attribute("aria-current", "true")
    staff.reload()
    expect(staff).to_have_url(f"{desk.url}/admin/core/order/1/change/")
    staff.go_back()
    expect(staff.locator("h1")).to_have_text("Orders")


def test_the_home_page_ends_where_its_last_card_does(staff: Page, desk: Desk):
    staff.goto(f"{desk.url}/admin/home/")
    end = staff.evaluate("document.querySelector('.dash').getBoundingClientRect().bottom")
    height = staff.evaluate("document.documentElement.scrollHeight")
    assert height <= max(end, staff.evaluate("innerHeight")) + 1


def test_a_line_of_the_menu_opens_in_a_window_of_its_own(staff: Page, desk: Desk):
    staff.goto(f"{desk.url}/admin/home/")
    with staff.context.expect_page() as opened:
        staff.click(".office-menu a:has-text('Groups')", button="middle")
    expect(opened.value.locator("h1")).to_have_text("Groups")
    expect(staff).to_have_url(f"{desk.url}/admin/home/")
    opened.value.close()


def test_the_keyboard_walks_from_the_skip_link_over_the_header_into_the_menu(
    staff: Page, desk: Desk
):
    staff.goto(f"{desk.url}/admin/core/customer/")
    staff.keyboard.press("Tab")
    assert focused(staff) == "Skip to the content"
    staff.keyboard.press("Enter")
    expect(staff.locator("#main")).to_be_focused()
    staff.keyboard.press("Tab")
    assert staff.evaluate("document.activeElement.closest('main') !== null")
    staff.goto(f"{desk.url}/admin/core/customer/")
    walked: list[str] = []
    while "Home" not in walked and len(walked) < 12:
        staff.keyboard.press("Tab")
        walked.append(focused(staff))
    staff.keyboard.press("Tab")
    assert focused(staff) == "Board"


def test_on_a_phone_the_menu_lies_over_the_page_until_it_is_used(new_page, desk: Desk):
    page = new_page(PHONE)
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/")
    expect(page.locator(".office-menu")).to_be_hidden()
    button = page.locator("[data-menu-button]")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".office-menu a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".office-menu")).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    page.click(".office-menu a:has-text('Groups')")
    expect(page).to_have_url(f"{desk.url}/admin/auth/group/")
    expect(page.locator(".office-menu")).to_be_hidden()


def test_a_folded_menu_stays_folded_and_its_links_keep_their_names(new_page, desk: Desk):
    page = new_page()
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/home/")
    page.click("[data-menu-button]")
    page.goto(f"{desk.url}/admin/auth/group/")
    assert page.locator(".office-menu").bounding_box()["width"] < 100
    page.get_by_role("link", name="Board").click()
    expect(page).to_have_url(f"{desk.url}/admin/board/")
    page.click("[data-menu-button]")
    assert page.locator(".office-menu").bounding_box()["width"] > 150


def test_who_is_logged_out_meanwhile_comes_back_to_the_page_after_the_login(page: Page, desk: Desk):
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/auth/group/?q=a")
    page.context.clear_cookies()
    page.reload()
    expect(page.locator("#login-form")).to_be_visible()
    assert page.input_value("[name=next]") == "/admin/auth/group/?q=a"


def test_who_comes_to_add_something_can_type_at_once(staff: Page, desk: Desk):
    staff.goto(f"{desk.url}/admin/auth/group/add/")
    expect(staff.locator("#id_name")).to_be_focused()
    staff.goto(f"{desk.url}/admin/core/order/add/")
    expect(staff.locator(".field-customer .select2-selection")).to_be_focused()
    staff.goto(f"{desk.url}/admin/core/pricepolicy/add/")
    staff.locator("#id_count").fill("7")
    staff.click("[name=_save]")
    expect(staff.locator(".form-row.errors :focus").first).to_be_visible()


def test_fields_and_buttons_show_the_focus_alike(staff: Page, desk: Desk):
    mark = "getComputedStyle(document.activeElement).outlineColor"
    staff.goto(f"{desk.url}/admin/core/customer/add/")
    field = staff.evaluate(mark)
    staff.keyboard.press("Shift+Tab")
    assert staff.evaluate("document.activeElement.localName") == "a"
    assert staff.evaluate(mark) == field


@pytest.mark.parametrize("path", ["/admin/home/", "/admin/login/", "/portal/login/"])
def test_pages_are_dark_where_the_system_is(new_page, desk: Desk, path: str):
    page = new_page()
    if path == "/admin/home/":
        desk.let_in(page.context)
    page.goto(desk.url + path)
    light = page.evaluate(GROUND)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(GROUND)
    assert brightness(light) > 200
    assert brightness(dark) < 60
    assert page.get_attribute("meta[name=viewport]", "content") == (
        "width=device-width, initial-scale=1"
    )


def test_who_chose_dark_or_light_keeps_it_whatever_the_system_is(new_page, desk: Desk):
    page = new_page()
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/home/")
    page.click(".office-account summary")
    page.click("[data-appearance=dark]")
    assert brightness(page.evaluate(GROUND)) < 60
    page.goto(f"{desk.url}/admin/board/")
    assert brightness(page.evaluate(GROUND)) < 60
    expect(page.locator("[data-appearance=dark]")).to_have_attribute("aria-pressed", "true")
    page.click(".office-account summary")
    page.click("[data-appearance=light]")
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert brightness(page.evaluate(GROUND)) > 200


def brightness(colour: str) -> float:
    """Of `rgb(…)`, 0 to 255."""
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


@pytest.mark.parametrize(
    "path", ["/admin/home/", "/admin/core/order/", "/admin/core/order/1/change/"]
)
def test_paper_has_the_whole_page_and_no_menus(staff: Page, desk: Desk, path: str):
    staff.goto(desk.url + path)
    staff.emulate_media(media="print", color_scheme="dark")
    staff.evaluate("dispatchEvent(new Event('beforeprint'))")
    for part in (".office-header", ".office-menu", ".live-sign", ".actions", ".submit-row"):
        assert not staff.locator(part).first.is_visible(), part
    assert staff.locator("main details:not([open])").count() == 0
    assert staff.evaluate(CUT_OFF) == []
    assert brightness(staff.evaluate("getComputedStyle(document.body).color")) < 60
    staff.evaluate("dispatchEvent(new Event('afterprint'))")
    staff.emulate_media(media="screen", color_scheme="light")
    expect(staff.locator(".office-menu")).to_be_visible()
