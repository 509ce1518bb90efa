"""scripts/instructions: how many instructions packing takes, which a busy machine does not blur.

valgrind's callgrind counts what every thread of `context pack` executes, in user space only. It shows programs a
processor that it knows itself: code that asks for AVX-512 at run time takes its AVX2 path here, and a program built to
have it without asking ends with an illegal instruction. So the numbers compare versions of one program with each other,
they do not tell times. With several threads they waver a little, by who waits for whom.

The workloads are made of text found on the machine, so counts of two machines compare only if the fingerprints of their
workloads are the same; the table has them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path

# How a program ends is said in one place, beside the test cluster.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "testcluster"))

import tools
import workloads
from report import Failure, Refused, run, say

TABLE = tools.ROOT / "benches/instructions.tsv"
COLUMNS = ("what", "instructions", "version", "workload")
MEASURED = [("W1", "gzip:1"), ("W1", "none"), ("W5", "gzip:1"), ("W5", "none")]
PATIENCE = 20 * 60


@dataclass(frozen=True)
class Count:
    what: str
    instructions: int
    version: str
    workload: str  # its fingerprint


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/instructions", description=(
        "Counts the instructions of `kaniko-local context pack` on the workloads W1 and W5 of scripts/bench with "
        "valgrind's callgrind, and shows the change against benches/instructions.tsv."))
    parser.add_argument("--binary", type=Path, metavar="PATH",
                        help="the kaniko-local to measure (default: a release build of this checkout)")
    parser.add_argument("--update", action="store_true",
                        help="write the counts to benches/instructions.tsv; not with --binary, whose commit is "
                             "not known")
    parser.add_argument("--keep", type=Path, default=tools.cache() / "bench", metavar="DIR",
                        help="where the trees of scripts/bench are kept (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.update and options.binary:
        parser.error("--update takes the build of this checkout, not --binary")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    binary = options.binary.resolve() if options.binary else tools.build_binary()
    said = tools.first_line(str(binary), "--version")
    if not said:
        raise Refused(f"{binary} is no kaniko-local that runs")
    version = said.removeprefix("kaniko-local ") + ("" if options.binary else f" {tools.commit()}")
    before = read()
    counts = []
    keep = options.keep.resolve()
    with workloads.locked(keep):
        for name, compression in MEASURED:
            workload = workloads.provide(name, False, keep)
            what = f"context pack {name} {compression}"
            say(f"counting {what}")
            counts.append(Count(what, count(binary, workload, compression), version, workload.fingerprint))
            print(line(counts[-1], before.get(what)), flush=True)
    if options.update:
        write(counts)
    return 0


def count(binary: Path, workload: workloads.Workload, compression: str) -> int:
    command = [str(binary), "context", "pack", "--compression", compression, "-o", "/dev/null", "."]
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/%p", *command], cwd=workload.tree,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)
        try:
            code = process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(command)}: not done within {PATIENCE} s under valgrind") from None
        finally:
            tools.end_group(process)
        errors.seek(0)
        said = errors.read()
    found = re.search(r"Collected : (\d+)", said)
    if code or not found:
        raise Failure(f"{' '.join(command)}: exit code {code} under valgrind\n{said[-2000:].strip()}")
    return int(found[1])


def line(now: Count, before: Count | None) -> str:
    shown = f"{now.what}: {now.instructions / 1e6:,.1f} million instructions"
    if before is None:
        return f"{shown}, not counted before"
    if before.workload != now.workload:
        return f"{shown}; no comparison, {before.version} was counted on another workload ({before.workload})"
    change = 100 * (now.instructions / before.instructions - 1)
    return f"{shown}, {change:+.2f} % against {before.version}"


def read() -> dict[str, Count]:
    if not TABLE.exists():
        return {}
    head, *rows = TABLE.read_text().splitlines()
    if tuple(head.split("\t")) != COLUMNS:
        raise Failure(f"{TABLE}: the columns are not {', '.join(COLUMNS)}")
    fields = [row.split("\t") for row in rows]
    return {what: Count(what, int(instructions), version, workload)
            for what, instructions, version, workload in fields}


def write(counts: list[Count]) -> None:
    TABLE.parent.mkdir(exist_ok=True)
    rows = [COLUMNS, *map(astuple, counts)]
    TABLE.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


if __name__ == "__main__":
    run(main, "scripts/instructions")
