"""manage.py check_ledger: whether money adds up. Exit status 1 on any difference."""

from typing import Any

from django.core.management.base import BaseCommand

from core.auditing import differences


class Command(BaseCommand):
    help = "Compare balances, entries, top-ups, orders and refunds; exit 1 where they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for difference in differences():
            found += 1
            self.stderr.write(str(difference))
        if found:
            self.stderr.write(f"{found} differences")
            raise SystemExit(1)
        self.stdout.write("The ledger is consistent.")
