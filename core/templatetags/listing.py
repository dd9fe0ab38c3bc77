"""A list's rows and its dates, in place of Django's own tags of the same purpose."""

from django import template

from core.admin.dates import date_hierarchy
from core.theme.result_list import result_list

register = template.Library()
register.inclusion_tag("desk/result_list.html", name="desk_result_list")(result_list)
register.inclusion_tag("admin/date_hierarchy.html", name="desk_date_hierarchy")(date_hierarchy)
