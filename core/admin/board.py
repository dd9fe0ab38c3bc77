"""Pages of the desk that belong to no model: the board."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from core.pages.dashboard import board
from core.permissions import Right, may
from core.reports import dashboard, rollups


def pages(request: HttpRequest) -> list[dict[str, Any]]:
    """Lines of the menu, for who may see what they show."""
    if not may(request.user, Right.SEE_ORDERS):
        return []
    name, icon = _("Board"), "fas fa-project-diagram"
    crumbs = [{"name": name, "icon": icon}]
    url = reverse("admin:board")
    return [{"eid": "board", "name": name, "icon": icon, "url": url, "breadcrumbs": crumbs}]


def board_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if not may(request.user, Right.SEE_ORDERS):
        raise PermissionDenied
    try:
        context["board"] = board.board_of(dashboard.orders_by_status())
    except rollups.NotCountedYetError:
        context["counting"] = True
    return TemplateResponse(request, "dashboard/board.html", context | {"title": _("Board")})
