"""Many videos for one customer, bought at once: quoted together, placed together or not at all."""

import time
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from booster.exceptions import SiteError
from core.models import Customer, Order, SiteLook, User
from core.ordering import looks
from core.ordering.looks import LookRefusedError
from core.ordering.placing import Placement, place_together
from core.ordering.quote import Quote, Quoter, of_site

# After so long the sites are not asked any more; the rest is quoted without counters.
LOOK_SECONDS = 5.0
# Makes the keys by which each line of a form is one order, however often it is sent.
KEY_NAMESPACE = uuid.UUID("0a6c1d7e-5b3f-4c55-9a0e-0b2f3a5f8c11")


def quote_several(
    customer: Customer | None,
    wanted: Sequence[tuple[str, int | None]],
    *,
    asker: User,
    looks_at_videos: bool,
) -> list[Quote]:
    """Each quote takes its balance after those before it."""
    quoter = Quoter(reads_views=False, asker=asker)
    quotes = quoter.prepare_many([(customer, url, count) for url, count in wanted])
    if looks_at_videos:
        look_at(quotes, asker)
    else:
        recall_titles(quotes)
    return quotes


def look_at(quotes: Sequence[Quote], asker: User) -> None:
    """Whether the sites have these videos, until the time is up."""
    deadline = time.monotonic() + LOOK_SECONDS
    for quote in quotes:
        if quote.site is None or "url" in quote.reasons:
            continue
        if time.monotonic() > deadline:
            return
        try:
            seen = looks.video_of(quote.site, quote.video_id, asker)
        except SiteError as error:
            quote.reasons["url"] = of_site(error)
        except LookRefusedError:
            return
        else:
            quote.views, quote.video_title = seen.views, seen.title


def recall_titles(quotes: Sequence[Quote]) -> None:
    """The titles from the last looks at the videos."""
    videos = [(quote.site.pk, quote.video_id) for quote in quotes if quote.site]
    titles = SiteLook.objects.titles(videos)
    for quote in quotes:
        if quote.site:
            quote.video_title = titles.get((quote.site.pk, quote.video_id), "")


def total_of(quotes: Sequence[Quote]) -> Decimal:
    return sum((quote.price for quote in quotes if quote.price is not None), Decimal(0))


def keys_of(
    request_key: uuid.UUID, customer: Customer, wanted: Sequence[tuple[str, int | None]]
) -> list[uuid.UUID]:
    """The keys of a form's orders: the same as long as the form buys the same."""
    return [
        uuid.uuid5(KEY_NAMESPACE, f"{request_key}:{customer.pk}:{index}:{count}:{url}")
        for index, (url, count) in enumerate(wanted)
    ]


def placed_before(keys: Sequence[uuid.UUID]) -> bool:
    return len(keys) == Order.objects.filter(request_key__in=keys).count() > 0


def place_several(
    quotes: Sequence[Quote], keys: Sequence[uuid.UUID], creator: User, **terms: Any
) -> list[Order]:
    """All or none. Raises OrderRefusedError; `index` is the refused one, None for all."""
    placements = [
        Placement(quote, request_key=key, **terms) for quote, key in zip(quotes, keys, strict=True)
    ]
    return place_together(placements, creator)
