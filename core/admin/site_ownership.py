"""What a site's page says about ownership, and the list of all looks at tokens."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from booster.net.address import Origin
from booster.ownership.tokens import file_path, record_of, well_known_path
from core.admin import cells
from core.admin.base import ViewOnlyAdmin
from core.admin.site_trust import authorities_of
from core.models import Site, SiteCheck
from core.pages import display

CHECKS_SHOWN = 10
# How a site shows its token, ready to paste, by server or framework.
SNIPPETS = {
    "nginx": """location = {path} {{
    default_type text/plain;
    return 200 "{token}";
}}""",
    "Apache": """# printf %s {token} > /var/www/booster-office.txt
Alias "{path}" "/var/www/booster-office.txt"
<Files "booster-office.txt">
    Require all granted
</Files>""",
    "Caddy": """respond {path} "{token}" 200""",
    "WordPress": """<?php
// wp-content/mu-plugins/booster-office.php
add_action('init', function () {{
    if (strtok($_SERVER['REQUEST_URI'], '?') === '{path}') {{
        header('Content-Type: text/plain');
        exit('{token}');
    }}
}}, 0);""",
    "Django": """# urls.py
from django.http import HttpResponse
from django.urls import path

urlpatterns += [
    path("{name}", lambda request: HttpResponse("{token}", content_type="text/plain")),
]""",
}
DNS = """{record}. 300 IN TXT "{token}\""""


def outcome_tag(check: SiteCheck) -> SafeString:
    tone = display.OUTCOME_TONES.get(check.outcome, display.UNKNOWN)
    return display.tag(check.get_outcome_display(), tone)


@admin.register(SiteCheck)
class SiteCheckAdmin(ViewOnlyAdmin):
    list_display = ("create_date", "site", "shown_outcome", "method", "shown_reason", "creator")
    shown_outcome = cells.shown(gettext_lazy("outcome"), outcome_tag)
    shown_reason = cells.reason(gettext_lazy("reason"))
    list_select_related = ("site", "creator")
    list_filter = ("outcome", "site")
    # Every run of an order looks, so there are as many as orders.
    sortable_by = ("create_date",)
    date_hierarchy = "create_date"
    fields = ("site", "create_date", "outcome", "method", "shown_reason", "creator")


def ownership_of(site: Site) -> dict[str, Any]:
    """Where the token has to be, and what the latest looks at it found."""
    checks = site.checks.select_related("creator")[:CHECKS_SHOWN]
    return {
        "places": places_of(site),
        "authorities": authorities_of(site),
        "download": reverse("admin:core_site_token", args=[site.pk]),
        "snippets": snippets_of(site),
        "checks": [(check, outcome_tag(check)) for check in checks],
    }


def places_of(site: Site) -> list[dict[str, str]]:
    """The files, and the DNS record that may replace them; "" if there can be none."""
    origins = [Origin.parse(one) for one in (site.origin, site.second_origin) if one]
    return [
        {
            "url": f"{origin}{file_path(site.token)}",
            "well_known": f"{origin}{well_known_path(site.token)}",
            "record": record_of(origin),
        }
        for origin in origins
    ]


def snippets_of(site: Site) -> list[tuple[str, str]]:
    """Each kind of server: its name, and what to paste there."""
    path = file_path(site.token)
    values = {"path": path, "name": path.lstrip("/"), "token": site.token}
    pasted = [(name, text.format(**values)) for name, text in SNIPPETS.items()]
    if records := [place["record"] for place in places_of(site) if place["record"]]:
        lines = [DNS.format(record=record, token=site.token) for record in records]
        pasted.append((_("DNS zone"), "\n".join(lines)))
    return pasted
