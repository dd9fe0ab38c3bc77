"""What a calibration says of software that counts for real, before anything is sold there: over the
wire, by the recipes that are shipped, with waits that are shorter than in life."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from booster import sites
from booster.proof.calibration import Finding, FindingCode, Record, plan
from tests.counting_site import Limit
from tests.processes import Process, folder, free_port
from tests.real_sites import hitcount_site
from tests.real_sites.local import (
    PASSWORD,
    GraphQLSite,
    LocalSite,
    MembersSite,
    PlainSite,
    PostViewsSite,
)
from tests.test_sessions import GRAPHQL, MEMBERS
from tests.wire_calibration import calibrated, findings

HITCOUNT = sites.shipped("django-hitcount").recipe
# Keeps what the site keeps of its visitors.
VISITED = HITCOUNT | {
    "steps": [HITCOUNT["steps"][0] | {"path": "/visited/{video_id}/", "cookies": []}]
}
POSTVIEWS = sites.shipped("wordpress-postviews").recipe
WITHOUT_LOGIN = {name: MEMBERS[name] for name in MEMBERS if name not in ("steps", "play_headers")}
# When a last try of what was unclear may begin, and how long one may take.
LAST_TRY_SECONDS, TRY_SECONDS = 60.0, 30.0
VIDEOS = {"WP-PostViews": "2026/harbour"}
NGINX = shutil.which("nginx")


@contextmanager
def local(site: LocalSite) -> Iterator[str]:
    with site:
        yield site.url


def slow_post_views() -> LocalSite:
    """Of a database that takes a while, so that plays at once do meet."""
    site = PostViewsSite()
    site.GAP_SECONDS = 0.05
    return site


@contextmanager
def behind_nginx(site: LocalSite, where: str) -> Iterator[str]:
    """With `limit_req` as its documentation has it: for plays, or for whatever is asked."""
    port, home = free_port(), folder("nginx")
    limit = "limit_req zone=plays burst=4 nodelay;"
    user = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(
        f"{name}_temp_path {home}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"{user} daemon off; pid {home}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n"
        f"limit_req_zone $binary_remote_addr zone=plays:1m rate=5r/s;\n"
        f"server {{ listen 127.0.0.1:{port}; {limit if where == '/' else ''}\n"
        f"location / {{ proxy_pass {site.url}; }}\n"
        f"location ~ plays$ {{ {limit} proxy_pass {site.url}; }} }} }}\n"
    )
    assert NGINX is not None
    with site, Process([NGINX, "-c", Path(home) / "nginx.conf"], name="nginx", ready=port):
        yield f"http://127.0.0.1:{port}"


Started = Callable[[], AbstractContextManager[str]]
# What runs, its recipe, what has to be found, and within which bounds its figure is.
SITES: dict[
    str, tuple[Started, Mapping[str, Any], dict[FindingCode, tuple[float, float] | None]]
] = {
    "django-hitcount": (hitcount_site, HITCOUNT, {FindingCode.COUNTS_ALL: None}),
    "django-hitcount, once a session": (
        hitcount_site,
        VISITED,
        {FindingCode.ONCE_PER_SESSION: None},
    ),
    "django-hitcount, once an address": (
        lambda: hitcount_site(HITCOUNT_HITS_PER_IP_LIMIT=1),
        HITCOUNT,
        {FindingCode.ONCE_PER_ADDRESS_FOR_LONG: None},
    ),
    "django-hitcount, once an address in 8 seconds": (
        lambda: hitcount_site(
            HITCOUNT_HITS_PER_IP_LIMIT=1, HITCOUNT_KEEP_HIT_ACTIVE={"seconds": 8}
        ),
        HITCOUNT,
        {FindingCode.ONCE_PER_ADDRESS: (3, 20)},
    ),
    "WP-PostViews": (
        lambda: local(slow_post_views()),
        POSTVIEWS,
        {FindingCode.LOSES_IN_PARALLEL: (10, 90)},
    ),
    "GraphQL": (lambda: local(GraphQLSite()), GRAPHQL, {FindingCode.COUNTS_ALL: None}),
    "for members": (
        lambda: local(MembersSite()),
        WITHOUT_LOGIN,
        {FindingCode.NEEDS_LOGIN: (403, 403)},
    ),
    "limited": (
        lambda: local(PlainSite(limit=Limit(5, 4))),
        PlainSite.RECIPE,
        {FindingCode.COUNTS_ALL: None, FindingCode.LIMITS: (1.5, 15)},
    ),
}
if NGINX:
    LIMITED: dict[FindingCode, tuple[float, float] | None]
    LIMITED = {FindingCode.COUNTS_ALL: None, FindingCode.LIMITS: (1.5, 15)}
    SITES["nginx before plays"] = (
        lambda: behind_nginx(PlainSite(), "plays"),
        PlainSite.RECIPE,
        LIMITED,
    )
    SITES["nginx before all"] = lambda: behind_nginx(PlainSite(), "/"), PlainSite.RECIPE, LIMITED


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


def findings_of(name: str) -> list[Finding] | None:
    """Each try of a site that knows nothing of it."""
    start, recipe, _expected = SITES[name]
    adapter = sites.adapter("http", recipe, {"password": PASSWORD})

    def calibrate() -> Record | None:
        with start() as url:
            return calibrated(url, adapter, VIDEOS.get(name, "harbour"), TRY_SECONDS)

    return findings(calibrate, LAST_TRY_SECONDS)


@pytest.fixture(scope="module")
def found(hurried: None) -> dict[str, list[Finding] | None]:
    """They wait for most of their time, so they wait together."""
    with ThreadPoolExecutor(len(SITES)) as pool:
        return dict(zip(SITES, pool.map(findings_of, SITES), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", SITES)
def test_it_says_how_the_software_counts(found, name):
    expected = SITES[name][2]
    if found[name] is None:
        pytest.skip("this machine is too busy: in each try a call took more than a second")
    codes = {row.code: row.params for row in found[name]}
    assert codes.keys() == expected.keys()
    for code, span in expected.items():
        if span is not None:
            (figure,) = codes[code].values()
            assert span[0] <= figure <= span[1]
