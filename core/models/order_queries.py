"""Orders as a set: what lists, pages and consumers ask of it."""

import datetime
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now

from core.db.lookups import InArray, InStatuses
from core.models.approvals import came_by_portal, is_close_to
from core.models.flow import OPEN, WORKABLE, Status
from core.models.pauses import Pause
from core.models.sites import Site
from core.reasons import ReasonOrText, reason_columns

if TYPE_CHECKING:
    from core.models.accounts import User
    from core.models.orders import Order  # noqa: F401 - named below

# When an order may go on: at once, but never before the start that was planned for it.
SOONEST = Greatest(Now(), Coalesce(F("planned_start"), Now()))
# Each has an index of its own.
REMARKED = Q(attention__gt="") | Q(attention_code__gt="")


class OrderQuerySet(models.QuerySet["Order"]):
    def with_names(self) -> "OrderQuerySet":
        """What a listing shows of other tables, in one query."""
        return self.select_related("customer", "site", "creator")

    def open(self) -> "OrderQuerySet":
        return self.filter(InStatuses(F("status"), OPEN))

    def open_on(self, site: "Site | int", video_id: str) -> "OrderQuerySet":
        """The order that holds a video, if one does: the ground for refusing another."""
        return self.open().filter(site=site, video_id=video_id).order_by().only("pk")

    def videos_held(self, videos: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
        """Which of these, each a site's id and a video of it, an open order holds."""
        if not videos:
            return set()
        sites, names = map(sorted, map(set, zip(*videos, strict=True)))
        held = self.open().filter(InArray(F("video_id"), names), site__in=sites)
        return set(held.order_by().values_list("site_id", "video_id")) & set(videos)

    def needing_a_person(self) -> "OrderQuerySet":
        """With a remark nobody has marked as seen, ended or not; or waiting for approval. Their
        ids first, on indexes alone: SQLite would walk all orders in the order of the list."""
        waiting = self.model.objects.filter(REMARKED | Q(status=Status.AWAITING))
        return self.filter(pk__in=waiting.values("pk"))

    def remarked(self) -> "OrderQuerySet":
        return self.filter(REMARKED)

    def with_remark(self, remark: ReasonOrText) -> "OrderQuerySet":
        """Those that have this very remark."""
        kept = reason_columns(remark, "attention")
        params = kept.pop("attention_params")
        # To Django, None in a filter is JSON's own null.
        same = {"attention_params": params} if params else {"attention_params__isnull": True}
        return self.filter(**kept, **same)

    def free_to_claim(self) -> "OrderQuerySet":
        """Due, and leased to nobody. The database's clock decides: hosts' clocks differ."""
        return self.filter(
            InStatuses(F("status"), WORKABLE),
            Q(lease_until__isnull=True) | Q(lease_until__lt=Now()),
            due__lte=Now(),
        )

    def not_held(self) -> "OrderQuerySet":
        """Without those whose site, or the whole office, people paused; what is only proved goes
        on there."""
        return self.filter(~Q(Pause.objects.of_site("site")) | Q(status=Status.VERIFYING))

    def waiting_for(self, site: Site, longest: float) -> "OrderQuerySet":
        """Those that wait because the site is down, of which none waits for more than `longest`
        seconds; what does waits for something else."""
        return self.filter(
            site=site,
            status__in=(Status.PENDING, Status.RUNNING),
            lease_until__isnull=True,
            due__lte=Now() + datetime.timedelta(seconds=longest),
        )

    def concerning_closely(self, user: "User") -> "OrderQuerySet":
        """Those that came by the portal for customers whom this user made, paid in for or let in
        not long before."""
        return self.filter(came_by_portal(), is_close_to(user.pk))
