"""The keyboard in a list: silent while somebody types, and for who switched it off."""

import pytest

pytestmark = pytest.mark.browser


def test_a_list_is_walked_selected_opened_and_searched_by_keys(desk, staff):
    staff.goto(f"{desk.url}/admin/core/customer/?active__exact=1")
    for key in ("j", "j", "k", "x"):
        staff.keyboard.press(key)
    assert staff.locator("#result_list tbody tr").first.locator("input:checked").count() == 1
    staff.keyboard.press("?")
    assert staff.locator("[data-keys]").get_attribute("open") is not None
    staff.keyboard.press("Escape")
    staff.keyboard.press("/")
    staff.keyboard.type("j?x/")
    assert staff.input_value("#searchbar") == "j?x/"
    assert staff.locator("dialog[open]").count() == 0
    staff.evaluate("document.activeElement.blur()")
    staff.keyboard.press("j")
    with staff.expect_navigation():
        staff.keyboard.press("Enter")
    assert "/change/?_changelist_filters=active__exact%3D1" in staff.url


def test_keys_can_be_switched_off(desk, new_page):
    page = new_page()
    desk.let_in(page.context)
    page.goto(f"{desk.url}/admin/core/customer/")
    page.click(".office-account summary")
    page.click("[data-keys-button]")
    page.uncheck("[data-keys-on]")
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert page.evaluate("document.activeElement === document.body")
    assert page.locator("dialog[open]").count() == 0
    page.click(".office-account summary")
    page.click("[data-keys-button]")
    page.check("[data-keys-on]")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.matches('#result_list tr')")
