"""Uses of private or undocumented API, found in the source: `python -m tests.private_api`.

A use is one name in one file. Private is what begins with an underscore and is not ours, and what
the documentation of Django 5.2 (ref, topics, howto), huey, django-import-export, urllib3 and
requests does not name: whole modules (MODULES), names of documented ones (NAMES), attributes of
their objects (ATTRIBUTES, and whatever stands behind `.query.` of a queryset), and methods that a
class of ours overrides (METHODS).
"""

import ast
import functools
import importlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tests.trees import tree_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "booster", "office")
# The places that may: dialects and the ORM, the admin and its templates.
ROOMS = ("core/db/", "core/theme/")

WATCHED = ("django", "huey", "import_export", "requests", "simpleui", "urllib3")
MODULES = (
    *("django.contrib.admin.forms", "django.contrib.admin.helpers", "django.contrib.admin.options"),
    *("django.contrib.admin.templatetags", "django.contrib.admin.utils"),
    *("django.contrib.admin.views.autocomplete", "django.contrib.admin.widgets"),
    *("django.core.management.color", "django.db.models.sql"),
    *("django.forms.models", "django.http.request", "django.utils.crypto"),
    *("axes.helpers", "huey.consumer", "pygal.etree", "simpleui"),
)
NAMES = {
    "django.contrib.auth": {"HASH_SESSION_KEY", "SESSION_KEY"},
    "django.db.models.expressions": {"Col"},
    "django.utils": {"dateformat"},
    "django.utils.formats": {"get_format", "number_format"},
    "django.utils.functional": {"SimpleLazyObject"},
    "django.utils.html": {"Urlizer"},
    "django.utils.text": {"Truncator", "capfirst"},
}
ATTRIBUTES = {
    # The ORM's and the connection's.
    *("add_update_values", "chunked_cursor", "clear_where", "complex_filter", "concrete_fields"),
    *("constraint_checks_disabled", "ensure_connection", "features", "flatchoices"),
    *("get_compiler", "get_converters", "get_limit_choices_to", "insert_values", "introspection"),
    *("local_concrete_fields", "ops", "returning_fields", "sequence_reset_sql"),
    # The admin's and the forms'.
    *("MediaDefiningClass", "formfield_callback", "get_preserved_filters"),
    *("INTERNAL_RESET_SESSION_TOKEN", "render_tree"),
}
METHODS = {
    *("autocomplete_view", "changeform_view", "construct_change_message", "get_ordering_field"),
    *("get_results", "log_addition", "render_change_form", "response_post_save_add"),
    *("save_form", "serialize_result"),
}
# Named by Django's documentation or by Python's (enum, os), underscore and all.
DOCUMENTED = {"_base_manager", "_default_manager", "_exit", "_meta", "_state", "_value_"}
# Programs: to import them starts threads and settings of a server.
SERVERS = {"asgi.py"}


@dataclass(frozen=True, slots=True, order=True)
class Use:
    file: str
    name: str


def main() -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "office.settings")
    django.setup()
    importlib.import_module("office.urls")
    found = sorted(uses())
    for use in found:
        print(f"{' ' if is_allowed(use) else '!'} {use.file}: {use.name}")
    outside = sum(not is_allowed(use) for use in found)
    print(f"{len(found)} uses, {outside} of them outside {', '.join(ROOMS)}")
    for file, number in Counter(use.file for use in found).most_common():
        print(f"{number:4} {file}")
    return 0


@functools.cache
def uses() -> set[Use]:
    trees = {path: tree_of(path) for path in sources()}
    own = {name for tree in trees.values() for name in own_names(tree)}
    return {
        Use(str(path.relative_to(ROOT)), name)
        for path, tree in trees.items()
        for name in private_names(tree, own, inherited_in(path))
    }


def is_allowed(use: Use) -> bool:
    return use.file.startswith(ROOMS)


def sources() -> list[Path]:
    """Ours, without migrations, which are history, and programs, which run when imported."""
    found = (path for top in PACKAGES for path in sorted((ROOT / top).rglob("*.py")))
    return [path for path in found if not {"migrations", "__main__.py"} & set(path.parts)]


def inherited_in(path: Path) -> set[str]:
    """Nothing where importing it starts a server's threads and settings."""
    return set() if path.name in SERVERS else inherited_by(module_of(path))


def module_of(path: Path) -> ModuleType:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return importlib.import_module(name.removesuffix(".__init__"))


def inherited_by(module: ModuleType) -> set[str]:
    """What begins with an underscore in the classes of others that a module's are made of."""
    return {
        name
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__
        for base in thing.__mro__
        if base.__module__.split(".")[0] in WATCHED
        for name in vars(base)
        if is_private(name)
    }


def own_names(tree: ast.AST) -> Iterator[str]:
    """What our classes and modules define themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and is_self(node.value):
            yield node.attr


def private_names(tree: ast.AST, own: set[str], inherited: set[str]) -> Iterator[str]:
    ours = own - inherited
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [alias.name for alias in node.names]
            yield from (f"{node.module}.{n}" for n in names if is_private_import(node.module, n))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if is_private_import(alias.name, ""))
        elif isinstance(node, ast.Attribute):
            if is_behind_query(node):
                yield f"query.{node.attr}"
            elif node.attr in ATTRIBUTES or is_private(node.attr, ours):
                yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from (name for name in defined_in(node) if name in METHODS | inherited)
        elif isinstance(node, ast.Constant) and node.value in inherited:
            yield str(node.value)  # getattr, setattr, patches


def is_private(name: str, own: set[str] | frozenset[str] = frozenset()) -> bool:
    return name[:1] == "_" and name[:2] != "__" and name not in own and name not in DOCUMENTED


def is_private_import(module: str, name: str) -> bool:
    if module.split(".")[0] in PACKAGES:
        return False
    full = f"{module}.{name}"
    of_module = any(f"{full}.".startswith(f"{one}.") for one in MODULES)
    return of_module or name in NAMES.get(module, ()) or is_private(name)


def is_behind_query(node: ast.Attribute) -> bool:
    """`rows.query.where`; the `query` of a form or a list is a text."""
    behind = node.value
    return isinstance(behind, ast.Attribute) and behind.attr == "query" and node.attr != "strip"


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def defined_in(node: ast.ClassDef) -> Iterator[str]:
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            yield one.name


if __name__ == "__main__":
    sys.exit(main())
