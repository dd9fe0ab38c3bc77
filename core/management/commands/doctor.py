"""manage.py doctor: is the office well? Exit status 0; 1 if something can wait until morning; 2 if
somebody must come now."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from core.management.terminal import TerminalCommand
from core.ops import deployment, doctor
from core.ops.doctor import Level


class Command(TerminalCommand):
    help = (
        "Look at consumers, queue, leases and orders; exit 1 for warnings, 2 for what is critical."
    )
    # It must work when nothing else does.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        parser.add_argument(
            "--deploy",
            action="store_true",
            help="look at this host instead: is it fit for production?",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = deployment.examine() if options["deploy"] else doctor.examine()
        worst = doctor.worst(findings)
        if options["json"]:
            checks = [
                asdict(finding) | {"level": finding.level.name.lower()} for finding in findings
            ]
            self.stdout.write(json.dumps({"status": worst.name.lower(), "checks": checks}))
        else:
            for finding in findings:
                told = f"{finding.level.name:<8}  {finding.check:<11}  {finding.text}"
                self.stdout.write(told)
        if worst != Level.OK:
            raise SystemExit(int(worst))
