"""wrk with the very message that the engine sends, where the engine's plays carry numbers with a
number of its own in each: a longer message costs its sender and the site more."""

import re
from pathlib import Path

from booster.engine.message import Message
from booster.net.address import Origin
from booster.net.play import PlayRequest
from tests.benchmarks.clients import PATH

# A constant message is made once; a function is asked for each.
CONSTANT = 'wrk.method = "POST"\n'
NUMBERED = """local number = 0
function request()
  number = number + 1
  return {}
end
"""


def command(
    folder: Path, port: int, connections: int, seconds: int, *headers: tuple[str, str]
) -> list[str]:
    """Its command line for plays with these headers; the script goes into the folder."""
    origin = Origin("http", "127.0.0.1", port)
    play = PlayRequest("POST", PATH, headers, b"", frozenset({200}), idempotent=True)
    message = Message(origin, play)
    if message.constant:
        lines = message.constant.decode().split("\r\n")[1:-2]
        pairs = [line.split(": ", 1) for line in lines]
        text = CONSTANT + "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in pairs)
    else:
        parts = [repr(part.decode()) for part in message.parts(1)]
        text = NUMBERED.format(" .. number .. ".join(parts))
    script = folder / "play.lua"
    script.write_text(text)
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    return ["wrk", *options, f"http://127.0.0.1:{port}{PATH}"]


def read(output: str) -> tuple[int, float]:
    """Requests that were answered, all with success, and in how many seconds."""
    found = re.search(r"(\d+) requests in ([0-9.]+)s", output)
    assert found and "Non-2xx" not in output, output
    return int(found[1]), float(found[2])
