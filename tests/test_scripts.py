"""What stands inside a <script> of any template that the office loads, its own or another's:
nothing that a user typed can end the string, the comment or the script it is printed in."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.template import Context, Template, TemplateSyntaxError
from django.template.base import Lexer, Token, TokenType
from django.utils.html import escapejs

from core.theme.loaders import HANDLER, guarded
from tests.base import client_of

# Tags that print nothing, or what no user typed: addresses of ours, texts of the catalogue.
TAGS = {
    *("if", "elif", "else", "endif", "for", "empty", "endfor", "with", "endwith", "comment"),
    *("endcomment", "block", "endblock", "include", "verbatim", "endverbatim", "load"),
    *("trans", "translate", "blocktrans", "blocktranslate", "endblocktrans", "endblocktranslate"),
    *("url", "static", "get_language", "get_version", "simple_version", "csrf_token"),
}


SCRIPT = re.compile(r"<script\b[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


def printed_in_scripts(source: str) -> Iterator[Token]:
    """The variables and tags that stand between <script …> and </script>."""
    tokens = Lexer(source).tokenize()
    marked = "".join(
        token.contents if token.token_type == TokenType.TEXT else f"\0{number}\0"
        for number, token in enumerate(tokens)
    )
    for body in SCRIPT.findall(marked):
        for number in re.findall(r"\0(\d+)\0", body):
            yield tokens[int(number)]


def unsafe(source: str) -> list[str]:
    found = []
    for token in printed_in_scripts(source):
        if token.token_type == TokenType.VAR:
            if not token.contents.endswith("|escapejs"):
                found.append(token.contents)
        elif token.token_type == TokenType.BLOCK and token.contents.split()[0] not in TAGS:
            found.append(token.contents)
    return found


def installed() -> list[Path]:
    folders = [Path(folder) for folder in settings.TEMPLATES[0]["DIRS"]]
    folders += [Path(app.path) / "templates" for app in apps.get_app_configs()]
    return sorted(path for folder in folders for path in folder.rglob("*.html"))


def test_every_value_in_a_script_of_an_installed_template_is_escaped_for_scripts():
    faults, unusable, scripts = {}, [], 0
    for path in installed():
        source = guarded(path.read_text())
        scripts += sum(1 for _token in printed_in_scripts(source))
        if not (found := unsafe(source)):
            continue
        try:
            Template(source)
        except TemplateSyntaxError:
            unusable.append(path.name)  # it needs a tag that core/theme/simpletags.py took away
        else:
            faults[str(path)] = found
    assert faults == {}
    assert scripts > 30
    # Those of simpleui's that ours replace.
    assert set(unusable) <= {
        *("actions.html", "change_form.html", "change_list.html", "home.html"),
        *("pagination.html", "search_form.html", "submit_line.html"),
    }


def test_the_check_finds_what_simpleui_prints_behind_a_comment():
    base = next(path for path in installed() if path.match("simpleui/templates/admin/base.html"))
    assert "title" in unsafe(base.read_text())
    assert unsafe(guarded(base.read_text())) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<script>var a = '{{ a }}';</script>", ["a"]),
        ("<script>{{ a|safe }}</script>", ["a|safe"]),
        ("<script>// {{ a }}\n</script>{{ b }}", ["a"]),
        ("<script>{% context_to_json %}</script>", ["context_to_json"]),
        ('<script data-a="{{ a }}">{{ b }}</script>', ["b"]),
        ('<script data-a="{{ a }}" src="x"></script>{{ b }}', []),
        ("<script>'{{ a|escapejs }}'</script>", []),
        ("<p>{{ a }}</p><script></script>{{ a }}", []),
    ],
)
def test_the_check_sees_what_is_printed_in_scripts(source, found):
    assert unsafe(source) == found


@pytest.mark.parametrize("value", ["\n1//", "\u20281//", "';1//", "</script><script>1//", "\\"])
def test_what_a_script_prints_stays_in_its_place(value):
    source = guarded("<script>// {{ a }}\nvar a = '{{ a }}';</script>")
    text = Template(source).render(Context({"a": value}))
    assert text == f"<script nonce=\"\">// {escapejs(value)}\nvar a = '{escapejs(value)}';</script>"
    assert escapejs(value) != value


@pytest.mark.parametrize(
    "page", ["home/", "auth/group/", "auth/group/1/change/", "core/order/", "core/customer/export/"]
)
def test_pages_have_no_scripts_of_their_own_and_none_would_run(alice, page):
    answer = client_of(alice).get(f"/admin/{page}")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"].split("; ")
    starts = [part.partition(">")[0] for part in answer.content.decode().split("<script")[1:]]
    assert starts
    data = [start for start in starts if 'type="application/json"' in start]
    assert [start for start in starts if " src=" not in start and start not in data] == []


def test_a_script_of_a_template_runs_by_the_nonce_of_its_answer(rf):
    request = rf.get("/")
    request.csp_nonce = "once"  # as the middleware makes it
    text = Template(guarded("<script>1</script>")).render(Context({"request": request}))
    assert text == '<script nonce="once">1</script>'


def test_no_template_of_ours_prints_its_comment():
    """Django knows `{# … #}` on one line only; over two it is text on the page."""
    printed = [
        path.name
        for path in installed()
        if path.is_relative_to(settings.BASE_DIR / "core")
        for token in Lexer(path.read_text()).tokenize()
        if token.token_type == TokenType.TEXT and ("{#" in token.contents or "#}" in token.contents)
    ]
    assert printed == []


def test_our_own_templates_have_no_handlers_in_attributes():
    own = [path for path in installed() if path.is_relative_to(settings.BASE_DIR / "core")]
    assert len(own) > 50
    assert [path.name for path in own if HANDLER.search(path.read_text())] == []


def test_a_page_talks_to_no_other_host(alice):
    policy = client_of(alice).get("/admin/").headers["Content-Security-Policy"]
    assert "connect-src 'self';" in f"{policy};"
