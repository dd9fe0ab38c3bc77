"""Which web processes live and what each has done since its start: written by each itself every few
seconds, read by whoever scrapes the figures, which may be any of them. Nothing depends on it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models.functions import Now

# Seconds. Processes report every 15 s.
SILENT = 60
KEPT = timedelta(days=1)
# Upper bounds in seconds of the time that pages take.
PAGE_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WebProcessQuerySet(models.QuerySet["WebProcess"]):
    def report(self, name: str, figures: Mapping[str, Any]) -> None:
        """By the database's clock, as hosts' clocks differ; the long dead are removed."""
        self.update_or_create(name=name, defaults={**figures, "seen": Now()})
        self.filter(seen__lt=Now() - KEPT).delete()

    def alive(self) -> "WebProcessQuerySet":
        return self.filter(seen__gte=Now() - timedelta(seconds=SILENT))


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

    objects = WebProcessQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ("name",)
