"""Who packs which workload, and with which command line.

A peer is given its best case: the tar of the kept files gets their list for nothing (see also dockerpack/main.go). All
run in the workload's root and write to standard output.
"""

import os
from dataclasses import dataclass

from tools import Tools
from workloads import Workload

THREADS = len(os.sched_getaffinity(0))
PEER_THREADS = "2"  # of the targets

# Names that the targets ask for.
BASE = "kaniko-local gzip:1"
PLAIN = "kaniko-local none"
LIST = "kaniko-local context ls"
DOCKER = "Docker's packer"
DOCKER_CLI = "Docker CLI: check, then pack"
FLOOR = f"floor: walk, stat and read what is kept ({THREADS} threads)"
FLOOR_ALL = f"floor that stats what is ignored, too ({THREADS} threads)"
CAT = "cat"

# How often a round is run for each of --runs: what takes milliseconds needs more of them to say anything.
ROUNDS = {"W0": 10, "W1": 4, "W2": 4}
# Not timed against anybody: their question is memory.
ALONE = ("WS", "WM")


@dataclass(frozen=True)
class Contestant:
    name: str
    stages: tuple[tuple[str, ...], ...]
    ours: bool = False

    @property
    def packs(self) -> bool:
        """Whether what comes out is an archive of the workload, to be checked before the clock counts."""
        return self.ours and "pack" in self.stages[0]

    def argv(self) -> list[str]:
        """For the runner: the stages with bars between."""
        return [word for stage in self.stages for word in ("|", *stage)][1:]


def pack(name: str, binary: object, compression: str) -> Contestant:
    command = (str(binary), "context", "pack", "--compression", compression, "-o", "-", ".")
    return Contestant(f"{name} {compression}", (command,), ours=True)


def level(tools: Tools, number: int) -> Contestant:
    return pack("kaniko-local", tools.binary, f"gzip:{number}")


def of(workload: Workload, tools: Tools) -> list[Contestant]:
    """Everybody who takes part in that workload, in the order of a round."""
    if workload.name == "W0":
        found = [Contestant(LIST, ((str(tools.binary), "context", "ls", "."),), ours=True)]
        found += [Contestant(f"{name} context ls", ((str(path), "context", "ls", "."),), ours=True)
                  for name, path in tools.also.items()]
        return found + [Contestant("true: start and end of a process", (("true",),))]
    return _ours(tools) + ([] if workload.name in ALONE else _peers(workload, tools))


def also(name: str) -> str:
    """The name of another binary's contestant."""
    return f"{name} gzip:1"


def _ours(tools: Tools) -> list[Contestant]:
    found = [pack("kaniko-local", tools.binary, "none"), pack("kaniko-local", tools.binary, "gzip:1")]
    return found + [pack(name, path, "gzip:1") for name, path in tools.also.items()]


COMPRESSORS = {
    "gzip -6": ("gzip", "-6"),
    "gzip -1": ("gzip", "-1"),
    "pigz -6": ("pigz", "-6", "-p", PEER_THREADS),
    "pigz -1": ("pigz", "-1", "-p", PEER_THREADS),
    "igzip -1": ("igzip", "-1", "-c"),
}


def piped(compressor: str) -> str:
    return f"tar | {compressor}"


def docker(tools: Tools, mode: str = "tar") -> Contestant:
    names = {"tar": DOCKER, "cli": DOCKER_CLI, "tar.gz": f"{DOCKER}, gzip", "buildkit": "BuildKit's walk, every file read"}
    return Contestant(names[mode], ((str(tools.dockerpack), mode, "."),))


def _peers(workload: Workload, tools: Tools) -> list[Contestant]:
    everything = ("tar", "-cf", "-", ".")
    kept = ("tar", "-cf", "-", "--null", "-T", str(workload.kept_list))
    found = []
    if workload.name in ("W3", "W4"):
        # Nothing is ignored there.
        found += [Contestant(piped(name), (everything, words)) for name, words in COMPRESSORS.items()]
    else:
        found.append(Contestant("tar, all files | gzip -6", (everything, COMPRESSORS["gzip -6"])))
        found += [Contestant(f"tar, list given | {name}", (kept, COMPRESSORS[name]))
                  for name in ("gzip -6", "pigz -1", "igzip -1")]
    if workload.name == "W4":
        names = sorted(name for name in workload.kept())
        found.append(Contestant(CAT, (("cat", *names),)))
    found += [docker(tools, mode) for mode in ("tar", "cli", "tar.gz", "buildkit")
              # Docker's gzip is the same single thread as the others' on large workloads, minutes for nothing new.
              if not (mode == "tar.gz" and workload.name in ("W3", "W4"))]
    found.append(_floor(FLOOR, "kept", workload, tools))
    if workload.name == "W5":  # elsewhere next to nothing is ignored outside of pruned directories
        found.append(_floor(FLOOR_ALL, "all", workload, tools))
    return [one for one in found if not any(stage[0] in tools.missing for stage in one.stages)]


def _floor(name: str, examined: str, workload: Workload, tools: Tools) -> Contestant:
    command = (str(tools.floor), str(THREADS), examined, str(workload.kept_list), str(workload.pruned_list),
               str(workload.kept_files), str(workload.kept_bytes))
    return Contestant(name, (command,))
