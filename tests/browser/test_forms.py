"""Where a form of the desk says what is wrong, and what it asks."""

import pytest

from tests.browser.conftest import PHONE, WIDE

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_what_is_wrong_with_a_field_stands_over_the_field(new_page, desk, size):
    page = new_page(size)
    desk.let_in(page.context)
    for address in ("core/administrator/add/", "core/customer/add/"):
        page.goto(f"{desk.url}/admin/{address}")
        page.click("[name=_save]")
        for row in page.locator(".form-row.errors").all():
            told = row.locator(".errorlist li").bounding_box()
            field = row.locator("input").first.bounding_box()
            assert abs(told["x"] - field["x"]) < 2
            assert told["y"] + told["height"] <= field["y"]


def test_the_label_of_a_question_is_not_covered_by_its_field(staff, desk):
    staff.goto(f"{desk.url}/admin/core/order/1/change/")
    staff.click("[data-post]:text-is('Cancel order')")
    label = staff.locator("dialog[open] label span").bounding_box()
    field = staff.locator("dialog[open] label input").bounding_box()
    assert label["y"] + label["height"] + 3 <= field["y"]  # as wide as the mark of the focus
