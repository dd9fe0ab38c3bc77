"""Commands that print what people and sites wrote, to a terminal that obeys control characters."""

import sys
from collections.abc import Callable
from typing import Any, TextIO

from django.core.management.base import BaseCommand, OutputWrapper

from core.reasons import printable


class Printed(OutputWrapper):
    def write(  # type: ignore[override]
        self,
        msg: str = "",
        style_func: Callable[[str], str] | None = None,
        ending: str | None = None,
    ) -> None:
        super().write(printable(msg), style_func, ending)


class TerminalCommand(BaseCommand):
    """What it writes is text, whatever was quoted in it."""

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, **options: Any
    ) -> None:
        super().__init__(stdout, stderr, **options)
        self.stdout = Printed(stdout or sys.stdout)
        styled = self.stderr.style_func
        self.stderr = Printed(stderr or sys.stderr)
        self.stderr.style_func = styled

    def tell(self, text: str) -> None:
        """At once, while it goes on."""
        self.stdout.write(text)
        self.stdout.flush()
