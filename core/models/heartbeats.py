"""Which workers live: each writes its row at every sweep and takes it away when it stops. A row
that grows old is a worker that died. Nothing depends on it but what `doctor` and the home page
tell."""

import os
import socket
from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

from core.reasons import printable

# Seconds. Workers sweep every 15 to 18 s.
SILENT = 60
# Rows of the dead are kept for so long, then the living remove them.
KEPT = timedelta(days=1)
TROUBLE_LENGTH = 200


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, consumer: str, *, queue_is_up: bool, trouble: str = "") -> None:
        """By the database's clock, as hosts' clocks differ. `trouble`: what failed there lately."""
        told = printable(trouble)[:TROUBLE_LENGTH]
        values = {"seen": Now(), "queue_is_up": queue_is_up, "trouble": told}
        self.update_or_create(consumer=consumer, defaults=values)
        self.filter(seen__lt=Now() - KEPT).delete()

    def alive(self) -> "HeartbeatQuerySet":
        return self.seen_within(SILENT)

    def seen_within(self, seconds: float) -> "HeartbeatQuerySet":
        return self.filter(seen__gte=Now() - timedelta(seconds=seconds))

    def failing(self) -> "HeartbeatQuerySet":
        return self.alive().exclude(trouble="")


class Heartbeat(models.Model):
    consumer = models.CharField(max_length=200, unique=True)
    started = models.DateTimeField(db_default=Now())
    seen = models.DateTimeField()
    queue_is_up = models.BooleanField()
    trouble = models.CharField(
        max_length=TROUBLE_LENGTH, blank=True, default="", db_default="", editable=False
    )

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ("consumer",)


def worker_name() -> str:
    """Of this process, on whatever host: its heartbeat and the orders it holds are known by it."""
    return f"{socket.gethostname()[:150]}:{os.getpid()}"
