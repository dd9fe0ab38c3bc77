"""People hold back and let go on, in a browser: the dialog that wants a reason, and the banner."""

import pytest
from playwright.sync_api import expect

from core.models import Order, Pause, Site, Status

pytestmark = pytest.mark.browser


def test_the_office_is_paused_for_a_reason_and_every_page_says_so(desk, staff):
    staff.goto(f"{desk.url}/admin/pauses/")
    staff.click("[data-post$='/pauses/office/pause/']")
    staff.click("[data-dialog-do]")
    assert staff.evaluate("!document.querySelector('[name=reason]').checkValidity()")
    assert not desk.do(Pause.objects.exists)
    staff.fill("[name=reason]", "fire <b>drill</b> {{ 1 }}")
    staff.click("[data-dialog-do]")
    banner = staff.locator(".office-paused")
    expect(banner).to_contain_text("fire <b>drill</b> {{ 1 }}")
    staff.goto(f"{desk.url}/admin/core/order/")
    expect(banner).to_contain_text("paused since")
    staff.goto(f"{desk.url}/admin/pauses/")
    staff.click("[data-post$='/pauses/office/resume/']")
    staff.click("[data-dialog-do]")
    expect(banner).to_have_count(0)
    assert desk.do(Pause.objects.active().count) == 0


def test_an_open_page_follows_a_pause_of_its_order_and_of_its_site(desk, staff):
    order = desk.do(lambda: Order.objects.filter(video_id="1").get())
    staff.goto(f"{desk.url}/admin/core/order/{order.pk}/change/")
    staff.click("[data-post$='/pause/']")
    staff.fill("[name=reason]", "loud")
    staff.click("[data-dialog-do]")
    expect(staff.locator(".desk-state .desk-tag")).to_have_text("paused")
    staff.click("[data-post$='/resume/']")
    expect(staff.locator(".desk-state .desk-tag")).to_have_text("pending")
    pause = desk.do(lambda: Pause.objects.begin(Site.objects.get(), None, "disk full"))
    expect(staff.locator("[data-section=delivery]")).to_contain_text("disk full")
    desk.do(lambda: pause.end(None, shift=True))
    expect(staff.locator("[data-section=delivery]")).not_to_contain_text("disk full")
    assert desk.do(lambda: Order.objects.get(pk=order.pk).status) == Status.PENDING
