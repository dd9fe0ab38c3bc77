"""manage.py init_office: make an office ready to open. Safe to run again at any time.

Migrates (which makes the groups), loads price policies if there are none, and creates the first
super administrator with ADMIN_PASSWORD or a random password that is printed once.
"""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connection

from core.db.alone import alone
from core.management.terminal import TerminalCommand
from core.models import PricePolicy, User

ADMIN = "admin"


class Command(TerminalCommand):
    help = "Migrate, load the price policies, create the first super administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add the demo site and customers")

    def handle(self, *args: Any, **options: Any) -> None:
        told = "Another init_office or migrate is at work; waiting for its end."
        with alone(connection, lambda: self.tell(told)):
            call_command("migrate", verbosity=0, interactive=False)
            if not PricePolicy.objects.exists():
                call_command("loaddata", "price_policies", verbosity=0)
            if not User.objects.filter(is_superuser=True).exists():
                self.create_admin(settings.ADMIN_PASSWORD)
            if options["demo"]:
                call_command("demo_data", stdout=self.stdout)

    def create_admin(self, given: str) -> None:
        password = given or secrets.token_urlsafe(12)
        try:
            validate_password(password, User(username=ADMIN))
        except ValidationError as error:
            self.stderr.write(f"ADMIN_PASSWORD is weak: {' '.join(error.messages)}")
        User.objects.create_superuser(ADMIN, password=password)
        if not given:
            self.stdout.write(f"Super administrator: {ADMIN}   password: {password}")
            self.stdout.write(
                "It is shown this once; `manage.py changepassword admin` sets another."
            )
