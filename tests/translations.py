"""The catalogues in step with the code: `python -m tests.translations` brings them into step,
`--check` says what is missing, left over, or broken, and ends with 1.

gettext's own programs are not needed: messages are found by Python's and Django's own parsers.
django.po has the office's texts. djangojs.po has those of the scripts of Django's admin that Django
itself does not translate, or that we say in other words.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
from django.contrib import admin
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("core", "booster", "office")
WORDS = ROOT / "tests" / "translated_words.py"
CATALOGUES = sorted((ROOT / "core" / "locale").glob("*/LC_MESSAGES/*.po"))
ADMIN = Path(admin.__file__).parent
SINGULAR = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
# What the adapters, which know no Django, say to the staff.
ATTRIBUTES = {"label", "notes"}
IN_TEMPLATE = re.compile(r"\b(n?gettext)\((.*?)\)(?=\s|$)", re.DOTALL)
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_SCRIPT = re.compile(rf"\b(n?gettext)(\(\s*{_QUOTED}(?:,\s*{_QUOTED})?)")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}")

Message = tuple[str, str | None]


def messages(catalogue: Path) -> tuple[dict[Message, list[str]], set[Message]]:
    """(singular, plural or None) -> the files it stands in, of all texts that the catalogue may
    have; and those that it has to have."""
    if catalogue.stem == "django":
        own = _own_messages()
        return own, set(own)
    scripts = _messages_of_scripts()
    theirs = ADMIN / "locale" / catalogue.parts[-3] / "LC_MESSAGES" / "djangojs.mo"
    translated = map(_message_of, polib.mofile(theirs) if theirs.exists() else ())
    return scripts, scripts.keys() - set(translated)


def _own_messages() -> dict[Message, list[str]]:
    found: dict[Message, list[str]] = {}
    paths = [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*"))]
    for path in (*paths, WORDS):
        if "migrations" in path.parts or not path.is_file():
            continue
        for message in _messages_of(path):
            found.setdefault(message, []).append(str(path.relative_to(ROOT)))
    return found


def _messages_of_scripts() -> dict[Message, list[str]]:
    found: dict[Message, list[str]] = {}
    for path in sorted((ADMIN / "static" / "admin" / "js").glob("*.js")):
        for name, texts in IN_SCRIPT.findall(path.read_text("utf-8")):
            for message in _in_python(ast.parse(f"{name}{texts})")):
                found.setdefault(message, []).append("django/contrib/admin")
    return found


def _messages_of(path: Path) -> Iterator[Message]:
    if path.suffix == ".py":
        yield from _in_python(ast.parse(path.read_text("utf-8")))
    elif path.suffix in (".html", ".txt") and "templates" in path.parts:
        source = templatize(path.read_text("utf-8"))
        if "pgettext(" in source:
            raise ValueError(f"{path}: texts with a context are not in the catalogues")
        for name, arguments in IN_TEMPLATE.findall(source):
            yield from _in_python(ast.parse(f"{name}({arguments})"))
    elif path.suffix == ".json" and path.parent.name == "recipes":
        yield json.loads(path.read_text("utf-8"))["notes"], None


def _in_python(tree: ast.AST) -> Iterator[Message]:
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                if name in ATTRIBUTES and text:
                    yield text, None
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        if name in SINGULAR and texts and isinstance(texts[0], str):
            yield texts[0], None
        elif name in PLURAL and len(texts) >= 2:
            yield texts[0], texts[1]


def update(catalogue: Path) -> None:
    """Add what is new, drop what is gone, compile."""
    known, needed = messages(catalogue)
    old = {_message_of(entry): entry for entry in polib.pofile(catalogue)}
    wanted = {message: known[message] for message in known if message in needed or message in old}
    new = polib.POFile(wrapwidth=100)
    new.metadata = polib.pofile(catalogue).metadata
    for message, files in sorted(wanted.items(), key=lambda item: (item[1][0], item[0][0])):
        entry = old.get(message) or _empty(message)
        entry.occurrences = [(name, "") for name in dict.fromkeys(files)]
        new.append(entry)
    new.save(catalogue)
    new.save_as_mofile(catalogue.with_suffix(".mo"))


def _message_of(entry: polib.POEntry) -> Message:
    return entry.msgid, entry.msgid_plural or None


def _empty(message: Message) -> polib.POEntry:
    singular, plural = message
    if plural is None:
        return polib.POEntry(msgid=singular)
    return polib.POEntry(msgid=singular, msgid_plural=plural, msgstr_plural={0: ""})


def faults(catalogue: Path) -> Iterator[str]:
    """What is wrong with a catalogue, each in a line."""
    known, needed = messages(catalogue)
    entries = {_message_of(entry): entry for entry in polib.pofile(catalogue)}
    for message in needed - entries.keys():
        yield f"missing: {message[0]!r} ({known[message][0]})"
    for message in entries.keys() - known.keys():
        yield f"left over: {message[0]!r}"
    for entry in entries.values():
        texts = list(entry.msgstr_plural.values()) or [entry.msgstr]
        for text in texts:
            if not text or entry.fuzzy:
                yield f"not translated: {entry.msgid!r}"
            elif set(PLACEHOLDER.findall(text)) != set(
                PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)
            ):
                yield f"other placeholders: {entry.msgid!r} -> {text!r}"
    compiled = polib.mofile(catalogue.with_suffix(".mo"))
    if {e.msgid: (e.msgstr, e.msgstr_plural) for e in compiled} != {
        e.msgid: (e.msgstr, e.msgstr_plural) for e in entries.values() if e.translated()
    }:
        yield "the compiled catalogue is out of step"


def main() -> int:
    found = 0
    for catalogue in CATALOGUES:
        if "--check" not in sys.argv:
            update(catalogue)
        for fault in faults(catalogue):
            found += 1
            print(f"{catalogue.relative_to(ROOT)}: {fault}", file=sys.stderr)
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
