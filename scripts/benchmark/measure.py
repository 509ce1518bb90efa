"""Runs contestants and counts: wall time, processor time, memory, bytes.

Everybody runs once in each round, one after the other, so that whatever else the machine does meets all alike; a ratio
is made of two runs of the same round, and what is quoted is the median of those.
"""

import json
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from contestants import Contestant
from report import Failure, say
from tools import Tools, end_group
from workloads import Workload

RUN_PATIENCE = 15 * 60


@dataclass(frozen=True)
class Run:
    wall: float
    bytes: int
    cpu: float
    peak: int  # of the largest process


@dataclass
class Results:
    """All runs of one workload, by contestant, in the order of the rounds."""

    workload: Workload
    runs: dict[str, list[Run]] = field(default_factory=dict)
    ours: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    matched: str | None = None  # the contestant at the level that matches pigz -6

    def wall(self, name: str) -> float:
        return statistics.median(run.wall for run in self.runs[name])

    def bytes(self, name: str) -> int:
        return self.runs[name][0].bytes

    def peak(self, name: str) -> int:
        return max(run.peak for run in self.runs[name])

    def cpu(self, name: str) -> float:
        return statistics.median(run.cpu for run in self.runs[name])

    def ratio(self, slower: str, faster: str) -> float:
        """How many times `faster` is faster: the median over the rounds."""
        pairs = zip(self.runs[slower], self.runs[faster], strict=True)
        return statistics.median(one.wall / other.wall for one, other in pairs)


def run(contestant: Contestant, workload: Workload, tools: Tools) -> Run:
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([str(tools.runner), *contestant.argv()], cwd=workload.tree,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                   start_new_session=True)
        try:
            out, _ = process.communicate(timeout=RUN_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{workload.name}, {contestant.name}: not done within {RUN_PATIENCE} s") from None
        finally:
            end_group(process)
        errors.seek(0)
        said = errors.read(4000).decode(errors="replace").strip()
    if process.returncode:
        raise Failure(f"{workload.name}, {contestant.name}: cannot run it\n{said}")
    result = json.loads(out)
    for stage, used in zip(contestant.stages, result["stages"], strict=True):
        if used["code"]:
            raise Failure(f"{workload.name}, {contestant.name}: {Path(stage[0]).name} ended with exit code "
                          f"{used['code']}\n{said}")
    stages = result["stages"]
    return Run(result["wall"], result["bytes"], sum(used["user"] + used["system"] for used in stages),
               max(used["peak"] for used in stages))


def rounds(contestants: list[Contestant], workload: Workload, tools: Tools, count: int, warm: bool) -> Results:
    """`count` rounds, after one that does not count if `warm`."""
    results = Results(workload, {one.name: [] for one in contestants}, [one.name for one in contestants if one.ours])
    for number in range(-1 if warm else 0, count):
        say(f"{workload.name}: " + (f"round {number + 1} of {count}" if number >= 0 else "warm-up"))
        for one in contestants:
            measured = run(one, workload, tools)
            if number >= 0:
                results.runs[one.name].append(measured)
                _check_bytes(one, results)
    return results


def _check_bytes(contestant: Contestant, results: Results) -> None:
    runs = results.runs[contestant.name]
    if runs[-1].bytes != runs[0].bytes:
        raise Failure(f"{results.workload.name}, {contestant.name}: {runs[0].bytes} bytes in one run and "
                      f"{runs[-1].bytes} in another")
