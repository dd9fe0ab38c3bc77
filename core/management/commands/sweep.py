"""manage.py sweep: do once what workers do by the clock, and print what is due."""

from typing import Any

from booster import worker
from core.management.terminal import TerminalCommand
from core.models import Order


class Command(TerminalCommand):
    help = "Check sites that orders wait for, find jobs whose message was lost, count what is due."

    def handle(self, *args: Any, **options: Any) -> None:
        worker.sweep()
        due = Order.objects.free_to_claim().count()
        self.stdout.write(f"{due} orders are due and nobody works on them.")
