"""What a site's page offers to paste shows the very token, at the very place."""

import pytest
from django.test import RequestFactory
from django.urls import URLPattern

from booster.ownership.tokens import file_path, record_name
from core.admin.site_ownership import snippets_of
from core.models import Site
from tests.base import client_of


@pytest.fixture
def snippets(harbour: Site) -> dict[str, str]:
    return dict(snippets_of(harbour))


def test_each_names_the_tokens_place_and_the_token(harbour, snippets):
    assert set(snippets) == {"nginx", "Apache", "Caddy", "WordPress", "Django", "DNS zone"}
    for name, text in snippets.items():
        place = (
            record_name("videos.example.com") if name == "DNS zone" else file_path(harbour.token)
        )
        assert place.lstrip("/") in text
        assert text.replace(place.lstrip("/"), "").count(harbour.token) == 1


def test_djangos_serves_the_token_and_nothing_else(harbour, snippets):
    urls: dict[str, list[URLPattern]] = {"urlpatterns": []}
    exec(snippets["Django"], urls)
    [pattern] = urls["urlpatterns"]
    assert pattern.pattern.match(file_path(harbour.token).lstrip("/"))
    answered = pattern.callback(RequestFactory().get("/"))
    assert answered.content.decode() == harbour.token
    assert answered["Content-Type"] == "text/plain"


def test_an_address_without_a_name_has_no_record(site):
    assert "DNS zone" not in dict(snippets_of(site))


def test_over_http_a_record_is_not_offered(harbour):
    harbour.origin = "http://videos.example.com"
    assert "DNS zone" not in dict(snippets_of(harbour))


def test_a_sites_page_offers_them(desk, carol, site):
    for client in (desk, client_of(carol)):
        page = client.get(f"/admin/core/site/{site.pk}/change/").content.decode()
        assert "location = /booster-office-" in page
        assert "mu-plugins" in page
