"""An order's deadline: the rule of booster/retry.py for one order."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from booster import retry
from core.models import Order


def deadline_of(order: Order) -> datetime | None:
    """When it ends with what was delivered by then; None before it began."""
    if order.start_date is None:
        return None
    return retry.deadline(
        order.start_date,
        count=order.count,
        plays_per_second=order.site.max_rate,
        hours=order.hours,
        grace_hours=settings.ORDER_DEADLINE_HOURS,
    )


def is_late(order: Order) -> bool:
    deadline = deadline_of(order)
    return deadline is not None and timezone.now() >= deadline
