"""Programs that the tests run and that no wheel carries: a browser, nginx, PgBouncer, PHP. They are
found on PATH; `make test` (python -m tests.programs) installs what is missing where it may.

Law: without its program a test is skipped, and under CI it fails.
"""

import functools
import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.processes import ServiceError


def is_debian() -> bool:
    with suppress(OSError):
        return platform.freedesktop_os_release().get("ID") == "debian"
    return False


# A Chromium that never draws windows of its own: for each page a third of the CPU time.
WINDOWLESS = "chromium-headless-shell"
# Debian's and Ubuntu's packages; the font is for the Chinese pages.
PACKAGES = {
    "chromium": f"{WINDOWLESS if is_debian() else 'chromium'} fonts-noto-cjk",
    "nginx": "nginx",
    "pgbouncer": "pgbouncer",
    "php": "php-cli php-sqlite3",
}
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BROWSERS = (
    *(WINDOWLESS, "chrome-headless-shell", "chromium", "chromium-browser"),
    *("google-chrome", "google-chrome-stable"),
)
INSTALL = Path(__file__).with_name("install_programs")
# Debian keeps servers where only root's PATH leads.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


def chromium_path() -> str | None:
    """BROWSER_PATH, else the Chromium or Chrome on PATH; None when there is none. ServiceError:
    BROWSER_PATH is wrong."""
    if path := os.environ.get("BROWSER_PATH"):
        if not shutil.which(path):
            raise ServiceError(f"BROWSER_PATH={path!r} is not a program")
        return path
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def system_path(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*os.get_exec_path(), *SYSTEM_FOLDERS]))


@functools.cache
def php_path() -> str | None:
    """A PHP for the command line that can open SQLite files; the sites of the tests keep theirs in
    such."""
    path = shutil.which("php")
    if path is None:
        return None
    asked = [path, "-r", "exit(extension_loaded('pdo_sqlite') ? 0 : 1);"]
    return path if subprocess.run(asked, capture_output=True, check=False).returncode == 0 else None


FINDERS = {
    "chromium": chromium_path,
    "nginx": functools.partial(system_path, "nginx"),
    "pgbouncer": functools.partial(system_path, "pgbouncer"),
    "php": php_path,
}


def needed(name: str) -> str:
    """The path of one of PACKAGES; without it the test is skipped, under CI it fails."""
    import pytest

    path = FINDERS[name]()
    if path is None:
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end(f"needs {name}: {hint(name)}")
    return path


def hint(name: str) -> str:
    said = f"install it (Debian, Ubuntu: {PACKAGES[name]})"
    return f"{said} or set BROWSER_PATH" if name == "chromium" else said


def missing() -> list[str]:
    return [name for name, find in FINDERS.items() if find() is None]


def wanted() -> list[str]:
    """What is missing, and where Debian has a quicker browser than the one that is there, that."""
    names = missing()
    if "chromium" not in names and is_debian() and "BROWSER_PATH" not in os.environ:
        return names if shutil.which(WINDOWLESS) else ["chromium", *names]
    return names


def as_root() -> list[str] | None:
    """What a command begins with that is to run as root; None: we may not."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    if shutil.which("sudo") is None:
        return None
    may = subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0
    return sudo if may else None


def install(names: list[str]) -> None:
    """As far as it goes; nothing where there is no apt, or we are nobody to ask for it."""
    root = as_root()
    if shutil.which("apt-get") is None or root is None:
        return
    print(f"Installing what the tests run: {', '.join(names)}", flush=True)
    packages = [PACKAGES[name] for name in names]
    subprocess.run([*root, "sh", INSTALL, *packages], stdin=subprocess.DEVNULL, check=False)
    php_path.cache_clear()


def main() -> None:
    if names := wanted():
        install(names)
    for name in missing():
        print(f"Some tests need {name}: {hint(name)}", file=sys.stderr)


if __name__ == "__main__":
    main()
