"""What people were told of, and have not been told the end of yet: see core/ops/alerts.py."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

# Whoever sends takes this long at most; then another process may try.
SENDING = timedelta(seconds=60)


class AlertQuerySet(models.QuerySet["Alert"]):
    def see(self, cause: str, text: str, believed: timedelta) -> None:
        """The cause is there, and counts as there for so long from now on."""
        values = {"text": text, "believed_until": Now() + believed}
        if not self.filter(cause=cause).update(**values):
            # Somebody else may see it first: the name is unique.
            self.bulk_create([self.model(cause=cause, **values)], ignore_conflicts=True)

    def to_begin(self, patience: timedelta) -> "AlertQuerySet":
        """Nobody was told, and it has been there for long enough."""
        return self.filter(
            told_at=None, since__lte=Now() - patience, believed_until__gte=Now()
        ).unsent()

    def to_end(self) -> "AlertQuerySet":
        return self.filter(told_at__isnull=False, believed_until__lt=Now()).unsent()

    def unsent(self) -> "AlertQuerySet":
        return self.filter(Q(sending_until=None) | Q(sending_until__lt=Now()))


class Alert(models.Model):
    """One cause. `told_at`: None until people were told that it began; once they were told that it
    ended, the row goes. `sending_until`: one process is about to tell."""

    cause = models.CharField(max_length=200, unique=True)
    text = models.TextField()
    since = models.DateTimeField(db_default=Now())
    believed_until = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    sending_until = models.DateTimeField(null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ("since",)

    def take(self) -> bool:
        """Whether this process is the one that tells now."""
        return Alert.objects.unsent().filter(pk=self.pk).update(sending_until=Now() + SENDING) == 1

    def note_told(self) -> None:
        Alert.objects.filter(pk=self.pk).update(told_at=Now(), sending_until=None)
