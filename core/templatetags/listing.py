"""A list's rows and its dates, in place of Django's own tags of the same purpose."""

from typing import Any

from django import template
from django.contrib.admin.templatetags import admin_list

from core.admin import dates, drawing
from core.admin.listing import DeskChangeList

register = template.Library()


@register.inclusion_tag("desk/result_list.html")
def desk_result_list(cl: Any) -> dict[str, Any]:
    return drawing.result_list(cl)


@register.inclusion_tag("admin/date_hierarchy.html")
def desk_date_hierarchy(cl: Any) -> dict[str, Any]:
    """Lists of other packages know neither caps nor plans: those get Django's own."""
    if isinstance(cl, DeskChangeList):
        return dates.date_hierarchy(cl)
    return admin_list.date_hierarchy(cl) or {"show": False}
