"""Sums of what is never changed again, kept so that nobody has to add up millions of rows.

Law: these are copies. Whatever they say can be counted again from the rows behind them, and every
write may happen twice (see core/reports/rollups.py). A quarter of an hour is the largest span
that ends at midnight in every time zone: the office's days can be put together from quarters,
whatever its zone.
"""

import uuid

from django.db import models


class Source(models.IntegerChoices):
    LEDGER = 1, "ledger entries, by kind: amount"
    ENDED = 2, "orders that ended, by status: plays delivered"
    PLAYS = 3, "plays received: see PlaySample"


class QuarterHourTotal(models.Model):
    """What one quarter of an hour brought of one kind."""

    source = models.PositiveSmallIntegerField(choices=Source)
    start = models.DateTimeField()
    key = models.PositiveSmallIntegerField()
    rows = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=20, decimal_places=2)

    class Meta:
        db_table = "core_quarter"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["source", "start", "key"], name="quarter_once")
        ]


class RollupCursor(models.Model):
    """How far a source is counted: `until`. `checked` goes round over what is counted, again and
    again. `version` is another after every change of its quarters."""

    source = models.PositiveSmallIntegerField(choices=Source, unique=True)
    until = models.DateTimeField()
    checked = models.DateTimeField()
    version = models.UUIDField(default=uuid.uuid4)

    class Meta:
        db_table = "core_counted"
        default_permissions = ()


class PlaySample(models.Model):
    """Plays that all sites received since the sample before. `running_total` is the sum of `done`
    over orders that are open or ended after `since`; with the next sample's sum over the same
    orders it gives the next difference."""

    taken = models.DateTimeField(unique=True)
    plays = models.PositiveBigIntegerField()
    seconds = models.FloatField()
    since = models.DateTimeField()
    running_total = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
