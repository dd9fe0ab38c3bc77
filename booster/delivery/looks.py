"""Looks at videos that others had the office make while their orders run: counted for many orders
at once, so that what they moved is not taken for plays."""

from collections.abc import Iterable, Mapping
from typing import Any

from booster.delivery.order import Delivery
from booster.engine import Fetched
from core.models import SiteLook


def note_looks(deliveries: Iterable[Delivery]) -> None:
    """How many looks at these videos have begun and ended by now."""
    counted = {
        one: (one.link.site.pk, one.order.video_id) for one in deliveries if one.counts_looks
    }
    if not counted:
        return
    tallies = SiteLook.objects.tallies(set(counted.values()))
    for delivery, video in counted.items():
        delivery.looks = tallies.get(video, (0, 0))


def read_by(events: Iterable[Any], deliveries: Mapping[int, Delivery]) -> list[Delivery]:
    """Whose counters these events are answers of."""
    found = (deliveries.get(event.key) for event in events if isinstance(event, Fetched))
    return [one for one in found if one is not None and one.is_reading]


def about_to_begin(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Whose counters may be asked for now before their first plays."""
    return [
        one
        for one in deliveries
        if one.order.old_view_count is None and one.link.is_proved and not one.is_reading
    ]
