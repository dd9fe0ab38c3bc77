"""From an address and a quantity to a quote: the price, the site and video, and every objection at
its field. Form, upload, portal and command refuse an order in THE words of this module."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache

from django.utils.translation import gettext as _

from booster import sites
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from booster.net.address import Origin
from booster.ownership import verification
from booster.retry import NOT_NOW
from booster.sites.base import SiteAdapter
from core import money
from core.db import clock
from core.models import (
    ApprovalLimit,
    Calibration,
    Customer,
    CustomerInactiveError,
    InsufficientBalanceError,
    Order,
    OrderError,
    PricePolicy,
    Site,
    User,
)
from core.models.approvals import requires_approval
from core.models.billing import play_too_dear, too_many_plays
from core.models.orders import MAX_DAYS_AHEAD
from core.ordering import looks
from core.ordering.looks import LookRefusedError
from core.reasons import Code, Reason, translate

# So many addresses and quantities one quoter remembers: a file repeats each.
REMEMBERED = 20_000
# A start that passed so recently passed while it was typed and sent.
JUST_NOW = timedelta(minutes=5)


class StartRefusedError(OrderError):
    """A start that is too far ahead, or has passed."""


@dataclass(slots=True)
class Quote:
    """What an order would cost and where it would go. `reasons`: field name -> what is wrong."""

    customer: Customer | None
    url: str
    count: int | None
    price: Decimal | None = None
    unit_price: Decimal | None = None
    bundle: money.Bundle | None = None
    balance_after: Decimal | None = None
    site: Site | None = None
    video_id: str = ""
    video_title: str = ""
    views: int | None = None
    seconds: float | None = None
    reasons: dict[str, Reason] = field(default_factory=dict)

    @property
    def errors(self) -> dict[str, str]:
        return {name: translate(reason) for name, reason in self.reasons.items()}

    @classmethod
    def prepare(
        cls,
        customer: Customer | None,
        url: str,
        count: int | None,
        *,
        for_customer: bool = False,
        asker: User | None = None,
    ) -> "Quote":
        """One quote, as complete as the given answers allow."""
        quoter = Quoter(for_customer=for_customer, asker=asker)
        return quoter.prepare_many([(customer, url, count)])[0]

    def price_objection(self, seen: Decimal | None) -> str:
        """What to ask a person who saw another price, before they buy; "" if they saw none or the
        same. Forms, uploads and interfaces send the price that was seen."""
        if seen is None or self.price is None or seen == self.price:
            return ""
        return _(
            "The price is now %(now)s, not %(seen)s as shown. Nothing was ordered; send "
            "the form again to order at %(now)s."
        ) % {"now": self.price, "seen": money.quantize(seen)}

    def needs_approval(self, creator: User | None) -> bool:
        """Whether the order, placed by this user, would wait for a second person."""
        if self.price is None:
            return False
        return requires_approval(self.price, ApprovalLimit.objects.of(creator))


@dataclass(frozen=True, slots=True)
class Video:
    """The video at an address; `error` says why there is none."""

    site: Site | None = None
    video_id: str = ""
    error: Reason | None = None


class Quoter:
    """Prepares the quotes of one form or of a whole file; each query and each call to a site is
    made once. A quote takes its balance after those before it (`spent`). Of quotes prepared
    together, a second one for the same video is refused.

    A caller that holds rows locked passes `asks_sites=False`: the last check of a site counts.
    `reads_views` also asks the site for each video's counter. `for_customer`: the reader is not
    staff. They learn that a site is not verified, but not where its token has to be; and no site is
    asked for them that is not verified or did not answer last time. `asker`: the user whose looks
    at sites are limited per minute."""

    def __init__(
        self,
        *,
        asks_sites: bool = True,
        reads_views: bool = True,
        for_customer: bool = False,
        asker: User | None = None,
    ) -> None:
        self.for_customer = for_customer
        self.asker = asker
        self.asks_sites = asks_sites
        self.reads_views = reads_views and asks_sites
        self.spent: defaultdict[int, Decimal] = defaultdict(Decimal)
        self.video_at = lru_cache(REMEMBERED)(self._new_video_at)
        self._price_of = lru_cache(REMEMBERED)(self._new_price_of)
        self._adapter_at = lru_cache(None)(self._new_adapter_at)
        self._site_errors: dict[int, Reason | None] = {}

    def prepare_many(
        self, wanted: Iterable[tuple[Customer | None, str, int | None]]
    ) -> list[Quote]:
        """One for each customer, address and quantity; None: not known yet."""
        quotes = [Quote(customer, url.strip(), count) for customer, url, count in wanted]
        for quote in quotes:
            self._find_price(quote)
            self._find_site(quote)
        self._ask_sites(
            {one.site.pk: one.site for one in quotes if one.site and "url" not in one.reasons}
        )
        for quote in quotes:
            self._find_video(quote)
        self._find_other_orders(quotes)
        for quote in quotes:
            self._find_balance(quote)
        return quotes

    def _find_price(self, quote: Quote) -> None:
        if quote.count is None:
            return
        if quote.count < 1:
            quote.reasons["count"] = Reason.of(Code.TOO_FEW_PLAYS)
        elif quote.count > money.MAX_COUNT:
            quote.reasons["count"] = too_many_plays()
        else:
            try:
                quote.bundle, quote.price, quote.unit_price = self._price_of(quote.count)
            except money.QuantityTooSmallError as error:
                quote.reasons["count"] = too_small(error.minimum)
            else:  # by a policy older than the limit
                if quote.unit_price >= money.TOO_DEAR:
                    quote.reasons["count"] = play_too_dear()

    def _find_site(self, quote: Quote) -> None:
        if quote.url:
            video = self.video_at(quote.url)
            quote.site, quote.video_id = video.site, video.video_id
            if video.error:
                quote.reasons["url"] = video.error

    def _find_video(self, quote: Quote) -> None:
        if quote.site is None or "url" in quote.reasons:
            return
        error = self._site_errors[quote.site.pk]
        if not error and self.reads_views:
            try:
                seen = looks.video_of(quote.site, quote.video_id, self.asker)
                quote.views, quote.video_title = seen.views, seen.title
            except SiteError as failed:
                error = self._said(failed)
            except LookRefusedError as refused:
                error = refused.reason
        if error:
            quote.reasons["url"] = error
        elif quote.count:
            quote.seconds = quote.count / quote.site.max_rate

    def _find_other_orders(self, quotes: Iterable[Quote]) -> None:
        good = [quote for quote in quotes if quote.site and "url" not in quote.reasons]
        videos = {(quote.site.pk, quote.video_id) for quote in good if quote.site}
        held = Order.objects.videos_held(videos) | Calibration.objects.videos_held(videos)
        for quote in good:
            assert quote.site is not None
            video = (quote.site.pk, quote.video_id)
            if video in held:
                quote.reasons["url"] = VIDEO_BUSY
            held.add(video)

    def _find_balance(self, quote: Quote) -> None:
        customer = quote.customer
        if customer is None:
            return
        if not customer.active:
            quote.reasons["customer"] = CustomerInactiveError.reason
        elif quote.price is not None:
            quote.balance_after = customer.balance - self.spent[customer.pk] - quote.price
            if quote.balance_after < 0:
                quote.reasons["customer"] = InsufficientBalanceError(-quote.balance_after).reason
            elif not quote.reasons:
                self.spent[customer.pk] += quote.price

    # --- looked up once

    @cached_property
    def bundles(self) -> list[money.Bundle]:
        return PricePolicy.bundles()

    @cached_property
    def _sites(self) -> dict[str, Site]:
        return {site.origin: site for site in Site.objects.filter(active=True)}

    def _new_price_of(self, count: int) -> tuple[money.Bundle, Decimal, Decimal]:
        bundle = money.bundle_for(count, self.bundles)
        price = money.price_by(bundle, count)
        return bundle, price, money.rate_of(price, count)

    def _new_video_at(self, url: str) -> Video:
        site = None
        try:
            origin, path = Origin.split(url)
            site = self._sites.get(str(origin))
            if site is None:
                return Video(error=Reason.of(Code.NOT_OUR_SITE, origin=str(origin)))
            return Video(site, self._adapter_at(site.origin).video_id(path))
        except PermanentError as error:
            return Video(site, error=self._said(error))

    def _new_adapter_at(self, origin: str) -> SiteAdapter:
        site = self._sites[origin]
        return sites.adapter(site.adapter, site.recipe, site.secrets)

    def _ask_sites(self, found: Mapping[int, Site]) -> None:
        """Note in `_site_errors` why nothing may be sold on each of these; None if it may. They are
        asked at the same time: one silent site after the other would hold up an upload."""
        new = [site for pk, site in found.items() if pk not in self._site_errors]
        self._site_errors |= {site.pk: self._known_error(site) for site in new}
        if self.asks_sites and not self.reads_views:  # reading views also asks for the token
            good = [site for site in new if self._site_errors[site.pk] is None]
            failed = verification.confirm_all(good, verification.FRESH)
            self._site_errors |= {pk: self._said(error) for pk, error in failed.items()}

    def _known_error(self, site: Site) -> Reason | None:
        is_believed = self.for_customer or not self.asks_sites
        if is_believed and not site.verified:
            return Reason.of(Code.SITE_NOT_VERIFIED)
        if site.awaits_calibration:
            return Reason.of(
                Code.SITE_NOT_VERIFIED if self.for_customer else Code.SITE_NOT_CALIBRATED
            )
        if self.for_customer and site.unreachable_at:
            return Reason.of(Code.SITE_UNREACHABLE)
        return None

    def _said(self, error: SiteError) -> Reason:
        return of_site(error, for_customer=self.for_customer)


# Refusals; a reason that is used once is written where it is used.

# Two orders on one counter could not be told apart.
VIDEO_BUSY = Reason.of(Code.VIDEO_BUSY)


def too_small(minimum: int | None) -> Reason:
    if minimum is None:
        return Reason.of(Code.NOTHING_ON_SALE)
    return Reason.of(Code.QUANTITY_TOO_SMALL, minimum=f"{minimum:,}")


def of_site(error: SiteError, *, for_customer: bool = False) -> Reason:
    """If only the desk can mend it, customers learn no details."""
    reason = Reason.of_error(error)
    if error.status in NOT_NOW and not isinstance(error, OwnershipError):
        return Reason.of(Code.SITE_TAKES_NO_MORE, status=error.status)
    if isinstance(error, OwnershipError):
        code, for_customers = Code.SITE_NOT_PROVED, Code.SITE_NOT_VERIFIED
    elif isinstance(error, TemporaryError):
        code, for_customers = Code.SITE_NOT_REACHED, Code.SITE_UNREACHABLE
    else:
        return reason
    return Reason.of(for_customers) if for_customer else Reason.of(code, reason=reason)


def start_to_come(start: datetime | None, asked: datetime | None = None) -> datetime | None:
    """A planned start; None (at once) if it passed since a person `asked` for it, or just before.
    Raises StartRefusedError: nobody can call back plays that began because of a mistyped year."""
    if start is None:
        return None
    now = clock.steady.now()
    if start < (asked or now) - JUST_NOW:
        raise StartRefusedError(Reason.of(Code.START_PASSED))
    if start > now + timedelta(days=MAX_DAYS_AHEAD):
        raise StartRefusedError(Reason.of(Code.START_TOO_FAR, days=MAX_DAYS_AHEAD))
    return start if start > now else None
