"""When an order's plays are due, when its site may be sent to, and when the order ends at the
latest: booster/pacing.py, booster/week.py and booster/retry.py for the rows of the database."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from booster import retry
from booster.pacing import DripPlan
from booster.week import DAILY_LOAD_PROFILE, HOUR, Profile, Week
from core.models import Order, Site

REMEMBERED = 1000
# Before quiet hours begin, nothing more is started.
CLOSING_SECONDS = 1.5


def plan_of(order: Order, site: Site) -> DripPlan | None:
    """None for an order that is sent as fast as its site allows, or has not begun. One that was
    paused and shall not catch up goes on as if it had begun so much later."""
    if not order.hours or order.start_date is None:
        return None
    start = begins_at(order)
    return DripPlan(order.count, start, order.hours, week_of(site, by_day=order.by_day))


def planned_end(order: Order, site: Site) -> float:
    """When the plan of an order that began ends; its beginning where it is not spread."""
    start = begins_at(order)
    return week_of(site).opens_at(start) + order.hours * HOUR if order.hours else start


def begins_at(order: Order) -> float:
    assert order.start_date is not None
    return order.start_date.timestamp() + order.shift_seconds


def deadline_of(order: Order) -> datetime | None:
    """When it ends with what was delivered by then; None before it began. The time for which people
    paused it does not count, nor quiet hours once it is no longer spread."""
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


def site_opens_at(site: Site, now: float) -> float:
    return week_of(site).opens_at(now)


def quiet_seconds(site: Site, now: float) -> float:
    """For how long nothing may go to the site; 0 where something may."""
    moments = (now, now + CLOSING_SECONDS)
    return max(site_opens_at(site, moment) - moment for moment in moments)


def week_of(site: Site, *, by_day: bool = False) -> Week:
    """The site's week. `by_day`: with its daily load profile, else all open hours are alike."""
    profile = as_profile(site.load_profile) if by_day else None
    return _week(zone_of(site), tuple(site.quiet_hours or ()), profile)


def week_columns(site: Site) -> tuple[object, ...]:
    """What its week is made of, and so its orders' plans."""
    return site.time_zone, site.quiet_hours, site.load_profile


def zone_of(site: Site) -> tzinfo:
    return ZoneInfo(site.time_zone) if site.time_zone else timezone.get_default_timezone()


def as_profile(kept: list[list[float]] | None) -> Profile:
    return tuple(map(tuple, kept)) if kept else DAILY_LOAD_PROFILE


_week = lru_cache(REMEMBERED)(Week)
