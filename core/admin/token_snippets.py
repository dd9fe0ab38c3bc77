"""How a site shows its token, for the servers and frameworks that sites run on: ready to paste."""

from django.utils.translation import gettext as _

from booster.net.address import Origin
from booster.ownership.tokens import file_path, record_of
from core.models import Site

NGINX = """location = {path} {{
    default_type text/plain;
    return 200 "{token}";
}}"""

APACHE = """# printf %s {token} > /var/www/booster-office.txt
Alias "{path}" "/var/www/booster-office.txt"
<Files "booster-office.txt">
    Require all granted
</Files>"""

CADDY = """respond {path} "{token}" 200"""

WORDPRESS = """<?php
// wp-content/mu-plugins/booster-office.php
add_action('init', function () {{
    if (strtok($_SERVER['REQUEST_URI'], '?') === '{path}') {{
        header('Content-Type: text/plain');
        exit('{token}');
    }}
}}, 0);"""

DJANGO = """# urls.py
from django.http import HttpResponse
from django.urls import path

urlpatterns += [
    path("{name}", lambda request: HttpResponse("{token}", content_type="text/plain")),
]"""

DNS = """{record}. 300 IN TXT "{token}\""""


def snippets_of(site: Site) -> list[tuple[str, str]]:
    """For each kind of server its name and what to paste there, with this site's token."""
    path = file_path(site.token)
    addresses = [address for address in (site.origin, site.second_origin) if address]
    found = [
        ("nginx", NGINX),
        ("Apache", APACHE),
        ("Caddy", CADDY),
        ("WordPress", WORDPRESS),
        ("Django", DJANGO),
    ]
    values = {"path": path, "name": path.lstrip("/"), "token": site.token}
    pasted = [(name, text.format(**values)) for name, text in found]
    records = [record for one in addresses if (record := record_of(Origin.parse(one)))]
    if records:
        lines = [DNS.format(record=record, token=site.token) for record in records]
        pasted.append((_("DNS zone"), "\n".join(lines)))
    return pasted
