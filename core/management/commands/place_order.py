"""manage.py place_order USERNAME URL COUNT [--watch]: the admin's own path, from a terminal."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from core.importing.starts import starts as starts_of
from core.management.terminal import TerminalCommand
from core.models import Customer, Order, Status
from core.ordering import OrderRefusedError, Quote, place

READ_SECONDS = 0.2


class Command(TerminalCommand):
    help = "Charge a customer and order plays of a video; --watch follows them to the end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("url")
        parser.add_argument("count", type=int)
        parser.add_argument("--memo", default="")
        parser.add_argument("--start", default="", help="such as '2026-12-03 09:00'; else at once")
        parser.add_argument("--watch", action="store_true", help="show progress until it ends")

    def handle(self, *args: Any, **options: Any) -> None:
        customer = Customer.objects.named(options["username"])
        if customer is None:
            raise CommandError(f"username: there is no customer {options['username']!r}")
        starts, wrong = starts_of([options["start"]])
        if wrong:
            raise CommandError(f"start: {wrong[0]}")
        quote = Quote.prepare(customer, options["url"], options["count"])
        try:
            order = place(quote, None, memo=options["memo"].strip(), planned_start=starts[0])
        except OrderRefusedError as error:
            lines = (f"{field}: {reason}" for field, reason in error.errors.items())
            raise CommandError("\n".join(lines)) from None
        self.stdout.write(f"{order.oid}: {order.count} plays for {order.price}")
        if options["watch"]:
            self.watch(order)

    def watch(self, order: Order) -> None:
        with tqdm(total=order.count, unit="play") as bar:
            while not order.is_final:
                time.sleep(READ_SECONDS)
                order.refresh_from_db()
                bar.set_description(order.get_status_display())
                bar.update(order.done - bar.n)
        self.stdout.write(
            f"{order.get_status_display()}: {order.delivered} of {order.count} delivered, "
            f"{order.refunded} refunded, views {order.old_view_count} -> {order.view_count}"
        )
        if order.status != Status.COMPLETED:
            raise SystemExit(1)
