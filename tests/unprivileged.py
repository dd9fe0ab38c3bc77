"""A program of the office that files and folders can be closed to: `python -m tests.unprivileged
manage.py doctor`. Root reads and writes whatever the permissions say; here it may not any more.
"""

import ctypes
import sys

from tests.warm import run

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITIES_VERSION = 0x20080522


def main() -> None:
    libc = ctypes.CDLL(None)
    # Of this process: which of the capabilities it uses, may use, and hands on; each in two words.
    header, found = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, found)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        # Refused to everybody but root, who alone needs it: what is started from here has none.
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        for word in range(3):
            found[word] &= ~(1 << capability)
    libc.capset(header, found)
    run(sys.argv[1:])


if __name__ == "__main__":
    main()
