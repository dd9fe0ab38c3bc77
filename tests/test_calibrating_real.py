"""What a calibration says of software that counts for real, before anything is sold there: over the
wire, by the recipes that are shipped, with waits that are shorter than in life."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import repeat
from threading import Barrier
from typing import Any

import pytest
import trustme

from booster import sites
from booster.proof.calibration import Finding, FindingCode, Record, plan
from tests.counting_site import Limit
from tests.programs import FINDERS, needed
from tests.real_sites import behind_nginx, hitcount_site, keys_of, post_views_site
from tests.real_sites.local import (
    PASSWORD,
    GraphQLSite,
    LocalSite,
    MembersSite,
    PlainSite,
    SlowSite,
)
from tests.targets import proved
from tests.test_sessions import GRAPHQL, MEMBERS
from tests.wire_calibration import calibrated, findings

HITCOUNT = sites.shipped("django-hitcount").recipe
# Keeps what the site keeps of its visitors.
VISITED = HITCOUNT | {
    "steps": [HITCOUNT["steps"][0] | {"path": "/visited/{video_id}/", "cookies": []}]
}
POSTVIEWS = sites.shipped("wordpress-postviews").recipe
WITHOUT_LOGIN = {name: MEMBERS[name] for name in MEMBERS if name not in ("steps", "play_headers")}
AUTHORITY = trustme.CA(organization_name="Harbour Film Club")
# When a last try of what was unclear may begin, and how long one may take.
LAST_TRY_SECONDS, TRY_SECONDS = 60.0, 30.0
START_SECONDS = 120.0


@contextmanager
def local(site: LocalSite) -> Iterator[str]:
    with site:
        yield site.url


@contextmanager
def limited_by_nginx(place: str = "") -> Iterator[str]:
    """With `limit_req` as its documentation has it: for plays, or for whatever is asked."""
    limit = "limit_req zone=plays burst=4 nodelay;"
    with (
        PlainSite() as site,
        behind_nginx(
            site.url,
            zones="limit_req_zone $binary_remote_addr zone=plays:1m rate=5r/s;",
            limits="" if place else limit,
            places=f"location ~ {place} {{ {limit} proxy_pass $site; }}" if place else "",
        ) as url,
    ):
        yield url


@contextmanager
def narrow_nginx() -> Iterator[str]:
    """Takes two at once."""
    zone = "limit_conn_zone $binary_remote_addr zone=at_once:1m;"
    with (
        SlowSite() as site,
        behind_nginx(site.url, zones=zone, limits="limit_conn at_once 2;") as url,
    ):
        yield url


@contextmanager
def private_nginx() -> Iterator[str]:
    """Of a private authority, and with few requests a connection."""
    with (
        PlainSite() as site,
        behind_nginx(site.url, limits="keepalive_requests 3;", tls=keys_of(AUTHORITY)) as url,
    ):
        yield url


@dataclass(frozen=True)
class Case:
    """What runs, its recipe, what has to be found and within which bounds its figure is; `program`:
    what it needs; `authority`: PEM of a private one."""

    start: Callable[[], AbstractContextManager[str]]
    recipe: Mapping[str, Any]
    expected: dict[FindingCode, tuple[float, float] | None]
    video: str = "harbour"
    program: str | None = None
    authority: str = ""


LIMITED = {FindingCode.COUNTS_ALL: None, FindingCode.LIMITS: (1.5, 15)}
SITES = {
    "django-hitcount": Case(hitcount_site, HITCOUNT, {FindingCode.COUNTS_ALL: None}),
    "django-hitcount, once a session": Case(
        hitcount_site, VISITED, {FindingCode.ONCE_PER_SESSION: None}
    ),
    "django-hitcount, once an address": Case(
        lambda: hitcount_site(HITCOUNT_HITS_PER_IP_LIMIT=1),
        HITCOUNT,
        {FindingCode.ONCE_PER_ADDRESS_FOR_LONG: None},
    ),
    "django-hitcount, once an address in 8 seconds": Case(
        lambda: hitcount_site(
            HITCOUNT_HITS_PER_IP_LIMIT=1, HITCOUNT_KEEP_HIT_ACTIVE={"seconds": 8}
        ),
        HITCOUNT,
        {FindingCode.ONCE_PER_ADDRESS: (3, 20)},
    ),
    # Its database takes a while, so that plays at once do meet.
    "WP-PostViews": Case(
        lambda: post_views_site(gap_seconds=0.05),
        POSTVIEWS,
        {FindingCode.LOSES_IN_PARALLEL: (10, 90)},
        video="2026/harbour",
        program="php",
    ),
    "GraphQL": Case(lambda: local(GraphQLSite()), GRAPHQL, {FindingCode.COUNTS_ALL: None}),
    "for members": Case(
        lambda: local(MembersSite()), WITHOUT_LOGIN, {FindingCode.NEEDS_LOGIN: (403, 403)}
    ),
    "limited": Case(lambda: local(PlainSite(limit=Limit(5, 4))), PlainSite.RECIPE, LIMITED),
    "nginx before plays": Case(
        lambda: limited_by_nginx("plays$"), PlainSite.RECIPE, LIMITED, program="nginx"
    ),
    "nginx before all": Case(limited_by_nginx, PlainSite.RECIPE, LIMITED, program="nginx"),
    "nginx, so many at once": Case(
        narrow_nginx,
        PlainSite.RECIPE,
        {FindingCode.COUNTS_ALL: None, FindingCode.LIMITS: (2, 200)},
        program="nginx",
    ),
    "nginx of a private authority": Case(
        private_nginx,
        PlainSite.RECIPE,
        {FindingCode.COUNTS_ALL: None},
        program="nginx",
        authority=AUTHORITY.cert_pem.bytes().decode(),
    ),
}


@pytest.fixture(scope="module")
def hurried() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "QUIET_TIMES", (*[0.0] * 8, 0.3, 0.6))
        patch.setattr(plan, "AFTER_TIMES", (0.0, 0.3))
        patch.setattr(plan, "APART_SECONDS", 0.05)
        patch.setattr(plan, "ONE_SECONDS", 1.0)
        patch.setattr(plan, "SHORT_PATIENCE", 1.5)
        patch.setattr(plan, "LONG_PATIENCE", 4.0)
        patch.setattr(plan, "LIMIT_WAIT", 1.5)
        patch.setattr(plan, "WINDOW_TIMES", (3, 6, 10))
        yield


def findings_of(case: Case, all_started: Barrier) -> list[Finding] | None:
    """Each try of a site that knows nothing of it. The first waits for all the others' sites: what
    starts takes the machine away from what is being measured."""
    adapter = sites.adapter("http", case.recipe, {"password": PASSWORD})
    is_first = True

    def calibrate() -> Record | None:
        nonlocal is_first
        with case.start() as url:
            if is_first:
                is_first = False
                all_started.wait(START_SECONDS)
            return calibrated(
                proved(url, authority=case.authority), adapter, case.video, TRY_SECONDS
            )

    return findings(calibrate, START_SECONDS + LAST_TRY_SECONDS)


@pytest.fixture(scope="module")
def found(hurried: None) -> dict[str, list[Finding] | None]:
    """They wait for most of their time, so they wait together."""
    started = {
        name: case
        for name, case in SITES.items()
        if case.program is None or FINDERS[case.program]()
    }
    barrier = Barrier(len(started))
    with ThreadPoolExecutor(len(started)) as pool:
        rows = pool.map(findings_of, started.values(), repeat(barrier))
        return dict(zip(started, rows, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", SITES)
def test_it_says_how_the_software_counts(found, name):
    case = SITES[name]
    if case.program:
        needed(case.program)
    if found[name] is None:
        pytest.skip("this machine is too busy: in each try a call took more than a second")
    codes = {row.code: row.params for row in found[name]}
    assert codes.keys() == case.expected.keys()
    for code, span in case.expected.items():
        if span is not None:
            (figure,) = codes[code].values()
            assert span[0] <= figure <= span[1]
