"""nginx for a test: a process of its own that keeps its files in a folder of its own."""

import os

from tests.processes import Process, folder
from tests.programs import needed

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def nginx(http: str, port: int) -> Process:
    """Not started yet. `http`: what stands within http { }, a server on `port` of 127.0.0.1 among
    it. Without nginx the test is skipped, under CI it fails."""
    home = folder("nginx")
    user = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(f"{name}_temp_path {home}/{name};" for name in TEMPORARY)
    (home / "nginx.conf").write_text(
        f"{user} daemon off; pid {home}/pid; error_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off; {paths}\n{http}\n}}\n"
    )
    command = [needed("nginx"), "-p", home, "-c", home / "nginx.conf"]
    return Process(command, name="nginx", ready=port)
