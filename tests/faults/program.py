"""A command of the office, bent for a test: `python -m tests.faults.program run_huey ...`, or
`run_web --processes 1 ...`

FAULTS_LEASE       seconds of a lease instead of 30
FAULTS_HURRY       sweep every second, try again soon, and wait 2 s for a site instead of 10
FAULTS_PATIENCE    seconds for which an answer is taken for a passing trouble, with HURRY
FAULTS_GUARDS_OFF  names from tests.faults.guards, with commas
FAULTS_CLOCK       seconds that this process's wall clock is off
"""

import os
import sys
from dataclasses import replace
from datetime import timedelta

import django
import time_machine
from django.core.management import execute_from_command_line
from django.utils import timezone
from uvicorn.main import main as uvicorn


def shorten(seconds: float) -> None:
    from core.models import leases

    leases.LEASE = timedelta(seconds=seconds)
    leases.MARGIN_SECONDS = seconds / 4


def hurry() -> None:
    from booster import retry, worker
    from booster.delivery.links import SiteLink

    limits = SiteLink._limits
    soon = {"first_byte_timeout": 2.0, "answer_timeout": 3.0}
    SiteLink._limits = lambda self: replace(limits(self), **soon)  # type: ignore[method-assign]
    retry.SENDING = replace(retry.SENDING, first=0.1, longest=1.0)
    retry.READING = retry.PROBING = retry.TROUBLE = retry.BackOff(0.1, 1.0)
    retry.TROUBLE_PATIENCE = timedelta(seconds=float(os.environ.get("FAULTS_PATIENCE") or 1800))
    retry.WAITING = retry.BackOff(1.0, 1.0)
    worker.SWEEP_SECONDS = worker.JITTER_SECONDS = 1.0


def bend() -> None:
    from tests.faults.guards import take_away

    if seconds := os.environ.get("FAULTS_LEASE"):
        shorten(float(seconds))
    if os.environ.get("FAULTS_HURRY"):
        hurry()
    if names := os.environ.get("FAULTS_GUARDS_OFF"):
        take_away(names.split(","))
    # run_web's server begins in this process, which is bent, and not in a new one.
    os.execv = lambda _program, command: uvicorn(command[3:])  # type: ignore[assignment]
    if seconds := os.environ.get("FAULTS_CLOCK"):
        time_machine.travel(timezone.now() + timedelta(seconds=float(seconds))).start()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
    django.setup()
    bend()
    execute_from_command_line(sys.argv)
