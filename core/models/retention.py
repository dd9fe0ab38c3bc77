"""How far what is not kept for ever has been tidied: see core/ops/retention.py."""

from django.db import models


class RetentionCursor(models.Model):
    """Everything of this kind up to this moment is done."""

    kind = models.CharField(max_length=32, unique=True)
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()
