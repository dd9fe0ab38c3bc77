"""Looks at an order's counter: how often it is read while plays are sent, and what is kept of that;
and those that others had the office make meanwhile, counted for many orders at once, so that what
they moved is not taken for plays. Moments are seconds since the epoch by the database's clock."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from booster.engine import Fetched
from booster.proof import Reading, Watch
from core.models import Order, SiteLook

if TYPE_CHECKING:
    from booster.delivery.order import Delivery

# A counter is read at a share of the time since its order began, within these seconds.
WATCH_SECONDS, LONGEST_WATCH_SECONDS = 10.0, 180.0
WATCH_SHARE = 50
# A reading is a row of its own where none was for so much of that time.
KEPT_SHARE = 200


def seconds_between(watch: Watch, now: float, least: float = 0.0) -> float:
    """`least`: where the site has no room for more."""
    since = now - (watch.began or now)
    return min(max(since / WATCH_SHARE, WATCH_SECONDS, least), LONGEST_WATCH_SECONDS)


def resume_watch(order: Order, watch: Watch, claimed: float) -> float:
    """Go on where the order was given back. Returns in how many seconds to read again."""
    if order.old_view_count is not None and watch.began is None and order.start_date:
        # A release that kept no watch began it.
        watch.began, watch.before = order.start_date.timestamp(), order.old_view_count
        watch.played = claimed
    if order.in_flight:
        watch.note_play(claimed)  # a round died with these on the wire
    read = claimed if watch.last is None else watch.last.answered
    return max(0.0, read + seconds_between(watch, claimed) - claimed)


def note_reading(order: Order, watch: Watch, reading: Reading, lag: float) -> bool:
    """The reading before the first play, or one while plays are sent. Returns whether to keep it as
    a row of its own."""
    if order.old_view_count is None:
        order.old_view_count = reading.views
        watch.begin(reading)
    else:
        settled = (watch.played or reading.answered) + lag
        watch.add(
            reading,
            settled=settled,
            sent=order.done + order.uncertain,
            done=order.done,
            reserved=order.reserved,
        )
    order.view_count = reading.views
    since = reading.answered - (watch.began or reading.answered)
    is_kept = reading.answered - watch.noted >= since / KEPT_SHARE
    if is_kept:
        watch.noted = reading.answered
    return is_kept


# --- of others


def note_looks(deliveries: Iterable["Delivery"]) -> None:
    """How many looks at these videos have begun and ended by now."""
    counted = {
        one: (one.link.site.pk, one.order.video_id) for one in deliveries if one.counts_looks
    }
    if not counted:
        return
    tallies = SiteLook.objects.tallies(set(counted.values()))
    for delivery, video in counted.items():
        delivery.looks = tallies.get(video, (0, 0))


def read_by(events: Iterable[Any], deliveries: Mapping[int, "Delivery"]) -> "list[Delivery]":
    """Whose counters these events are answers of."""
    found = (deliveries.get(event.key) for event in events if isinstance(event, Fetched))
    return [one for one in found if one is not None and one.is_reading]


def about_to_begin(deliveries: Iterable["Delivery"]) -> "list[Delivery]":
    """Whose counters may be asked for now before their first plays."""
    return [
        one
        for one in deliveries
        if one.order.old_view_count is None and one.link.is_proved and not one.is_reading
    ]
