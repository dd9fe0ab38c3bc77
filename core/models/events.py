"""What is written down beside an order: its steps, and what the site's counter said meanwhile."""

from collections.abc import Mapping, Sequence

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.db.blocks import insert_block
from core.models.accounts import person_field
from core.models.append_only import AppendOnlyModel
from core.models.fields import created_field, protected_key, reason_fields
from core.models.flow import Status


class OrderEvent(AppendOnlyModel):
    """One step of an order: who, when, from where to where, and why."""

    order = protected_key("core.Order", _("order"), related_name="events")
    create_date = created_field(_("when"))
    creator = person_field(_("who"))
    from_status = models.PositiveSmallIntegerField(_("from"), choices=Status, null=True)
    to_status = models.PositiveSmallIntegerField(_("to"), choices=Status)
    reason, reason_code, reason_params = reason_fields(_("why"))

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.get_to_status_display()}"


class CounterReading(models.Model):
    """What the site's counter said at one moment of an order; the receipt's evidence."""

    order = models.ForeignKey(
        "core.Order", verbose_name=_("order"), on_delete=models.CASCADE, related_name="readings"
    )
    create_date = created_field(_("when"))
    views = models.PositiveBigIntegerField(_("views"))
    done = models.PositiveIntegerField(_("received"))

    class Meta:
        verbose_name = _("counter reading")
        verbose_name_plural = _("counter readings")
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.views}"

    @staticmethod
    def record_block(readings: Sequence[Mapping[str, int]]) -> None:
        """`views` of each `order`, an id, beside the plays received by now, `done`."""
        insert_block(CounterReading, readings)
