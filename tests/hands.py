"""A clerk's two hands at a page: each click and each key is counted, what is typed beside them.

Law: text that is data (a name, an amount, a reason) counts in `typed`; a key that moves or decides
(Tab, Enter, a shortcut) counts in `keys`. Who picks from a list by its first letters types data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.office import wait_for

# Whether what has the focus is in sight, on top, and marked.
SHOWS_FOCUS = """() => {
    const here = document.activeElement;
    const box = here.getBoundingClientRect();
    const [x, y] = [box.left + Math.min(box.width / 2, 40), box.top + Math.min(box.height / 2, 20)];
    const top = document.elementFromPoint(x, y);
    const style = getComputedStyle(here);
    const isMarked = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
        || style.boxShadow !== 'none';
    return Boolean(top) && (here.contains(top) || top.contains(here)) && isMarked;
}"""
# A browser drops the keys that are pressed before a page is drawn: wait for two of its frames.
IS_DRAWN = """() => new Promise((drawn) =>
    requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))"""
HAS_FOCUS = "(element) => element === document.activeElement"


@dataclass
class Hands:
    page: Page
    clicks: int = 0
    keys: int = 0
    typed: int = 0

    @property
    def presses(self) -> int:
        """Clicks and keys together."""
        return self.clicks + self.keys

    def click(self, where: str | Locator) -> None:
        self.clicks += 1
        self._found(where).click()

    def press(self, key: str, times: int = 1) -> None:
        for _time in range(times):
            self.keys += 1
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.typed += len(text)
        self.page.keyboard.type(text)

    @contextmanager
    def opening_page(self) -> Iterator[None]:
        """Do what opens another page, and go on as it is drawn."""
        with self.page.expect_navigation():
            yield
        self.page.evaluate(IS_DRAWN)

    @contextmanager
    def choosing_file(self, file: Path) -> Iterator[None]:
        """Do what opens the browser's own dialog for a file, and choose this one there."""
        with self.page.expect_file_chooser() as chooser:
            self.page.evaluate(IS_DRAWN)  # until then the browser may open a dialog of its own
            yield
        chooser.value.set_files(file)

    def tab_to(self, where: str | Locator, most: int = 60) -> None:
        """Press Tab until the focus is there, and shows there."""
        there = self._found(where)  # and not its element, which a live page may replace
        for _time in range(most):
            self.press("Tab")
            if there.evaluate(HAS_FOCUS):
                # As soon as it has come into sight.
                wait_for(
                    lambda: self.page.evaluate(SHOWS_FOCUS), what=f"the focus' mark at {where}"
                )
                return
        here = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        raise AssertionError(f"{most} times Tab do not lead to {where}, but to {here}")

    def _found(self, where: str | Locator) -> Locator:
        return self.page.locator(where).first if isinstance(where, str) else where
