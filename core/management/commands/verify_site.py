"""manage.py verify_site NAME: look for a site's token now, as the button in the admin does."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from core import ordering
from core.management.terminal import TerminalCommand
from core.models import Site


class Command(TerminalCommand):
    help = "Check a site's ownership token and let the orders go on that waited for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(name=options["name"]).first()
        if site is None:
            raise CommandError(f"name: there is no site {options['name']!r}")
        reason = ordering.verify(site, actor=None)
        if not site.verified:
            raise CommandError(f"{site.name} is not verified: {reason}")
        self.stdout.write(f"{site.name} is verified.")
