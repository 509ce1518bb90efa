"""scripts/scenario: the command line."""

import sys
from pathlib import Path

USAGE = """\
usage: scripts/scenario flink [--levers]
       scripts/scenario flink images
       scripts/scenario compare DIRECTORY [RUNS]

A Flink job that is built with Maven inside Kaniko, from nothing to what its image prints, in the test cluster.

  flink     builds it from a directory with a change that is not committed, with kaniko-local, and from the commit,
            with a Kaniko pod and a git context; runs both images, and wants to see the change in the first and not in
            the second. Ends with a table of what each step took
  --levers  then builds it some more times, with what may make it quicker: a cache of layers, a volume for Maven's
            repository; and with less memory
  images    only puts the images into the registry, and prints the shell lines that tell the tests their names

  compare   compares builds of the job, and of a small project with a large history, from the directory and from git, over
            the free link and slower ones, RUNS times each (3); texts, documents and pages go to DIRECTORY. It is alone with
            the cluster

Everything is in a namespace of its own, which is deleted at the end. Layers of images stay in ~/.cache/kaniko-local.
It uses the cluster that `scripts/cluster env` has set, or brings one up.
"""

if sys.version_info < (3, 11):
    print(f"scripts/scenario: Python 3.11 or newer is needed, this is {sys.version.split()[0]}", file=sys.stderr)
    sys.exit(2)

# What makes the cluster makes layers and artefacts too, and what measures it has a kubectl.
SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(SCRIPTS / "testcluster"), str(SCRIPTS / "benchmark")]

import compared
import flink
from report import run


def main(arguments: list[str]) -> int:
    match arguments:
        case ["-h" | "--help" | "help"]:
            print(USAGE, end="")
            return 0
        case ["flink", "images"]:
            flink.images()
        case ["flink"]:
            flink.scenario()
        case ["flink", "--levers"]:
            flink.scenario_with_levers()
        case ["compare", directory, *runs] if len(runs) < 2 and all(map(str.isdigit, runs)):
            print(compared.compared(Path(directory).absolute(), int(*runs or [3])))
        case _:
            print(USAGE, end="", file=sys.stderr)
            return 2
    return 0


run(main, " ".join(["scripts/scenario", *sys.argv[1:]]))
