"""Templates as they are loaded: ours, the admin's, simpleui's and those of every other app.

Law: nothing that a user typed reaches a script as script. A value that a template prints inside a
<script> is escaped for JavaScript, whether its author thought of it or not: simpleui prints the
title of a page behind `//`, and a line break ends a comment. A script in a page proves by its nonce
that it came with a template; the Content-Security-Policy lets no other one run.
"""

import re

from django.template import Origin
from django.template.loaders import app_directories, filesystem

SCRIPT = re.compile(r"(<script\b)([^>]*)(>)(.*?)(</script>)", re.DOTALL | re.IGNORECASE)
PRINTED = re.compile(r"\{\{\s*(.+?)\s*\}\}")
# onchange="…" and its kind: without a nonce they do not run, and browsers report them.
HANDLER = re.compile(r"""\son[a-z]+\s*=\s*("[^"]*"|'[^']*')""")
NONCE = ' nonce="{{ request.csp_nonce }}"'


def guarded(source: str) -> str:
    """The template with its scripts made safe. Raises nothing: a script that it cannot read stays
    without a nonce, and does not run."""
    return HANDLER.sub("", SCRIPT.sub(_guarded_script, source))


def _guarded_script(found: re.Match[str]) -> str:
    start, attributes, end, body, close = found.groups()
    # A file of this origin: allowed by its address.
    nonce = "" if re.search(r"\ssrc\s*=", attributes) else NONCE
    return f"{start}{nonce}{attributes}{end}{PRINTED.sub(_escaped, body)}{close}"


def _escaped(found: re.Match[str]) -> str:
    printed = found.group(1)
    if printed.endswith("|escapejs"):
        return found.group()
    return f"{{{{ {printed}|escapejs }}}}"


class FilesystemLoader(filesystem.Loader):
    def get_contents(self, origin: Origin) -> str:
        return guarded(super().get_contents(origin))


class AppDirectoriesLoader(app_directories.Loader):
    def get_contents(self, origin: Origin) -> str:
        return guarded(super().get_contents(origin))
