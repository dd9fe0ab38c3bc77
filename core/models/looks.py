"""Looks at sites for people who are about to buy: what the last one found, whether one is under
way, and how many a person had in this minute. In the database, so that all processes share them;
every moment is by its clock. Of videos under delivery the rows also count these looks for their
orders' proof."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from core.db import clock
from core.models.accounts import User
from core.models.fields import reason_fields
from core.models.orders import Order
from core.models.sites import Site
from core.reasons import ReasonOrText, reason_columns

MINUTE = timedelta(minutes=1)
KEPT = timedelta(hours=1)
# The row of a site itself: whether anybody looks, and why none of its videos can be looked at.
WHOLE_SITE = ""


class SiteLookQuerySet(models.QuerySet["SiteLook"]):
    def begin(self, site: Site, lease: timedelta) -> bool:
        """Whether the site may be looked at now: nobody else does. A process that died is waited
        for no longer than `lease`."""
        self.get_or_create(site=site, video_id=WHOLE_SITE)
        free = Q(looking_until__isnull=True) | Q(looking_until__lte=Now())
        gate = self.filter(free, site=site, video_id=WHOLE_SITE)
        return gate.update(looking_until=Now() + lease) == 1

    def end(self, site: Site) -> None:
        self.filter(site=site, video_id=WHOLE_SITE).update(looking_until=None)

    def under_way(self, sites: Collection[int]) -> set[int]:
        """Which of these sites are being looked at now."""
        gates = self.filter(site__in=sites, video_id=WHOLE_SITE, looking_until__gt=Now())
        return set(gates.values_list("site", flat=True))

    @contextmanager
    def counted(self, site: Site, video_id: str) -> Iterator[None]:
        """While a counter is read that may count its readers: these are no other people's views."""
        look = self.get_or_create(site=site, video_id=video_id)[0]
        row = self.filter(pk=look.pk)
        row.update(begun=F("begun") + 1)
        try:
            yield
        finally:
            row.update(ended=F("ended") + 1)

    def tally(self, site: Site, video_id: str) -> tuple[int, int]:
        """How many looks at a video have begun, and how many have ended."""
        return self.tallies([(site.pk, video_id)]).get((site.pk, video_id), (0, 0))

    def tallies(
        self, videos: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], tuple[int, int]]:
        """The same of these, each a site's id and a video of it; of others it may know as well."""
        rows = self._of(videos).values_list("site", "video_id", "begun", "ended")
        return {(site, name): (begun, ended) for site, name, begun, ended in rows}

    def remember(
        self,
        site: Site,
        video_id: str,
        *,
        views: int | None = None,
        title: str = "",
        error: ReasonOrText = "",
        kind: str = "",
    ) -> None:
        """What a look at a video found, or why a video, or with WHOLE_SITE every video of the site,
        cannot be looked at: an error and the name of its class."""
        found: dict[str, Any] = {"looked_at": Now(), "views": views, "title": title}
        found["error_kind"] = kind
        found |= reason_columns(error)
        if not self.filter(site=site, video_id=video_id).update(**found):
            self.get_or_create(site=site, video_id=video_id, defaults=found)

    def recall(
        self, site: Site, video_id: str, *, found: timedelta, failed: timedelta
    ) -> "SiteLook | None":
        """What is still believed: a finding for `found`, a failure for `failed`."""
        fails = Q(looked_at__gt=Now() - failed) & ~Q(reason_code="")
        finds = Q(looked_at__gt=Now() - found, reason_code="", video_id=video_id)
        rows = self.filter(fails | finds, site=site, video_id__in=(WHOLE_SITE, video_id))
        return rows.order_by("video_id").first()  # what is wrong with the site comes first

    def titles(self, videos: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
        """What these videos, by site and id, were called when they were last looked at."""
        rows = self._of(videos).exclude(title="").values_list("site", "video_id", "title")
        return {(site, name): title for site, name, title in rows}

    def _of(self, videos: Collection[tuple[int, str]]) -> Self:
        """Of these, and of others of their sites."""
        sites, names = {site for site, _name in videos}, {name for _site, name in videos}
        return self.filter(site__in=sites, video_id__in=names)

    def forget_failures(self, site: Site) -> None:
        """Somebody mended the site: whoever asks next finds out."""
        self.filter(site=site).exclude(reason_code="").update(looked_at=None)

    def forget_old(self) -> None:
        """But not of videos whose orders count the looks."""
        mine = {"site": OuterRef("site"), "video_id": OuterRef("video_id")}
        watched = Order.objects.open().filter(**mine)
        # Those that only count looks, and failures that somebody forgot, have no moment.
        is_old = Q(looked_at__lt=Now() - KEPT) | Q(looked_at=None)
        self.filter(is_old, ~Exists(watched)).exclude(video_id=WHOLE_SITE).delete()


class SiteLook(models.Model):
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    video_id = models.CharField(max_length=200)
    looked_at = models.DateTimeField(null=True)
    views = models.PositiveBigIntegerField(null=True)
    title = models.CharField(max_length=200, blank=True, default="", db_default="")
    error_kind = models.CharField(max_length=32, blank=True, default="", db_default="")
    reason, reason_code, reason_params = reason_fields(None, default="", db_default="")
    looking_until = models.DateTimeField(null=True)
    # Readings of its counter, for as long as the row is kept.
    begun = models.PositiveIntegerField(default=0, db_default=0)
    ended = models.PositiveIntegerField(default=0, db_default=0)

    objects = SiteLookQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["site", "video_id"], name="look_one_a_video"),
        ]
        indexes = [models.Index(fields=["looked_at"], name="look_oldest")]


class LookAllowanceQuerySet(models.QuerySet["LookAllowance"]):
    def take(self, user: User, most: int) -> int:
        """One of this minute's looks: 0 when one was left, else the seconds until there is."""
        self.get_or_create(user=user, defaults={"since": Now()})
        own = self.filter(user=user)
        if own.filter(since__lte=Now() - MINUTE).update(since=Now(), taken=1):
            return 0
        if own.filter(taken__lt=most).update(taken=F("taken") + 1):
            return 0
        over = own.values_list("since", flat=True).get() + MINUTE - clock.now()
        return max(1, min(60, round(over.total_seconds())))


class LookAllowance(models.Model):
    """How many looks a person had since then."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField()
    taken = models.PositiveIntegerField(default=0)

    objects = LookAllowanceQuerySet.as_manager()

    class Meta:
        default_permissions = ()
