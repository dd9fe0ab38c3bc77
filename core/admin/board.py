"""Pages of the desk that belong to no model: the board."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from core.pages.dashboard import board
from core.permissions import Right, may


def pages(request: HttpRequest) -> list[dict[str, str]]:
    """Lines of the menu, for who may see what they show."""
    if not may(request.user, Right.SEE_ORDERS):
        return []
    return [{"name": _("Board"), "icon": "fas fa-project-diagram", "url": reverse("admin:board")}]


def board_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if not may(request.user, Right.SEE_ORDERS):
        raise PermissionDenied
    context |= {"title": _("Board"), "board": board.drawn()}
    return TemplateResponse(request, "dashboard/board.html", context)
