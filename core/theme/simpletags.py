"""simpleui's tag library, loaded in its place: `OPTIONS["libraries"]` maps `simpletags` to here.

Law: nothing that a user typed reaches a page as markup or as script. simpleui writes raw JSON into
<script>; each of those tags is replaced by one that escapes, or taken away.
"""

import datetime
import json
import math
from typing import Any

from django import template
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context
from django.urls import reverse
from django.utils.html import conditional_escape, escapejs, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from simpleui.templatetags import simpletags

from core.theme.links import with_filters

# ensure_ascii has escaped U+2028 and U+2029 already.
SCRIPT_ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&"}
# simpleui names its scripts after regions; for any language it lacks it speaks English.
SIMPLEUI_LOCALES = {"zh-hans": "zh-hans"}
# Tags that write raw JSON into scripts of templates that ours replace.
DANGEROUS = ("context_test", "context_to_json", "custom_button", "load_dates", "search_placeholder")

register = template.Library()
register.tags.update(
    {name: tag for name, tag in simpletags.register.tags.items() if name not in DANGEROUS}
)
register.filters.update(simpletags.register.filters)


@register.simple_tag(takes_context=True)
def load_message(context: Context) -> SafeString:
    """The waiting messages for a page that shows them as HTML, so they are escaped as HTML too.

    What was built with format_html stays as it is.
    """
    messages = [
        {"msg": conditional_escape(message.message), "tag": message.tags}
        for message in context.get("messages") or ()
    ]
    return format_html("<script>var messages = {};</script>", script_json(messages))


@register.simple_tag(takes_context=True)
def menus(context: Context) -> SafeString:
    """The menu: the site's own pages and the models of SIMPLEUI_ICON that this user may see, one
    line each.

    `app_list` comes from the admin site, which has asked for the permissions.
    """
    models = {
        model["object_name"]: model
        for app in context.get("app_list") or ()
        for model in app["models"]
    }
    lines = [
        menu_line(models[name], icon)
        for name, icon in settings.SIMPLEUI_ICON.items()
        if name in models
    ]
    lines = [*(context.get("pages") or ()), *lines]
    return format_html("<script>var menus = {};</script>", script_json(lines))


@register.simple_tag(takes_context=True)
def home_page(context: Context) -> str:
    """What the first tab shows; simpleui's own home page has no place for it."""
    context["home"] = reverse("admin:home")
    context["title"] = _("Home")
    context["icon"] = "fas fa-home"
    return ""


@register.simple_tag(name="get_language")
def simpleui_language() -> str:
    """The name of simpleui's script for the language of this request, not of the settings."""
    return SIMPLEUI_LOCALES.get(get_language() or "", "en-us")


@register.filter
def get_language_code(_value: object) -> str:
    return simpleui_language()


@register.filter
def get_config(name: str) -> Any:
    """A setting for simpleui's templates, with the language of this request."""
    if name == "LANGUAGE_CODE":
        return get_language() or settings.LANGUAGE_CODE
    return getattr(settings, name, None)


@register.filter
def minutes(span: datetime.timedelta) -> int:
    """Whole minutes that are surely enough: 61 seconds are two."""
    return math.ceil(span / datetime.timedelta(minutes=1))


@register.simple_tag(takes_context=True)
def get_model_url(context: Context) -> SafeString:
    """The model's list as it was filtered, for use inside a script's quotes."""
    return mark_safe(escapejs(changelist_url(context)))  # noqa: S308


@register.simple_tag(takes_context=True)
def get_previous_url(context: Context) -> SafeString:
    """Where Back leads: the list, and never the Referer, which any site can choose."""
    return get_model_url(context)


@register.simple_tag(takes_context=True)
def action_buttons(context: Context) -> list[dict[str, str]]:
    """The list's actions as {name, label, icon, type, confirm}.

    An action sets the last three as attributes of its function; `type` is one of element-ui's
    (primary, success, warning, danger), `confirm` a question asked before it runs.
    """
    model_admin, request = context["cl"].model_admin, context["request"]
    opts = model_admin.opts
    names = {"verbose_name": opts.verbose_name, "verbose_name_plural": opts.verbose_name_plural}
    return [
        {
            "name": name,
            "label": description % names,
            "icon": getattr(function, "icon", ""),
            "type": getattr(function, "type", "danger" if name == "delete_selected" else ""),
            "confirm": getattr(function, "confirm", ""),
        }
        for function, name, description in model_admin.get_actions(request).values()
    ]


def script_json(value: Any) -> SafeString:
    """JSON that can stand in a <script>: it holds no "<", so the script cannot be ended early."""
    text = json.dumps(value, cls=DjangoJSONEncoder).translate(SCRIPT_ESCAPES)
    return mark_safe(text)  # noqa: S308


def menu_line(model: dict[str, Any], icon: str) -> dict[str, Any]:
    name = model["name"]
    return {
        "eid": model["object_name"],
        "name": name,
        "icon": icon,
        "url": model["admin_url"] or model["add_url"],
        "breadcrumbs": [{"name": name, "icon": icon}],
    }


def changelist_url(context: Context) -> str:
    opts = context["opts"]
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return with_filters(url, opts, context.get("preserved_filters") or "")
