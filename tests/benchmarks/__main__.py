"""`make bench`: every benchmark after the other, each printing its own table; ARGS="--quick" for a
short look. Exits with 1 where a count differs from what a site recorded."""

import subprocess
import sys
from pathlib import Path

NOT_ONES = {"__init__", "__main__", "clients", "fast_server", "noop"}


def main() -> int:
    failed = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in NOT_ONES:
            continue
        print(f"\n## {path.stem}\n", flush=True)
        module = f"tests.benchmarks.{path.stem}"
        if subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], check=False).returncode:
            failed.append(path.stem)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main())
