"""Safe input and output of commands: people and sites write control characters, which a terminal
obeys, and arguments may not be text."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

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
    """Writes only printable text, and takes only text as arguments."""

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, **options: Any
    ) -> None:
        super().__init__(stdout, stderr, **options)
        self.stdout = Printed(stdout or sys.stdout)
        styled = self.stderr.style_func
        self.stderr = Printed(stderr or sys.stderr)
        self.stderr.style_func = styled

    def execute(self, *args: Any, **options: Any) -> Any:
        for name, value in options.items():
            try:
                if isinstance(value, str | Path):
                    str(value).encode()
            except UnicodeEncodeError:  # bytes of a terminal that no database stores
                raise CommandError(f"{name}: this is no text in UTF-8") from None
        return super().execute(*args, **options)

    def tell(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
