"""The last step before a child of `ramu run` starts: it asks to die with its parent, then becomes the program.

Run as `python -m gateway.local.child PARENT_PID PROGRAM ARGUMENT...`.
"""

import ctypes
import os
import signal
import sys

#: Source: Linux, include/uapi/linux/prctl.h.
_PR_SET_PDEATHSIG = 1


def become(parent_pid: int, argv: list[str]) -> None:
    """Tie this process to its parent where the system can, then turn into the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:
            # The parent died before the tie was made.
            sys.exit(1)
    os.execv(argv[0], argv)  # noqa: S606 - the arguments come from our own table of children


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
