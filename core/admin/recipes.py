"""The recipe of a site of no known kind, as fields of the site's form: one line of words each, with
an error at its field. Secrets are written here and never shown again."""

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy as _

from booster.exceptions import SiteError
from booster.sites import Recipe, RecipeError, needs_recipe
from booster.sites.credentials import PARAMETER, without_credentials
from booster.sites.masking import DOTS
from booster.sites.recipe import MAX_STEPS
from booster.sites.recipe_fields import CREDENTIAL_HEADERS, METHODS, FieldError
from core.models import Site
from core.pages.amounts import WholeNumberField
from core.reasons import translate_error

PREFIX = "recipe_"
SECRETS = "new_secrets"
SECRET_LINE = re.compile(r"([A-Za-z0-9_-]{1,32})[ \t]*=[ \t]*(.*)")
SECRET_LENGTH = (4, 1000)
# A header and its value, as JSON or Python writes them.
CREDENTIAL = re.compile(
    rf"""(["'](?:{"|".join(sorted(CREDENTIAL_HEADERS))})["']\s*[,:]\s*)"""
    r"""(["'])(?!(?:\w+ )?\{)(?:\\.|(?!\2).)*\2""",
    re.IGNORECASE,
)
# Fields that do not make a step by themselves.
NO_STEP = ("method", "at_second")
TEXTAREA = {"class": "vLargeTextField", "rows": 3, "spellcheck": "false"}


class UnshownTextarea(forms.Textarea):
    """Never sends back what was typed, even if the form comes back."""

    def format_value(self, value: Any) -> str:
        return ""


def line(label: Any, help_text: Any = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"})
    return forms.CharField(
        label=label, help_text=help_text, required=False, widget=widget, strip=False
    )


def lines(label: Any, help_text: Any = "", **look: Any) -> forms.CharField:
    """`look`: attributes of the text area."""
    widget = forms.Textarea(attrs=TEXTAREA | look)
    return forms.CharField(label=label, help_text=help_text, required=False, widget=widget)


def method(label: Any, usual: str) -> forms.ChoiceField:
    choices = [(name, name) for name in METHODS]
    return forms.ChoiceField(label=label, required=False, choices=choices, initial=usual)


def flag(label: Any, help_text: Any = "") -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=help_text, required=False)


HEADERS_HELP = _("One per line: Name: value")
STEP: dict[str, Callable[[], forms.Field]] = {
    "method": partial(method, _("Method"), "GET"),
    "path": partial(
        line, _("Path"), _("Such as /login/ or /videos/{video_id}. Empty: there is no such step.")
    ),
    "at_second": partial(flag, _("At the second address")),
    "headers": partial(lines, _("Headers"), HEADERS_HELP),
    "body": partial(lines, _("Body"), _("Such as log=editor&pwd={secret:password}")),
    "accepted": partial(line, _("Accepted statuses"), _("Empty: 200, 201, 202, 204, 302, 303")),
    "cookies": partial(
        line, _("Cookies to keep"), _("Their names. Empty: all that the site sets.")
    ),
    "values": partial(
        lines,
        _("Values"),
        _(
            "One per line, for use as {token}: token: json data.token, or token: pattern "
            'name="nonce" value="(.+?)", or token: cookie csrftoken, or token: header X-Token'
        ),
    ),
}


def step_fields() -> dict[str, forms.Field]:
    steps = range(MAX_STEPS)
    return {f"{PREFIX}steps_{at}_{name}": make() for at in steps for name, make in STEP.items()}


class RecipeForm(forms.ModelForm):
    """Requires a recipe for the kinds of site that need one, and drops it for the others."""

    vars().update(step_fields())
    recipe_video_pattern = line(
        _("Video address"),
        _(
            "Regular expression on path and query; its group is the video's id: "
            "/watch/([\\w-]+). If the site needs a second part, name the groups video_id "
            "and key."
        ),
    )
    recipe_ignores_case = flag(
        _("Case-insensitive"),
        _(
            "Tick this if /watch/ABC and /watch/abc are the same video, as on most sites "
            "with MySQL; otherwise two orders could run on one counter."
        ),
    )
    recipe_count_method = method(_("Method of the count"), "GET")
    recipe_count_path = line(_("Path of the count"), _("Such as /api/videos/{video_id}"))
    recipe_count_headers = lines(_("Headers of the count"), HEADERS_HELP)
    recipe_count_body = lines(_("Body of the count"))
    recipe_count_json = line(
        _("Count in JSON"),
        _('data.views, data["a.b"], items[0].views, items[id={video_id}].views'),
    )
    recipe_count_marker = line(
        _("Or the text before the number"), _('As in the page\'s source: class="views">')
    )
    recipe_count_pattern = line(
        _("Or count in text"),
        _("Regular expression; its group, or the one named views, is the count."),
    )
    recipe_settle_seconds = WholeNumberField(
        label=_("Counter lag in seconds"),
        required=False,
        min_value=1,
        max_value=86_400,
        help_text=_(
            "Empty: 60. Orders wait that long; meanwhile, other people's views add to the counter."
        ),
    )
    recipe_count_in_session = flag(_("The counter, too, is read after these steps"))
    recipe_play_method = method(_("Method of a play"), "POST")
    recipe_play_path = line(
        _("Path of a play"),
        _(
            "May hold {video_id}, {key}, {order}, {sequence}, {play_key}, values of the preparing "
            "steps and {secret:name}. {{word}} is sent as {word}."
        ),
    )
    recipe_play_headers = lines(_("Headers of a play"), HEADERS_HELP)
    recipe_play_body = lines(
        _("Body of a play"), _("Sent as written here, with placeholders filled in.")
    )
    recipe_counted = line(
        _("Accepted statuses"),
        _(
            "Statuses that mean a play was received: 200, 201, 202, 204. A redirect may be one "
            "(301); it is not followed."
        ),
    )
    recipe_idempotent = flag(
        _("Counts a resent play only once"),
        _(
            "The site recognizes a play by {play_key} or {sequence}; plays whose outcome "
            "is unknown are then resent."
        ),
    )
    recipe_second_origin = line(
        _("Second address"),
        _(
            "Scheme, host and port of an API or CDN, such as https://api.example.com. It has to "
            "show the site's token as well, or nothing is sent anywhere."
        ),
    )
    recipe_count_at_second = flag(_("The counter is read there"))
    recipe_play_at_second = flag(_("Plays go there"))
    new_secrets = forms.CharField(
        label=_("Secrets"),
        required=False,
        strip=False,
        widget=UnshownTextarea(attrs={**TEXTAREA, "autocomplete": "off"}),
    )

    class Meta:
        model = Site
        fields = "__all__"  # noqa: DJ007  the admin class names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_secrets = dict(self.instance.secrets or {})
        self.stored_second = self.instance.second_origin
        if self.instance.recipe:
            for name, value in self._stored_fields().items():
                self.initial.setdefault(name, value)
        if SECRETS in self.fields:
            self.fields[SECRETS].help_text = secrets_help(self.stored_secrets)

    def _stored_fields(self) -> dict[str, Any]:
        """Without credentials, even if the recipe was saved before there were secrets."""
        try:
            recipe = Recipe.parse(self.instance.recipe)
        except RecipeError:
            return fields_of(self.instance.recipe)
        recipe, self.stored_secrets = without_credentials(recipe, self.stored_secrets)
        return fields_of(recipe.as_data())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.instance.recipe = cleaned["recipe"] = None
        self.instance.secrets = cleaned["secrets"] = None
        if not needs_recipe(cleaned.get("adapter", "")):
            return cleaned
        # The owner of another second address would receive the kept secrets.
        moves = cleaned.get("recipe_second_origin", "") not in ("", self.stored_second)
        kept = {} if moves else self.stored_secrets
        secrets = self._typed_secrets(cleaned.get(SECRETS, ""), kept)
        try:
            recipe, secrets = without_credentials(Recipe.parse(data_of(cleaned)), secrets)
        except RecipeError as error:
            for name, problem in error.problems.items():
                self.add_error(field_named(name), in_words(problem))
            return cleaned
        if missing := recipe.secrets - secrets.keys():
            text = gettext("The recipe needs secrets that are not set: %(names)s")
            if moves:
                text = gettext("The second address changed: enter these secrets again: %(names)s")
            self.add_error(SECRETS, text % {"names": ", ".join(sorted(missing))})
            return cleaned
        self.instance.recipe = cleaned["recipe"] = recipe.as_data()
        self.instance.secrets = cleaned["secrets"] = secrets or None
        return cleaned

    def _typed_secrets(self, text: str, kept: dict[str, str]) -> dict[str, str]:
        """The kept secrets, overwritten by the typed ones."""
        secrets = dict(kept)
        least, most = SECRET_LENGTH
        for number, typed in enumerate(text.splitlines(), 1):
            if not typed.strip():
                continue
            found = SECRET_LINE.fullmatch(typed.strip())
            if not found:
                where = gettext("Line %(number)s is not of the form: name = value")
                self.add_error(SECRETS, where % {"number": number})
            elif not found[2]:
                secrets.pop(found[1], None)
            elif not (least <= len(found[2]) <= most and found[2].isprintable()):
                where = gettext(
                    "Line %(number)s: a secret has %(least)s to %(most)s characters, none of them "
                    "a control character."
                )
                self.add_error(SECRETS, where % {"number": number, "least": least, "most": most})
            else:
                secrets[found[1]] = found[2]
        return secrets


def secrets_help(stored: dict[str, str]) -> str:
    text = gettext(
        "For {secret:name}: one per line, name = value. They are written here and never shown. A "
        "line with a new value replaces the old one; a line without a value removes it."
    )
    if not stored:
        return text
    names = ", ".join(sorted(stored))
    return f"{text} {gettext('Set now: %(names)s.') % {'names': names}}"


def in_words(problem: FieldError) -> str:
    sentence = gettext(problem.sentence)
    params = {
        name: translate_error(value) if isinstance(value, SiteError) else value
        for name, value in problem.params.items()
    }
    return sentence % params if params else sentence


# Between a recipe and its fields

COUNT = (
    *("video_pattern", "ignores_case", "count_method", "count_path", "count_headers"),
    *("count_body", "count_json", "count_marker", "count_pattern", "settle_seconds"),
)
PLAY = ("play_method", "play_path", "play_headers", "play_body", "counted", "idempotent")
SECOND = ("second_origin", "count_at_second", "play_at_second")


def fieldsets() -> list[tuple[Any, dict[str, Any]]]:
    found = [
        part(
            _("Recipe: the counter"),
            COUNT,
            _("How the counter is read. Fill in one of the three ways to find the number."),
        ),
        part(_("Recipe: a play"), PLAY),
        part(
            _("Recipe: a second address"),
            SECOND,
            _(
                "If the counter or the plays are on another host or port than the videos. "
                "Video addresses stay at the first."
            ),
            "collapse",
        ),
    ]
    titles = (
        _("Recipe: before the plays"),
        _("Recipe: second step before the plays"),
        _("Recipe: third step before the plays"),
    )
    about = _(
        "A page or a login that the site requires first, for a token or cookies. It is "
        "requested once for all plays, and again when the site answers 401 or 403."
    )
    for index, title in enumerate(titles):
        names = [f"steps_{index}_{name}" for name in STEP]
        if index == 0:
            names.append("count_in_session")
        found.append(part(title, names, "" if index else about, "collapse"))
    secrets = {"fields": (SECRETS,), "classes": ("desk-recipe",)}
    return [*found, (_("Recipe: secrets"), secrets)]


def part(
    title: Any, names: Iterable[str], description: Any = "", *classes: str
) -> tuple[Any, dict[str, Any]]:
    fields = [PREFIX + name for name in names]
    classes = ("desk-recipe", *classes)
    return title, {"fields": fields, "classes": classes, "description": description}


def data_of(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The form's values in the shape that Recipe.parse() takes."""
    data = {
        name.removeprefix(PREFIX): value
        for name, value in cleaned.items()
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}steps_")
    }
    steps: list[dict[str, Any]] = []
    for index in range(MAX_STEPS):
        step = {name: cleaned.get(f"{PREFIX}steps_{index}_{name}") for name in STEP}
        if any(value for name, value in step.items() if name not in NO_STEP):
            steps.append(step)
    return data | {"steps": steps}


def fields_of(data: dict[str, Any]) -> dict[str, Any]:
    found = {PREFIX + name: as_text(name, value) for name, value in data.items() if name != "steps"}
    for index, step in enumerate(data.get("steps") or ()):
        for name, value in step.items():
            found[f"{PREFIX}steps_{index}_{name}"] = as_text(name, value)
    return found


def field_named(name: str) -> str:
    """The form's field for a field of the recipe: steps.0.path is steps_0_path."""
    known = PREFIX + name.replace(".", "_")
    return known if known in RecipeForm.base_fields else PREFIX + "video_pattern"


def as_text(name: str, value: Any) -> Any:
    if name.endswith("headers"):
        pairs = value.items() if isinstance(value, dict) else value
        return "\n".join(f"{header}: {content}" for header, content in pairs)
    if name in ("counted", "accepted", "cookies"):
        return ", ".join(map(str, value))
    if name == "values":
        return "\n".join(f"{one['name']}: {one['source']} {one['place']}" for one in value)
    return value


def shown(data: dict[str, Any] | None) -> str:
    """A recipe for users who may only look: without credentials, whether or not it is valid."""
    if data is None:
        return "–"
    try:
        recipe, _secrets = without_credentials(Recipe.parse(data), {})
    except RecipeError:
        return without_credentials_in(json.dumps(data, ensure_ascii=False, indent=1))
    return json.dumps(recipe.as_data(), ensure_ascii=False, indent=1)


def without_credentials_in(text: str) -> str:
    """A recipe that some release kept as text."""
    text = CREDENTIAL.sub(rf"\1\2{DOTS}\2", text)
    return PARAMETER.sub(rf"\g<name>\g<equals>{DOTS}", text)
