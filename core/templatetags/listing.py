"""A list's rows and its dates, in place of Django's own tags of the same purpose."""

from typing import Any

from django import template

from core.admin import dates
from core.theme import result_list

register = template.Library()


@register.inclusion_tag("desk/result_list.html")
def desk_result_list(cl: Any) -> dict[str, Any]:
    return result_list.result_list(cl)


@register.inclusion_tag("admin/date_hierarchy.html")
def desk_date_hierarchy(cl: Any) -> dict[str, Any]:
    return dates.date_hierarchy(cl)
