"""What the programs say and how they end.

Progress goes to stderr with the time since the start, because stdout belongs to results: the lines of `env`, which a
shell evaluates, or tables. There are two kinds of failure, told apart by exit code: something went wrong (1), or this
machine or call can never work (2).
"""

import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

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


def run(main: Callable[[list[str]], int], name: str) -> NoReturn:
    """Ends the program with what `main` makes of the command line; `name` is the program's in messages."""
    # As after an interrupt from the terminal, what is to be undone is undone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup(1) leaves the second
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
    except OSError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
