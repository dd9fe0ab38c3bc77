"""manage.py demo_data: the demo video site, a few customers with money, and a portal login for one
of them, whose password is printed once."""

import csv
import secrets
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from booster.ownership.tokens import file_path
from core.management.terminal import TerminalCommand
from core.models import ChargeRecord, Customer, Site
from core.pages.invitations import login_of

LOGIN = "erin"
CUSTOMERS = settings.BASE_DIR / "fixtures" / "customers.csv"


class Command(TerminalCommand):
    help = "Add the demo video site and customers with opening balances; safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        self.add_site()
        if added := self.add_customers():
            self.stdout.write(f"Demo data: {added} customers and the demo video site.")
        self.add_login()

    def add_site(self) -> None:
        """Put the ownership file where the demo site's owner would."""
        public = settings.DATA_DIR / "demosite" / "public"
        try:
            public.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{public}: {error.strerror}") from error
        site, _created = Site.objects.get_or_create(
            origin=f"http://127.0.0.1:{settings.DEMO_SITE_PORT}",
            defaults={
                "name": f"Demo site {settings.DEMO_SITE_PORT}",
                "adapter": "demo",
                "max_connections": 32,
                "max_rate": 5000,
            },
        )
        (public / file_path(site.token).lstrip("/")).write_text(site.token)

    def add_customers(self) -> int:
        with CUSTOMERS.open(encoding="utf-8", newline="") as file:
            return sum(self.add_customer(row) for row in csv.DictReader(file))

    def add_customer(self, row: dict[str, str]) -> bool:
        with transaction.atomic():
            customer, created = Customer.objects.get_or_create(
                username=row["username"],
                defaults={"mobile": row["mobile"], "memo": row["memo"]},
            )
            if created:
                ChargeRecord.objects.create(
                    customer=customer, amount=Decimal(row["balance"]), memo="Opening balance"
                )
        return created

    def add_login(self) -> None:
        """The password is printed only when it is made."""
        customer = Customer.objects.filter(username=LOGIN, user=None, active=True).first()
        if customer is None:
            return
        password = secrets.token_urlsafe(9)
        with transaction.atomic():
            user = login_of(customer)
            user.set_password(password)
            user.save(update_fields=["password"])
        self.stdout.write(f"Demo customer at /portal/: {user.username}   password: {password}")
