"""Filters of a list that a person wants to find again, and the columns they want to see."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.models.accounts import User


class SavedFilter(models.Model):
    """`model` is the list's, as "core.order"; `query` is what stands behind its address,
    but with the names of columns, not their places, in its order."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="saved_filters", db_index=False
    )
    model = models.CharField(max_length=100)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(max_length=2000, blank=True)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        ordering = ("name",)
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "model", "name"], name="saved_filter_name"),
        ]


class ListColumns(models.Model):
    """`model` as above; `names` are those of the list's columns, in the order in which the list
    itself has them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    model = models.CharField(max_length=100)
    names = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "model"], name="list_columns_once")]
