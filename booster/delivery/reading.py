"""Readings of an order's counter while it runs: how often, and what is kept of them. Moments are
seconds since the epoch by the database's clock."""

from booster.proof import Reading, Watch
from core.models import Order

# A counter is read at a share of the time since its order began, within these seconds.
WATCH_SECONDS, LONGEST_WATCH_SECONDS = 10.0, 180.0
WATCH_SHARE = 50
# A reading is a row of its own where none was for so much of that time.
KEPT_SHARE = 200


def seconds_between(watch: Watch, now: float, least: float = 0.0) -> float:
    """`least`: where the site has no room for more."""
    since = now - (watch.began or now)
    return min(max(since / WATCH_SHARE, WATCH_SECONDS, least), LONGEST_WATCH_SECONDS)


def resume(order: Order, watch: Watch, claimed: float) -> float:
    """Go on where the order was given back. Returns in how many seconds to read again."""
    if order.old_view_count is not None and watch.began is None and order.start_date:
        # A release that kept no watch began it.
        watch.began, watch.before = order.start_date.timestamp(), order.old_view_count
        watch.played = claimed
    if order.in_flight:
        watch.note_play(claimed)  # a round died with these on the wire
    read = claimed if watch.last is None else watch.last.answered
    return max(0.0, read + seconds_between(watch, claimed) - claimed)


def record(order: Order, watch: Watch, reading: Reading, lag: float) -> bool:
    """The reading before the first play, or one while plays are sent. Returns whether to keep it as
    a row of its own."""
    if order.old_view_count is None:
        order.old_view_count = reading.views
        watch.begin(reading)
    else:
        settled = (watch.played or reading.answered) + lag
        watch.add(reading, settled=settled, sent=order.done + order.uncertain, done=order.done)
    order.view_count = reading.views
    since = reading.answered - (watch.began or reading.answered)
    is_kept = reading.answered - watch.noted >= since / KEPT_SHARE
    if is_kept:
        watch.noted = reading.answered
    return is_kept
