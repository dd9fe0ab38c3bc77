"""manage.py doctor: is the office well? Exit status 0, or 1 for any warning: fit for monitoring."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.ops import doctor
from core.ops.doctor import Level


class Command(BaseCommand):
    help = "Look at consumers, queue, leases and orders; exit 1 where something needs a person."
    # It has to speak when nothing else works.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        worst = doctor.worst(findings)
        if options["json"]:
            checks = [
                {
                    "check": finding.check,
                    "level": finding.level.name.lower(),
                    "value": finding.value,
                    "text": finding.text,
                }
                for finding in findings
            ]
            self.stdout.write(json.dumps({"status": worst.name.lower(), "checks": checks}))
        else:
            for line in doctor.lines(findings):
                self.stdout.write(line)
        if worst != Level.OK:
            raise SystemExit(1)
