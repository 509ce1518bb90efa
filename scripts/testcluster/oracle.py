"""scripts/oracle: BuildKit, which says what image Docker would have built.

buildkitd and buildctl from their Go module, without Docker, in a directory of their own.
It wants no cluster, and holds no lock of it: the first build of either may take minutes.
"""

import fcntl
import os
import sys

import artifacts
from report import Refused, run
from settings import ARCHITECTURE, cache

LOCK = "oracle.lock"


def main(_: list[str]) -> int:
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or ARCHITECTURE is None:
        raise Refused("BuildKit needs root on Linux, amd64 or arm64")
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print(artifacts.provide_oracle())
    return 0


run(main, "scripts/oracle")
