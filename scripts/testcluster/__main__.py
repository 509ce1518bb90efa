"""scripts/cluster up|down|status|env: the command line."""

import signal
import sys

USAGE = """\
usage: scripts/cluster up|down|status|env

A real single-node Kubernetes cluster with two registries, for the integration tests.

  up      start it, building what is missing; does nothing if it is healthy
  down    remove it, all but the cache of built things
  status  one line per part; exit code 0 if healthy, 1 if not
  env     the shell lines that make the tests use it: eval "$(scripts/cluster env)"

It needs root on Debian or a derivative, and Go for the first `up`. To use a cluster of
your own (kind, minikube, k3s), set KANIKO_LOCAL_TEST_KUBECONFIG to its kubeconfig and
KANIKO_LOCAL_TEST_REGISTRY to a registry that its pods and this machine reach.
"""

if sys.version_info < (3, 11):
    print(f"scripts/cluster: Python 3.11 or newer is needed, this is {sys.version.split()[0]}", file=sys.stderr)
    sys.exit(2)

import lifecycle
import owncluster
from report import Failure, say


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"], ["help"]):
        print(USAGE, end="")
        return 0
    if len(arguments) != 1 or arguments[0] not in ("up", "down", "status", "env"):
        print(USAGE, end="", file=sys.stderr)
        return 2
    commands = owncluster if owncluster.wanted() else lifecycle
    try:
        healthy = getattr(commands, arguments[0])()
    except Failure as failure:
        print(f"scripts/cluster {arguments[0]}: {failure}", file=sys.stderr)
        return failure.exit_code
    except OSError as error:
        print(f"scripts/cluster {arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 1 if healthy is False else 0


# As after an interrupt from the terminal, what is to be undone is undone.
for number in (signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) != signal.SIG_IGN:  # as nohup(1) leaves the second
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
sys.exit(main(sys.argv[1:]))
