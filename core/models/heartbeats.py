"""Who lives: each worker writes its row at every sweep and takes it away when it stops; each web
process writes every few seconds what it has done since its start. A row that grows old is one that
died. Nothing depends on it but what `doctor`, the home page and the figures tell."""

import os
import socket
from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models.functions import Now

from core.reasons import printable

# Seconds. Workers sweep every 15 to 18 s, web processes report every 15 s.
SILENT = 60
# Rows of the dead are kept for so long, then the living remove them.
KEPT = timedelta(days=1)
TROUBLE_LENGTH = 200
# Upper bounds in seconds of the time that pages take.
PAGE_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class SignOfLifeQuerySet(models.QuerySet[Any]):
    """By the database's clock, as hosts' clocks differ."""

    def report(self, figures: dict[str, Any], **key: Any) -> None:
        self.update_or_create(figures | {"seen": Now()}, **key)
        self.filter(seen__lt=Now() - KEPT).delete()

    def alive(self) -> Self:
        return self.seen_within(SILENT)

    def seen_within(self, seconds: float) -> Self:
        return self.filter(seen__gte=Now() - timedelta(seconds=seconds))


class HeartbeatQuerySet(SignOfLifeQuerySet):
    def beat(self, consumer: str, *, queue_is_up: bool, trouble: str = "") -> None:
        """`trouble`: what failed there lately."""
        told = printable(trouble)[:TROUBLE_LENGTH]
        self.report({"queue_is_up": queue_is_up, "trouble": told}, consumer=consumer)

    def failing(self) -> Self:
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


class WebProcess(models.Model):
    """`page_counts`: pages answered by how long they took, for each bound of the histogram and
    above the last; `page_seconds`: all of them together, waiting included. Both and `refused` only
    grow; the rest is now."""

    name = models.CharField(max_length=200, unique=True)
    seen = models.DateTimeField()
    viewers = models.PositiveIntegerField(default=0)
    running = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    page_counts = models.JSONField(default=list)
    page_seconds = models.FloatField(default=0)

    objects = SignOfLifeQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ("name",)


def worker_name() -> str:
    """Of this process, on whatever host: its heartbeat and the orders it holds are known by it."""
    return f"{socket.gethostname()[:150]}:{os.getpid()}"
