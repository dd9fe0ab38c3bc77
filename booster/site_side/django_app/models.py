"""Which plays were counted, and how many of each order."""

from django.db import models


class CountedPlay(models.Model):
    order = models.CharField(max_length=64)
    key = models.CharField(max_length=200)
    counted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "key"], name="booster_office_play_once")
        ]


class CountedOrder(models.Model):
    order = models.CharField(primary_key=True, max_length=64)
    counted = models.PositiveBigIntegerField(default=0)
