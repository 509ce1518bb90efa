"""scripts/cluster: the command line."""

import sys

USAGE = """\
usage: scripts/cluster up|down|status|env
       scripts/cluster restart PART [--after SECONDS]
       scripts/cluster pause PART SECONDS
       scripts/cluster link down [SECONDS]
       scripts/cluster link slow MBITS
       scripts/cluster link up

A real single-node Kubernetes cluster with two registries, for the integration tests.

  up      start it, building what is missing; does nothing if it is healthy
  down    remove it, all but the cache of built things
  status  one line per part; exit code 0 if healthy, 1 if not
  env     the shell lines that make the tests use it: eval "$(scripts/cluster env)"

For tests of what happens when the node fails; each ends when it is healthy again:

  restart kill a part that `status` lists, and start it again after so many seconds
  pause   let a part hang: its connections stay, nobody answers
  link    unplug the node from this machine, for so many seconds or until "link up"; or let
          this machine send to it no more than so many Mbit/s, until "link up"

It needs root on Debian or a derivative, and Go for the first `up`. To use a cluster of
your own (kind, minikube, k3s), set KANIKO_LOCAL_TEST_KUBECONFIG to its kubeconfig and
KANIKO_LOCAL_TEST_REGISTRY to a registry that its pods and this machine reach.
"""

# Seconds of a strike, Mbit/s of a link.
MAXIMUM = 3600

if sys.version_info < (3, 11):
    print(f"scripts/cluster: Python 3.11 or newer is needed, this is {sys.version.split()[0]}", file=sys.stderr)
    sys.exit(2)

import lifecycle
import owncluster
from report import run


def parse(arguments: list[str]) -> tuple | None:
    """The command and what it is called with; None if that is nonsense."""
    try:
        match arguments:
            case ["up" | "down" | "status" | "env"] | ["link", "up" | "down"]:
                return tuple(arguments)
            case ["restart", part]:
                return "restart", part, 0.0
            case ["restart", part, "--after", seconds] | ["pause", part, seconds]:
                return arguments[0], part, positive(seconds)
            case ["link", "down" | "slow" as state, amount]:
                return "link", state, positive(amount)
    except ValueError:
        pass
    return None


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= MAXIMUM:
        raise ValueError
    return value


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"], ["help"]):
        print(USAGE, end="")
        return 0
    call = parse(arguments)
    if call is None:
        print(USAGE, end="", file=sys.stderr)
        return 2
    commands = owncluster if owncluster.wanted() else lifecycle
    # What it found may be amiss.
    return 1 if getattr(commands, call[0])(*call[1:]) is False else 0


run(main, " ".join(["scripts/cluster", *sys.argv[1:2]]))
