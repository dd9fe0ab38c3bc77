"""Middleware that holds plays back: a brake, quiet hours, a ceiling. Visitors never notice it."""

from datetime import datetime, time, timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone

LONGEST_WAIT = 3600


class PlayPolicy:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "X-Play-Order" in request.headers:
            status, seconds = verdict(timezone.localtime())
            if status != 200:
                answer = HttpResponse(status=status)
                answer["Retry-After"] = str(seconds)
                return answer
        return self.get_response(request)


def policy():
    return settings.BOOSTER_OFFICE.get("policy", {})


def is_braked():
    """The file is there: `touch` it and the plays stop at once."""
    brake = policy().get("brake")
    return bool(brake) and Path(brake).exists()


def verdict(now):
    """200, or the status to answer, and after how many seconds to ask again."""
    if is_braked():
        return 503, 60
    for hours in policy().get("quiet_hours", ()):
        if wait := seconds_left(hours, now):
            return 503, min(wait, LONGEST_WAIT)
    if most := policy().get("max_rate"):
        key = f"booster-office:{int(now.timestamp())}"
        cache.add(key, 0, 5)
        if cache.incr(key) > most:
            return 429, 1
    return 200, 0


def seconds_left(hours, now):
    """Of quiet hours such as "22:00-06:00"; 0 outside of them."""
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    at = now.time()
    is_quiet = begin <= at < end if begin < end else at >= begin or at < end
    if not is_quiet:
        return 0
    until = datetime.combine(now.date(), end, now.tzinfo)
    if until <= now:
        until += timedelta(days=1)
    return max(1, int((until - now).total_seconds()))
