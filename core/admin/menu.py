"""The menu of the desk: home, the site's own pages, and the models of SIMPLEUI_ICON, each for who
may see it.

Only these models are asked, and not all that the admin knows: every page draws the menu. A page of
the site's own is open to those who find it here.
"""

from collections.abc import Iterator
from functools import cache

from django.apps import apps
from django.conf import settings
from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.permissions import Right, may
from core.theme.links import address_of

Line = dict[str, str]  # name, icon, url
# The site's own pages by the names of their addresses: label, icon, and who may see them.
PAGES = {
    "board": (gettext_lazy("Board"), "fas fa-project-diagram", Right.SEE_ORDERS),
    "queue": (gettext_lazy("Queue"), "fas fa-stream", Right.SEE_ORDERS),
    "pauses": (gettext_lazy("Pauses"), "fas fa-pause-circle", Right.SEE_SITES),
}


def menu(site: AdminSite, request: HttpRequest) -> Iterator[Line]:
    yield {"name": _("Home"), "icon": "fas fa-home", "url": address_of("admin:home")}
    for page, (label, icon, right) in PAGES.items():
        if may(request.user, right):
            yield {"name": str(label), "icon": icon, "url": address_of(f"admin:{page}")}
    for name, icon in settings.SIMPLEUI_ICON.items():
        model = models_by_name()[name]
        admin, options = site.get_model_admin(model), model._meta
        if admin.has_view_permission(request):
            page = "changelist"
        elif admin.has_add_permission(request):
            page = "add"
        else:
            continue
        url = address_of(f"admin:{options.app_label}_{options.model_name}_{page}")
        yield {"name": str(options.verbose_name_plural), "icon": icon, "url": url}


@cache
def models_by_name() -> dict[str, type[Model]]:
    return {model.__name__: model for model in apps.get_models()}
