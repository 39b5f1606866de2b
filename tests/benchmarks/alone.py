"""`python alone.py CORES COMMAND...`: run a command from a small process, and print the most kilobytes that it had.

Linux counts what a process held before it became another program as that program's own: started straight from a
process that holds a statement in memory, the command would be charged with the statement.
"""

import os
import resource
import subprocess
import sys


def main() -> int:
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
    code = subprocess.run(sys.argv[2:], stdout=sys.stderr, check=False).returncode
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
    return code


if __name__ == "__main__":
    sys.exit(main())
