"""`make bench`: every benchmark after the other, each printing its own tables, and at the end all
goals in one; ARGS="--quick" for a short look. Exits with 1 where a count differs from what a site
recorded."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import goals

NOT_ONES = {
    *("__init__", "__main__", "clients", "counted", "fast_server", "goals", "noop", "stock"),
    *("workers", "compared", "foreign_keys", "scenes", "stock_office", "stock_settings"),
    *("task_paths",),
}


def main() -> int:
    failed = []
    load = os.getloadavg()[0]
    with tempfile.NamedTemporaryFile(prefix="goals-") as collected:
        for path in sorted(Path(__file__).parent.glob("*.py")):
            if path.stem in NOT_ONES:
                continue
            print(f"\n## {path.stem}\n", flush=True)
            module = f"tests.benchmarks.{path.stem}"
            command = [sys.executable, "-m", module, *sys.argv[1:]]
            env = {**os.environ, "BENCH_GOALS": collected.name}
            if subprocess.run(command, env=env, check=False).returncode:
                failed.append(path.stem)
        print(f"\n## All goals\n\n{os.cpu_count()} cores, load at the start {load:.1f}\n")
        print(goals.table(goals.told(Path(collected.name))))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main())
