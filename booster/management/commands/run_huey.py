"""Huey's own run_huey with defaults that lose nothing: SIGTERM stops gracefully, an idle queue is
looked at five times a second. In each worker a round delivers orders: booster/worker.py."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections
from huey.consumer_options import ConsumerConfig
from huey.contrib.djhuey import HUEY
from huey.contrib.djhuey.management.commands import run_huey

from booster import worker

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
# Each is a process: a slip of the finger shall not take the whole host.
MOST_WORKERS = 100
# What Huey would take for something else.
NOT_BELOW_0 = {
    "initial_delay": "--delay",
    "max_delay": "--max-delay",
    "health_check_interval": "--health-check-interval",
    "max_tasks": "--max-tasks",
    "shutdown_timeout": "--shutdown-timeout",
}


class Command(run_huey.Command):
    requires_system_checks: list[str] = []  # they would load the desk
    help = "Deliver orders: workers with their rounds, until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(**DEFAULTS)

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["workers"] <= MOST_WORKERS:
            raise CommandError(
                f"--workers: from 1 to {MOST_WORKERS} processes, not {options['workers']}"
            )
        for name, option in NOT_BELOW_0.items():
            value = options[name]
            if value is not None and not value >= 0:  # or no number: nan
                raise CommandError(f"{option}: not below 0, and not {value}")
        given = {name: value for name, value in options.items() if value is not None}
        try:
            ConsumerConfig(**given).validate()
        except ValueError as error:
            raise CommandError(str(error)) from None
        create = HUEY.create_consumer

        def create_consumer(**values: Any) -> Any:
            # Workers are forked: none may inherit an open database connection.
            connections.close_all()
            consumer = create(**values)
            flag, is_set = consumer.stop_flag, consumer.stop_flag.is_set
            # A worker whose consumer was killed stops: a new one brings processes of its own.
            flag.is_set = lambda: is_set() or worker.is_orphan()
            worker.is_asked_to_stop = is_set
            return consumer

        HUEY.create_consumer = create_consumer
        super().handle(*args, **options)
