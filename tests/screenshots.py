"""`python -m tests.screenshots [NAME…]`: the pictures of docs/images, taken from a running demo
office.

The office is made as `make run` makes it, in a folder and on ports of its own; the first orders are
placed by the command, all else is done on pages as people do it. With names, only those pictures
are kept. Needs Chromium (BROWSER_PATH, or on PATH).
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.processes import Process, free_port
from tests.programs import CHROMIUM_ARGS, chromium_path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1180, "height": 740}
PHONE: ViewportSize = {"width": 390, "height": 844}
PASSWORD = "Correct-horse-9"
# The last order is still running while the desk's picture is taken: 100,000 plays take 20 seconds.
DELIVERED = (
    ("grace", "city-of-lanterns", 10_000),
    ("李雷", "rooftops-in-july", 20_000),
    ("erin", "harbour-at-dawn", 15_000),
)
RUNNING = ("frank", "night-train-north", 100_000)
QUESTION = "Could 5,000 more of them come this weekend?"
ANSWER = "Of course: they are ordered for Saturday morning."
SHEET = """username,mobile,memo
nora,13800000021,From the spring fair
oscar,138-0000-0022,
peter,1.38E+10,Number as the spreadsheet had it
quinn,13800000024,Wants a receipt each month
"""
# Lossy, and half as large as a PNG of the same page.
QUALITY = 82
# Bars that move to where they belong.
SETTLED_MS = 800


class DemoOffice:
    """Web, consumer and demo site, as `make run` starts them."""

    def __init__(self, data_dir: Path) -> None:
        self.web, self.site = free_port(), free_port()
        self.env = {
            "DATA_DIR": str(data_dir),
            "PORT": str(self.web),
            "DEMO_SITE_PORT": str(self.site),
            "ADMIN_PASSWORD": PASSWORD,
            "REQUIRE_TWO_STEP": "off",
        }
        printed = self.manage("init_office", "--demo")
        found = re.search(r"erin +password: (\S+)", printed)
        assert found, printed
        self.erins_password = found[1]
        self.programs = Process(
            [sys.executable, "manage.py", "run_all"],
            name="demo-office",
            ready="Demo video site",
            env=self.env,
            cwd=ROOT,
        )

    def manage(self, *args: str) -> str:
        command = [sys.executable, "manage.py", *args]
        env = {**os.environ, **self.env}
        return subprocess.run(
            command, env=env, cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout

    def order(self, customer: str, video: str, plays: int, *options: str) -> None:
        self.manage("place_order", customer, self.video(video), str(plays), *options)

    def video(self, name: str) -> str:
        return f"http://127.0.0.1:{self.site}/videos/{name}"

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web}{path}"


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        office = DemoOffice(Path(folder))
        office.programs.start()
        try:
            office.manage("verify_site", f"Demo site {office.site}")
            for customer, video, plays in DELIVERED:
                office.order(customer, video, plays, "--watch")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium_path(), args=CHROMIUM_ARGS
                )
                desk = logged_in(browser, office)
                limit_customers(desk, office)
                take_portal(browser, office)
                for take in PICTURES:
                    take(desk, office)
                browser.close()
        finally:
            office.programs.terminate(timeout=30)


def logged_in(browser: Browser, office: DemoOffice) -> Page:
    """The administrator at the home page."""
    page = browser.new_page(viewport=WIDE, locale="en-US")
    page.goto(office.address("/admin/login/"))
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    expect(page.locator(".office-menu a:has-text('Orders')")).to_be_visible()
    return page


def limit_customers(page: Page, office: DemoOffice) -> None:
    """What customers order themselves above 5.00 waits for a second person."""
    page.goto(office.address("/admin/core/approvallimit/add/"))
    page.fill("[name=amount]", "5.00")
    page.click("[name=_save]")


def take_portal(browser: Browser, office: DemoOffice) -> None:
    """Erin's finished order with its receipt, on a phone; she asks a question and orders more."""
    page = browser.new_page(viewport=PHONE, locale="en-US", device_scale_factor=2)
    page.goto(office.address("/portal/"))
    page.fill("[name=username]", "erin")
    page.fill("[name=password]", office.erins_password)
    page.click("main .button")
    page.click(".order a")
    expect(page.locator("[data-section=heading] .tag")).to_have_text("completed")
    save(page, "portal-order")
    page.fill("#talk-text", QUESTION)
    page.click(".talk-button")
    expect(page.locator("[data-talk-messages]")).to_contain_text(QUESTION)
    page.goto(office.address("/portal/orders/new/"))
    page.fill("[name=url]", office.video("cranes-in-the-mist"))
    page.fill("[name=count]", "20000")
    page.click("form.halves .quote .button")
    expect(page.locator("[data-section=heading] .tag")).to_have_text("awaiting approval")
    page.close()


def take_home(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/home/"))
    expect(page.locator(".dash-todos")).to_contain_text("awaiting approval")
    save(page, "desk-home")


def pick(page: Page, customer: str) -> None:
    page.click(".field-customer .select2-selection")
    page.keyboard.type(customer)
    page.click(f".select2-results__option:has-text('{customer} · ')")


def take_new_order(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/order/add/"))
    pick(page, "grace")
    page.fill("#id_url", office.video("wind-over-the-dunes"))
    page.click(".desk-chip[data-count='20000']")
    expect(page.locator("[data-quote-of=price]")).to_have_text("9.00")
    expect(page.locator("[data-quote-of=views]")).not_to_have_text("–")
    save(page, "desk-new-order")


def take_several(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/order/several/"))
    pick(page, "frank")
    names = ("the-lighthouse-keeper", "stargazing-for-beginners", "a-week-at-the-glacier")
    lines = [office.video(name) for name in names]
    page.fill("#id_addresses", "\n".join([lines[0], f"{lines[1]} 20000", lines[2]]))
    page.click(".desk-chip[data-count='10000']")
    page.click("[name=_quote]")
    expect(page.locator("[name=_save]")).to_be_visible()
    save(page, "desk-several")


def take_order(page: Page, office: DemoOffice) -> None:
    """An order's page while its plays are sent, and the question before it is paused."""
    office.order(*RUNNING)
    page.goto(office.address("/admin/core/order/"))
    page.locator("#result_list tbody tr:first-child th a").click()
    percent = page.locator(".desk-state .desk-progress__text")
    expect(percent).to_have_text(re.compile(r"[3-9]\d%"), timeout=30_000)
    save(page, "desk-order")
    page.click("[data-post]:text-is('Pause')")
    page.fill("dialog[open] [name=reason]", "frank asked to wait for the premiere")
    save(page, "desk-pause")
    page.click("dialog[open] [data-dialog-back]")


def take_orders(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/order/?from=month"))
    save(page, "desk-orders")


def take_approval(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/order/?status__exact=7"))
    page.click("#result_list tbody th a")
    page.click("[data-post]:text-is('Approve')")
    save(page, "desk-approve")


def take_top_up(page: Page, office: DemoOffice) -> None:
    """The form, and the page where a top-up is corrected."""
    page.goto(office.address("/admin/core/chargerecord/add/"))
    pick(page, "heidi")
    page.fill("[name=amount]", "1000,50")
    page.select_option("[name=method]", label="bank transfer")
    page.fill("[name=reference]", "TR-20931")
    expect(page.locator("[data-shows=balance_after]")).to_have_text("1,003.70")
    save(page, "desk-top-up")
    page.goto(office.address("/admin/core/chargerecord/"))
    page.click("#result_list tbody tr:first-child th a")
    page.click("a:text-is('Correct this top-up')")
    page.fill("#id_right_amount", "2.30")
    page.fill("#id_reason", "the customer paid 2.30; a digit was wrong")
    save(page, "desk-correct")


def take_import(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/customer/import/"))
    page.set_input_files("#id_file", [upload("spring-fair.csv", SHEET)])
    page.click("form[data-drop] [type=submit]")
    expect(page.locator(".desk-panel")).to_contain_text("Refused rows")
    save(page, "desk-import")


def upload(name: str, text: str) -> Any:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def take_conversation(page: Page, office: DemoOffice) -> None:
    page.goto(office.address("/admin/core/conversation/"))
    page.click("#result_list tbody a[href*=conversation]")
    page.fill("#talk-text", ANSWER)
    save(page, "desk-conversation")


def take_bulk(page: Page, office: DemoOffice) -> None:
    """A top-up of several customers, before the yes."""
    page.goto(office.address("/admin/core/customer/"))
    for row in (0, 1, 2):
        page.locator("#result_list input.action-select").nth(row).check()
    page.click(".actions button[value=bulk_top_up]")
    page.fill("[name=each]", "10.00")
    page.click("form.desk-line [type=submit]")
    expect(page.locator(".desk-confirm h2")).to_contain_text("30.00 in all")
    save(page, "desk-bulk")


PICTURES = (
    *(take_home, take_new_order, take_several, take_order, take_orders, take_approval),
    *(take_top_up, take_import, take_conversation, take_bulk),
)


def save(page: Page, name: str) -> None:
    """As WebP, which Chromium writes by itself."""
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    page.mouse.move(0, 0)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(SETTLED_MS)
    session = page.context.new_cdp_session(page)
    look = {"format": "webp", "quality": QUALITY}
    picture = base64.b64decode(session.send("Page.captureScreenshot", look)["data"])
    session.detach()
    (IMAGES / f"{name}.webp").write_bytes(picture)
    print(f"{name}: {len(picture) / 1024:.0f} KB")


if __name__ == "__main__":
    main()
