"""The keyboard in a list: beside the tabs as in them, and silent while somebody types."""

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


def test_keys_pressed_beside_a_tab_reach_the_list_in_it(desk, staff):
    staff.goto(f"{desk.url}/admin/")
    staff.locator(".menu .el-menu-item", has_text="Customers").click()
    tab = staff.frame_locator("iframe[src*='/core/customer/']")
    tab.locator("#result_list").wait_for()
    staff.keyboard.press("j")
    staff.keyboard.press("x")
    assert tab.locator("#result_list tbody tr").first.locator("input:checked").count() == 1
