"""An order's deadline: the rule of booster/retry.py for one order and its site's week."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from booster import retry
from booster.delivery.plan import planned_end, week_of
from core.models import Order


def deadline_of(order: Order) -> datetime | None:
    """When it ends with what was delivered by then; None before it began. Neither the time for
    which people paused it counts, nor, once it is no longer spread, quiet hours."""
    if order.start_date is None:
        return None
    end_of_plan = datetime.fromtimestamp(planned_end(order, order.site), UTC)
    # What was paused and is caught up is in no plan.
    end_of_plan += timedelta(seconds=order.paused_seconds - order.shift_seconds)
    end = retry.deadline(
        end_of_plan,
        count=order.count,
        plays_per_second=order.site.max_rate,
        grace_hours=settings.ORDER_DEADLINE_HOURS,
    )
    patience = (end - end_of_plan).total_seconds()
    return datetime.fromtimestamp(week_of(order.site).after(end_of_plan.timestamp(), patience), UTC)


def is_late(order: Order, now: datetime) -> bool:
    deadline = deadline_of(order)
    return deadline is not None and now >= deadline
