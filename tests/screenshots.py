"""`python -m tests.screenshots`: the pictures of docs/images, taken from a running demo office.

The office is made as `make run` makes it, in a folder and on ports of its own; orders are placed by
the command, pages are opened as people open them. Needs Chromium (BROWSER_PATH, or on PATH).
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.processes import Process, free_port
from tests.programs import chromium_path

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1360, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PASSWORD = "Correct-horse-9"
# The last order is still running while the desk's picture is taken: 100,000 plays take 20 seconds.
DELIVERED = (
    ("grace", "city-of-lanterns", 10_000),
    ("李雷", "rooftops-in-july", 20_000),
    ("erin", "harbour-at-dawn", 15_000),
)
RUNNING = ("frank", "night-train-north", 100_000)


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
        url = f"http://127.0.0.1:{self.site}/videos/{video}"
        self.manage("place_order", customer, url, str(plays), *options)

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
                    executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
                )
                take_portal(browser, office)
                take_desk(browser, office)
                browser.close()
        finally:
            office.programs.terminate(timeout=30)


def take_portal(browser: Browser, office: DemoOffice) -> None:
    """Erin's finished order with its receipt, on a phone."""
    page = browser.new_page(viewport=PHONE, locale="en-US", device_scale_factor=2)
    page.goto(office.address("/portal/"))
    page.fill("[name=username]", "erin")
    page.fill("[name=password]", office.erins_password)
    page.click("main .button")
    page.click(".order a")
    expect(page.locator("[data-section=heading] .tag")).to_have_text("completed")
    save(page, "portal-order.png")


def take_desk(browser: Browser, office: DemoOffice) -> None:
    """An order's page while its plays are sent, beside the menu."""
    page = browser.new_page(viewport=WIDE, locale="en-US")
    page.goto(office.address("/admin/login/"))
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("#login-form button[type=submit]")
    menu = page.locator(".office-menu a:has-text('Orders')")
    expect(menu).to_be_visible()
    office.order(*RUNNING)
    menu.click()
    page.locator("#result_list tbody tr:first-child th a").click()
    percent = page.locator(".desk-state .desk-progress__text")
    expect(percent).to_have_text(re.compile(r"[5-9]\d%"), timeout=30_000)
    save(page, "desk-order.png")


def save(page: Page, name: str) -> None:
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / name, animations="disabled")
    print(f"{name}: {(IMAGES / name).stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
