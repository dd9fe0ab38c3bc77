"""manage.py sweep: wake every order that is due now, once, as the consumers do by themselves."""

from typing import Any

from django.core.management.base import BaseCommand

from booster import tasks


class Command(BaseCommand):
    help = "Wake every order that is due and that nobody works on."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{tasks.sweep(grace_seconds=0)} orders were woken.")
