"""simpleui's tag library, loaded in its place: `OPTIONS["libraries"]` maps `simpletags` to here.

Law: nothing that a user typed reaches a page as markup or as script. simpleui writes raw JSON into
<script>, so none of its tags is here; these are for our templates.
"""

import datetime
import math

from django import template
from django.template import Context

from core.theme.links import address_of

register = template.Library()


@register.simple_tag(takes_context=True)
def menu_lines(context: Context) -> list[dict[str, str]]:
    """The lines of `menu` with `current`, for aria-current: "page" on a line's own page, "true" on
    a page below it."""
    lines = [{**line, "current": ""} for line in context["menu"]()]
    path = context["request"].path
    if path == address_of("admin:index"):
        path = address_of("admin:home")
    over = [line for line in lines if path.startswith(line["url"])]
    if over:
        here = max(over, key=lambda line: len(line["url"]))
        here["current"] = "page" if here["url"] == path else "true"
    return lines


@register.filter
def minutes(span: datetime.timedelta) -> int:
    """Whole minutes, rounded up: 61 seconds are two."""
    return math.ceil(span / datetime.timedelta(minutes=1))


@register.simple_tag(takes_context=True)
def action_buttons(context: Context) -> list[dict[str, str]]:
    """The list's actions as {name, label, type}. `type`: an attribute of the action's function, one
    of element-ui's (primary, success, warning, danger)."""
    model_admin, request = context["cl"].model_admin, context["request"]
    opts = model_admin.opts
    names = {"verbose_name": opts.verbose_name, "verbose_name_plural": opts.verbose_name_plural}
    return [
        {
            "name": name,
            "label": description % names,
            "type": getattr(function, "type", "danger" if name == "delete_selected" else ""),
        }
        for function, name, description in model_admin.get_actions(request).values()
    ]
