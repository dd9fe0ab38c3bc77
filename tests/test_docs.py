"""The documentation names what exists: files, commands, settings, tests, buttons; and is short."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

import booster

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# What happened stays written down under the names of its day.
CURRENT = [path for path in DOCS if path.name != "CHANGELOG.md"]
README_WORDS = 900
PICTURE_BYTES, ALL_PICTURES_BYTES = 100 * 1024, 1536 * 1024

SOURCE_ROOTS = ("core", "booster", "office", "tests", "docs", "fixtures", "var", ".ci")
# Set by tests and benchmarks for their own processes, or read by make.
FOREIGN_VARIABLES = {
    "PYTHON",
    "ARGS",
    "BROWSER_PATH",
    "FAULTS_SEED",
    "FAULTS_RESULTS",
    "FUZZ",
    "PART",
    "CI",
}

each_document = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
each_current_document = pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.name)


def code_in(path: Path) -> Iterator[str]:
    """What stands in `backticks` and in blocks of code, line by line."""
    text = path.read_text()
    for block in re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", outside)


def words_in(path: Path) -> Iterator[str]:
    for code in code_in(path):
        yield from code.split()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().split()) <= README_WORDS


@each_current_document
def test_a_file_that_is_named_exists(path):
    named = {
        word.strip(".,;:()").split("::")[0].rstrip("/")
        for word in words_in(path)
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?[.,;:)]*", word)
    }
    ours = {name for name in named if name.split("/")[0] in SOURCE_ROOTS}
    ours = {name for name in ours if not name.startswith("var/")}
    assert not [name for name in sorted(ours) if not (ROOT / name).exists()]


@each_document
def test_a_relative_link_leads_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"", path.read_text())
    broken = []
    for link in (markdown or image for markdown, image in links):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


def anchors_of(path: Path) -> set[str]:
    """Of its headings, as hosting services make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_current_document
def test_a_make_target_that_is_named_exists(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        found[1]
        for code in code_in(path)
        if (found := re.match(r"make (?:[A-Z]+=\S+ )*([a-z]+)\b", code))
    }
    assert named <= targets


@each_current_document
def test_a_command_that_is_named_exists(path):
    named = {
        name for code in code_in(path) for name in re.findall(r"manage\.py ([a-z][a-z_]*)", code)
    }
    assert named <= set(get_commands())


@each_current_document
def test_a_module_that_is_run_exists(path):
    named = {
        name
        for code in code_in(path)
        for name in re.findall(r"python -m ((?:tests|booster)[\w.]*)", code)
    }
    files = {name: ROOT / name.replace(".", "/") for name in named}
    assert not [
        name
        for name, file in files.items()
        if not file.with_suffix(".py").exists() and not (file / "__main__.py").exists()
    ]


@each_current_document
def test_a_test_that_is_named_exists(path):
    tests = {
        name
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text())
    }
    named = {word for word in words_in(path) if re.fullmatch(r"test_\w{20,}", word)}
    assert named <= tests


def variables_read() -> set[str]:
    """By office/settings.py from the environment."""
    source = (ROOT / "office" / "settings.py").read_text()
    return set(re.findall(r"\benv(?:iron)?\.\w+\(\s*\"([A-Z_]+)\"", source))


def variables_described() -> set[str]:
    text = (ROOT / "docs" / "operations.md").read_text()
    return set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))


def test_operations_describes_each_setting_that_is_read_and_no_other():
    assert variables_described() == variables_read()


@each_current_document
def test_a_variable_that_is_set_somewhere_is_read_somewhere(path):
    named = {
        found[1]
        for word in words_in(path)
        if (found := re.match(r"([A-Z][A-Z_]+)=", word)) and found[1] != "OFFICE_CRASH_AT"
    }
    assert named <= variables_read() | FOREIGN_VARIABLES


@pytest.mark.parametrize("name", ["staff.md", "sites.md"])
def test_a_button_that_is_named_is_on_the_desk(name):
    """**Bold** is what stands on the screen, unless it ends with the full stop of a title."""
    catalogue = (ROOT / "core/locale/zh_Hans/LC_MESSAGES/django.po").read_text()
    text = (ROOT / "docs" / name).read_text()
    named = {" ".join(bold.split()) for bold in re.findall(r"\*\*([^*]+)\*\*", text)}
    texts = {text.lower() for text in re.findall(r'^msgid "(.+)"$', catalogue, re.MULTILINE)}
    assert not [name for name in sorted(named) if name[-1] != "." and name.lower() not in texts]


def test_the_pictures_are_small():
    sizes = {file.name: file.stat().st_size for file in (ROOT / "docs" / "images").iterdir()}
    assert sizes
    assert not [name for name, size in sizes.items() if size > PICTURE_BYTES]
    assert sum(sizes.values()) <= ALL_PICTURES_BYTES


def test_program_package_and_changelog_are_of_one_version():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert booster.__version__ == package == newest[1]
