"""From an address and a quantity to a quote: what it costs, where it goes, and all that speaks
against it, each at its field. THE wording of what refuses an order: form, upload, portal and
command say the same.

Nothing is written here but what a look at a site found.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, lru_cache

from django.utils.translation import gettext as _

from booster import sites
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from booster.net.address import Origin
from booster.ownership import verification
from booster.sites.base import SiteAdapter
from core import money
from core.models import ApprovalLimit, Customer, Order, PricePolicy, Site, User
from core.reasons import Code, Reason, translate, translate_error

# A site proved this lately is not asked again while somebody types.
FRESH = timedelta(seconds=30)
# What one order may buy; its figures must fit their columns.
MAX_COUNT = 1_000_000_000
# Addresses, and quantities, that one quoter remembers: a file asks for each twice or more.
REMEMBERED = 20_000


@dataclass(slots=True)
class Quote:
    """What an order would cost and where it would go. `errors`: field name -> what is wrong."""

    customer: Customer | None
    url: str
    count: int | None
    price: Decimal | None = None
    unit_price: Decimal | None = None
    bundle: money.Bundle | None = None
    balance_after: Decimal | None = None
    site: Site | None = None
    video_id: str = ""
    views: int | None = None
    seconds: float | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(cls, customer: Customer | None, url: str, count: int | None) -> "Quote":
        """One quote, as complete as the answers given so far allow."""
        return Quoter().prepare_many([(customer, url, count)])[0]

    def needs_approval(self, creator: User | None) -> bool:
        """Whether the order, placed by this user, would wait for a second person."""
        return self.price is not None and ApprovalLimit.objects.requires_approval(
            self.price, creator
        )


@dataclass(frozen=True, slots=True)
class Video:
    """Where an address leads; `error` says why it leads nowhere."""

    site: Site | None = None
    video_id: str = ""
    error: str = ""


class Quoter:
    """Prepares the quotes of one form or of a whole file: what costs a query or a call to a site is
    looked up once. Each quote counts on what those before it would leave of a balance (`spent`).

    A caller that holds rows locked passes `asks_sites=False`: the last check of a site is believed.
    `reads_views` asks the site for the counter of each video, too.
    """

    def __init__(self, *, asks_sites: bool = True, reads_views: bool = True) -> None:
        self.asks_sites = asks_sites
        self.reads_views = reads_views and asks_sites
        self.spent: defaultdict[int, Decimal] = defaultdict(Decimal)
        self.video_of = lru_cache(REMEMBERED)(self._video_of)
        self._price_of = lru_cache(REMEMBERED)(self._new_price_of)
        self._adapter_at = lru_cache(None)(self._new_adapter_at)
        self._site_errors: dict[int, str] = {}

    def prepare_many(
        self, wanted: Iterable[tuple[Customer | None, str, int | None]]
    ) -> list[Quote]:
        """A quote for each customer, address and quantity; None is not known yet."""
        quotes = [Quote(customer, url.strip(), count) for customer, url, count in wanted]
        for quote in quotes:
            self._find_price(quote)
            self._find_video(quote)
        self._find_other_orders(quotes)
        for quote in quotes:
            self._find_balance(quote)
        return quotes

    def _find_price(self, quote: Quote) -> None:
        if quote.count is None:
            return
        if quote.count < 1:
            quote.errors["count"] = _("At least one play.")
        elif quote.count > MAX_COUNT:
            quote.errors["count"] = _("At most %(most)s plays.") % {"most": f"{MAX_COUNT:,}"}
        else:
            try:
                quote.bundle, quote.price, quote.unit_price = self._price_of(quote.count)
            except money.QuantityTooSmallError as error:
                quote.errors["count"] = quantity_error(error.minimum)

    def _find_video(self, quote: Quote) -> None:
        if not quote.url:
            return
        video = self.video_of(quote.url)
        quote.site, quote.video_id = video.site, video.video_id
        error = video.error
        if quote.site and not error:
            error = self._site_error(quote.site)
        if quote.site and not error and self.reads_views:
            try:
                quote.views = verification.views_of(quote.site, quote.video_id)
            except SiteError as failed:
                error = site_error(failed)
        if error:
            quote.errors["url"] = error
        elif quote.site and quote.count:
            quote.seconds = quote.count / quote.site.max_rate

    def _find_other_orders(self, quotes: Iterable[Quote]) -> None:
        good = [quote for quote in quotes if quote.site and "url" not in quote.errors]
        videos = {(quote.site.pk, quote.video_id) for quote in good if quote.site}
        held = Order.objects.videos_held(videos)
        for quote in good:
            if quote.site and (quote.site.pk, quote.video_id) in held:
                quote.errors["url"] = busy_error()

    def _find_balance(self, quote: Quote) -> None:
        customer = quote.customer
        if customer is None:
            return
        if not customer.active:
            quote.errors["customer"] = switched_off_error()
        elif quote.price is not None:
            quote.balance_after = customer.balance - self.spent[customer.pk] - quote.price
            if quote.balance_after < 0:
                quote.errors["customer"] = balance_error(-quote.balance_after)
            elif not quote.errors:
                self.spent[customer.pk] += quote.price

    # --- looked up once

    @cached_property
    def _bundles(self) -> list[money.Bundle]:
        return PricePolicy.bundles()

    @cached_property
    def _sites(self) -> dict[str, Site]:
        return {site.origin: site for site in Site.objects.filter(active=True)}

    def _new_price_of(self, count: int) -> tuple[money.Bundle, Decimal, Decimal]:
        bundle = money.bundle_for(count, self._bundles)
        price = money.price_by(bundle, count)
        return bundle, price, money.rate_of(price, count)

    def _video_of(self, url: str) -> Video:
        site = None
        try:
            origin, path = Origin.split(url)
            site = self._sites.get(str(origin))
            if site is None:
                return Video(error=_("%(origin)s is not one of our sites.") % {"origin": origin})
            return Video(site, self._adapter_at(site.origin).video_id(path))
        except PermanentError as error:
            return Video(site, error=site_error(error))

    def _new_adapter_at(self, origin: str) -> SiteAdapter:
        site = self._sites[origin]
        return sites.adapter(site.adapter, site.recipe)

    def _site_error(self, site: Site) -> str:
        """Why nothing may be sold on this site; "" where it may."""
        if site.pk not in self._site_errors:
            self._site_errors[site.pk] = self._new_site_error(site)
        return self._site_errors[site.pk]

    def _new_site_error(self, site: Site) -> str:
        try:
            if self.asks_sites:
                verification.confirm(site, FRESH)
            elif not site.verified:
                return _("The site is not verified.")
        except SiteError as error:
            return site_error(error)
        return ""


# What refuses an order, in words; a sentence used once is written where it is used.


def switched_off_error() -> str:
    return translate(Reason.of(Code.CUSTOMER_INACTIVE))


def quantity_error(minimum: int | None) -> str:
    if minimum is None:
        return _("No price policy is active; nothing can be sold.")
    return _("The smallest order is %(minimum)s plays.") % {"minimum": f"{minimum:,}"}


def balance_error(missing: Decimal) -> str:
    return _("The balance is short by %(missing)s.") % {"missing": missing}


def busy_error() -> str:
    return _("Another order already runs on this video.")


def site_error(error: SiteError) -> str:
    reason = translate_error(error)
    if isinstance(error, OwnershipError):
        return _("The site is not verified: %(reason)s") % {"reason": reason}
    if isinstance(error, TemporaryError):
        return _("The site cannot be reached now: %(reason)s") % {"reason": reason}
    return reason
