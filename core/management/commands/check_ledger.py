"""manage.py check_ledger: whether money adds up. Exit status 1 on any difference."""

from typing import Any

from tqdm import tqdm

from core.management.terminal import TerminalCommand
from core.ops.auditing import differences, size


class Command(TerminalCommand):
    help = "Compare balances, entries, top-ups, orders and refunds; exit 1 where they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        # `disable=None`: no bar unless a terminal shows it.
        with tqdm(total=size(), unit=" rows", unit_scale=True, disable=None) as bar:
            for difference in differences(bar.update):
                found += 1
                bar.clear()
                self.stderr.write(str(difference))
        if found:
            self.stderr.write(f"{found} differences")
            raise SystemExit(1)
        self.stdout.write("The ledger is consistent.")
