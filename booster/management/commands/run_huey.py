"""Huey's own run_huey with defaults that lose nothing: SIGTERM stops gracefully, an idle queue is
looked at five times a second, and the consumer sweeps the database."""

from typing import Any

from django.core.management.base import CommandParser
from huey.contrib.djhuey import HUEY
from huey.contrib.djhuey.management.commands import run_huey

from booster.consumer import Consumer

DEFAULTS = {
    "workers": 2,
    "worker_type": "process",
    # From Save to the first play half a second at most, also after an idle night.
    "initial_delay": 0.05,
    "max_delay": 0.2,
    # Huey's own default loses every task in flight on SIGTERM.
    "graceful_signal": "TERM",
    "shutdown_timeout": 25.0,
}


class Command(run_huey.Command):
    help = "Deliver orders: workers, scheduler and sweep, until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(**DEFAULTS)

    def handle(self, *args: Any, **options: Any) -> None:
        HUEY.create_consumer = lambda **values: Consumer(HUEY, **values)
        super().handle(*args, **options)
