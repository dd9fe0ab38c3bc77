"""A task that does nothing but commit: what the queue and the database cost without an order.
Run as a program it is the office's own consumer with this task known to it."""

import os
import sys
from importlib import import_module

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
    import django
    from django.core.management import call_command

    django.setup()
    import_module("tests.benchmarks.noop")  # registers the task by the name its callers use
    call_command("run_huey", *sys.argv[1:])
else:
    from huey.contrib.djhuey import db_task

    from core.models import Customer

    @db_task()
    def commit_only(times: int) -> None:
        for _ in range(times):
            Customer.objects.update(memo=os.urandom(4).hex())
