"""A person settles an order that waits for its counter: by a reading now or, if none can be made,
by the last one that succeeded and with a reason; by nothing else."""

import logging
import time
from dataclasses import replace

from booster import sites
from booster.delivery import proving
from booster.exceptions import SiteError
from booster.net.client import SiteClient
from booster.ownership import verification
from booster.proof import Reading, Watch, evidence_of, judge
from booster.sites import exact
from core.db import clock
from core.models import CounterReading, Order, OrderError, SiteLook, Status, User, transitions
from core.models.flow import given_reason
from core.models.transitions import status_reason
from core.reasons import Code, Reason, reason_columns

logger = logging.getLogger(__name__)


def settle_now(order: Order, actor: User | None, why: str = "") -> None:
    """End it with what its counter proves now; the rest is refunded. A worker that is about to read
    it finds it ended. Raises OrderError if it is not being verified, was never read, cannot be read
    now and `why` is empty, or if `why` is too long; TransitionError if it changed meanwhile."""
    why = given_reason(why)
    if order.status != Status.VERIFYING:
        raise OrderError(Reason.of(Code.NOT_BEING_VERIFIED, status=status_reason(order.status)))
    watch = Watch.of(order.watch)
    if order.old_view_count is None or watch.last is None:
        raise OrderError(Reason.of(Code.NEVER_READ))
    try:
        reading = _read(order)
    except SiteError as error:
        if not why:
            reason = Reason.of_error(error)
            raise OrderError(Reason.of(Code.NOT_READ_NOW, reason=reason)) from error
        note = Reason.of(Code.SETTLED_BY_LAST_READING, views=watch.last.views, why=why)
    else:
        proving.add_reading(order, watch, reading, reading.answered)
        order.view_count = reading.views
        kept = {"order": order.pk, "views": reading.views, "done": order.done}
        CounterReading.record_block([kept])
        note = Reason.of(Code.SETTLED_BY_HAND, views=reading.views)
    try:
        adapter = sites.adapter(order.site.adapter, order.site.recipe)
    except SiteError as error:
        raise OrderError(Reason.of_error(error)) from error
    evidence = evidence_of(
        watch,
        sent=order.sent,
        may_lag=False,
        may_still_move=False,
        allowance=0,
        counts_readings=sites.counts_readings(order.site.adapter, order.site.counts_readings),
        lag=sites.lag_of(adapter, order.site.learned_lag),
        site_count=_counted(order),
    )
    if not evidence.rests:
        # The person does not want to wait until it is known whether others watch.
        evidence = replace(evidence, is_quiet=True)
    verdict = judge(replace(evidence, rest_left=0.0))
    end = proving.settle(order, replace(verdict, note=note), evidence)
    changes = {**end.changes, "watch": watch.as_json(), "fence": order.fence + 1}
    changes |= reason_columns("", "attention")  # nobody has to look at what a person decided
    transitions.apply([(order, replace(end, changes=changes))], actor)


def _counted(order: Order) -> int | None:
    """The site's own count for the order; None: its counter decides."""
    if not order.site.exact_proof:
        return None
    try:
        origin = sites.play_origin(order.site.adapter, order.site.recipe)
        with SiteClient(verification.proved_target(order.site)) as client:
            answer = client.fetch(exact.exact_call(order.site.token, order.oid, origin))
        return exact.counted_of(answer, order.oid)
    except SiteError as error:
        logger.warning("order %s: settled without the site's own count: %s", order.oid, error)
        return None


def _read(order: Order) -> Reading:
    """Raises SiteError."""
    since = clock.now().timestamp() - time.monotonic()
    asked = time.monotonic()
    views = verification.views_of(order.site, order.video_id)
    answered = since + time.monotonic()
    begun, _ended = SiteLook.objects.tally(order.site, order.video_id)
    return Reading(since + asked, answered, views, True, begun)
