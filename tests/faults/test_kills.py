"""Consumers killed and frozen at random, many orders under way: nothing lost, nothing twice."""

import itertools
import os
import random
import signal
import time

import psutil
import pytest

from core.models import Order
from tests.faults.trial import LONG, READY, Trial, must_fail, size
from tests.office import KINDS, wait_for

LEASE = 3.0
CONSUMERS = size(3, 4)


class Harm:
    """Kills and freezes consumers, whole or one process of them, until told to end."""

    def __init__(self, trial: Trial, **options: object) -> None:
        self.trial = trial
        self.dice: random.Random = trial.dice
        self.options = options
        self.consumers = [self.start() for _ in range(CONSUMERS)]
        for consumer in self.consumers:
            consumer.wait_for_line(READY)
        self.frozen: list[tuple[float, list[psutil.Process]]] = []
        self.kills = self.stops = 0

    def start(self):
        return self.trial.consumer(lease=LEASE, wait=False, **self.options)

    def go_on(self, kills: int, stops: int, pause: float) -> None:
        acts = ["kill"] * kills + ["stop"] * stops
        self.dice.shuffle(acts)
        for act in acts:
            if not Order.objects.open().exists():
                break
            time.sleep(self.dice.uniform(0, 2 * pause))
            self.kill() if act == "kill" else self.freeze()
            self.thaw()
        while self.frozen:
            time.sleep(0.05)
            self.thaw()

    def kill(self) -> None:
        """A whole consumer, which is replaced, or one of its workers, which it replaces itself."""
        number = self.dice.randrange(CONSUMERS)
        victims = self.processes(number)
        if self.dice.random() < 0.5 and len(victims) > 1:
            self.signal(victims[-1:], signal.SIGKILL)
        else:
            self.consumers[number].kill()
            self.consumers[number] = self.start()
        self.kills += 1

    def freeze(self) -> None:
        """Longer than a lease lasts; others take over meanwhile."""
        victims = self.processes(self.dice.randrange(CONSUMERS))
        self.signal(victims, signal.SIGSTOP)
        self.frozen.append((time.monotonic() + LEASE + 1.5, victims))
        self.stops += 1

    def thaw(self) -> None:
        due = [entry for entry in self.frozen if entry[0] <= time.monotonic()]
        for entry in due:
            self.signal(entry[1], signal.SIGCONT)
            self.frozen.remove(entry)

    def processes(self, number: int) -> list[psutil.Process]:
        root = psutil.Process(self.consumers[number].pid)
        return [root, *root.children(recursive=True)]

    @staticmethod
    def signal(victims: list[psutil.Process], signum: int) -> None:
        for victim in victims:
            if victim.is_running():
                os.kill(victim.pid, signum)


@pytest.mark.parametrize(
    ("office", "keys"),
    list(itertools.product(KINDS, [True, False]))
    if LONG
    else list(zip(KINDS, [False, True], strict=True)),
    indirect=["office"],
)
def test_consumers_are_killed_and_frozen_and_every_play_arrives(trial, row, keys):
    trial.use_site(keys=keys, rate=800, connections=8, resend_percent=100)
    harm = Harm(trial)
    trial.place_many(size(12, 1000), 300)
    harm.go_on(kills=size(4, 200), stops=size(2, 60), pause=size(1, 2) / 2)
    trial.wait_for_the_end(size(240, 1200))
    verdict = trial.verdict()
    harms = f"{harm.kills} SIGKILLs and {harm.stops} SIGSTOPs"
    row("kills", f"{harms} {'with' if keys else 'without'} keys", verdict)
    assert verdict.broken == []


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_without_fence_and_expiry_a_frozen_consumer_sends_plays_twice(trial, control):
    """The control: the same fault, seen by the same judge."""
    trial.use_site(keys=False, rate=400, connections=4)
    trial.place(2000)
    frozen = trial.consumer(lease=LEASE, guards_off=["lease"])
    time.sleep(2)
    frozen.pause()
    Order.objects.update(lease_until=None)  # instead of waiting until it runs out
    trial.consumer(lease=LEASE, guards_off=["lease"])
    wait_for(lambda: Order.objects.filter(fence__gte=2).exists(), what="the takeover")
    time.sleep(0.5)
    frozen.resume()
    trial.wait_for_the_end(30)
    verdict = trial.verdict()
    must_fail(verdict)
    assert verdict.twice > 0
    control("fence and expiry of the lease", verdict)
