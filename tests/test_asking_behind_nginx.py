"""What people ask of a site behind a real nginx that takes no two requests within half a second: a
quote, a trial, a look for the token. Each waits for its turn, or says what it met."""

from collections.abc import Iterator

import pytest

from booster.ownership import verification
from booster.sites.trial import Trial
from core import ordering
from core.models import Site, SiteCheck
from core.ordering import Quote, looks
from core.reasons import Code
from tests.real_sites import behind_nginx
from tests.real_sites.local import PlainSite

pytestmark = pytest.mark.slow  # each waits for its turn

ZONE = "limit_req_zone $binary_remote_addr zone=spaced:1m rate=2r/s;"


@pytest.fixture
def there() -> Iterator[PlainSite]:
    with PlainSite() as site:
        yield site


@pytest.fixture(params=[503, 429])
def limited(request, database, settings, there) -> Iterator[Site]:
    limits = f"limit_req zone=spaced; limit_req_status {request.param};"
    with behind_nginx(there.url, zones=ZONE, limits=limits) as url:
        settings.PRIVATE_SITES = (url.partition("//")[2],)
        yield Site.objects.create(
            name="Limited", origin=url, adapter="http", recipe=PlainSite.RECIPE, verified=True
        )


def video_at(site: Site) -> str:
    return f"{site.origin}/videos/harbour"


def test_a_token_is_found_however_often_it_is_looked_for(limited):
    checks = [verification.verify(limited) for _ in range(3)]
    assert [check.outcome for check in checks] == [SiteCheck.Outcome.PROVED] * 3


def test_a_quote_shows_the_views_of_each_video(limited):
    seen = [looks.video_of(limited, video).views for video in ("harbour", "dawn")]
    assert seen == [41, 7]


def test_a_trial_is_counted(limited, there):
    trial: Trial = ordering.try_site(limited, video_at(limited))
    assert (trial.before, trial.after, trial.passed) == (41, 42, True)
    assert there.times("POST", "/api/videos/harbour/plays") == 1


@pytest.mark.parametrize("for_customer", [False, True])
def test_what_is_refused_for_long_is_said_to_be_so_and_when_to_ask_again(
    limited, impatient, for_customer
):
    assert verification.verify(limited).outcome == SiteCheck.Outcome.PROVED
    quote = Quote.prepare(None, video_at(limited), 10_000, for_customer=for_customer)
    assert quote.reasons["url"].code == Code.SITE_TAKES_NO_MORE
    assert "half a minute" in quote.errors["url"]
