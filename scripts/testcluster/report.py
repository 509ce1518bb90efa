"""What the programs say and how they end.

Progress goes to stderr with the time since the start, because stdout belongs to
`env`, which a shell evaluates. There are two kinds of failure, told apart by exit
code: something went wrong (1), or this machine or call can never work (2).
"""

import signal
import sys
import time
from collections.abc import Callable

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


def end_like_an_interrupt() -> None:
    """Lets what is to be undone be undone when somebody ends the program."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup(1) leaves the second
            signal.signal(number, lambda number, frame: sys.exit(128 + number))


def exit_code_of(name: str, work: Callable[[], bool | None]) -> int:
    """Does the work of a command, and says how it ended if not well. The work may say that it found something amiss."""
    try:
        return 1 if work() is False else 0
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        return failure.exit_code
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
