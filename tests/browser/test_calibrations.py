"""The page of a calibration in a browser: what was found, stages and readings, on any screen."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from booster.proof.calibration import judge, propose
from core.models import Calibration, Customer, Site, User
from tests.browser.conftest import PHONE, WIDE, Desk
from tests.counting_site import CounterSettings, CountingSite

pytestmark = pytest.mark.browser


def ended() -> int:
    """One with the figures of a counter that loses plays in parallel."""
    record = CountingSite(CounterSettings(lost_update=0.2), seed=1).calibrate()
    findings = judge(record)
    site = Site.objects.get()
    return Calibration.objects.create(
        site=site,
        url=f"{site.origin}/videos/harbour-at-dawn",
        video_id="harbour-at-dawn",
        status=Calibration.Status.DONE,
        figures=record.as_json(),
        findings=[{"code": str(row.code), "params": row.params} for row in findings],
        settings=propose(findings),
    ).pk


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("screen", [WIDE, PHONE], ids=["wide", "phone"])
def test_what_was_found_is_read_on_any_screen(new_page, desk: Desk, screen, language):
    page = new_page(screen, language)
    desk.let_in(page.context)
    number = desk.do(ended)
    site = desk.do(lambda: Site.objects.get().pk)
    pages = {
        "calibration": f"/admin/core/calibration/{number}/change/",
        "audit": "/admin/core/calibration/add/",
        "site": f"/admin/core/site/{site}/change/",
        "order": "/admin/core/order/add/",
    }
    for name, path in pages.items():
        page.goto(desk.url + path)
        if name == "calibration":
            expect(page.locator(".desk-table").first).to_be_visible()
        if folder := os.environ.get("PICTURES"):
            shot = Path(folder) / f"{name}-{screen['width']}-{language}.png"
            page.screenshot(path=shot, full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def test_a_customer_reads_an_audit_on_a_phone(new_page, desk: Desk):
    number = desk.do(ended)

    def sell() -> None:
        customer = Customer.objects.create(
            username="auditor", user=User.objects.create(username="auditor")
        )
        Calibration.objects.filter(pk=number).update(customer=customer, price=25)

    desk.do(sell)
    page = new_page(PHONE)
    desk.let_in(page.context, "auditor")
    page.goto(f"{desk.url}/portal/audits/{number}/")
    figure = page.locator("td.desk-number").first
    assert figure.evaluate("cell => getComputedStyle(cell).textAlign") == "right"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.emulate_media(media="print")
    assert page.locator(".menu__name").is_visible()
    assert not page.locator("nav").is_visible()
