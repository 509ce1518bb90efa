"""What the program says and how it fails.

Progress goes to stderr with the time since the start, because stdout belongs to the tables. There are two kinds of
failure, told apart by exit code: something went wrong (1), or this machine or call can never work (2).
"""

import sys
import time

_start = time.monotonic()


class Failure(Exception):
    """Something did not work. The message is for the user, no traceback is shown."""

    exit_code = 1


class Refused(Failure):
    """The machine or the call does not fit, and trying again would not help."""

    exit_code = 2


def elapsed() -> float:
    return time.monotonic() - _start


def say(message: str) -> None:
    print(f"[{elapsed():6.1f}s] {message}", file=sys.stderr, flush=True)
