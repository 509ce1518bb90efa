"""scripts/bench: the command line."""

import argparse
import os
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    print(f"scripts/bench: Python 3.11 or newer is needed, this is {sys.version.split()[0]}", file=sys.stderr)
    sys.exit(2)

# How a program ends is said in one place, beside the test cluster.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "testcluster"))

import cluster
import cluster_table
import contestants
import gate
import measure
import table
import targets
import tools as toolbox
import workloads
from measure import Results
from report import run, say
from targets import Verdict
from tools import Tools
from workloads import Workload

DESCRIPTION = """\
Measures `kaniko-local context pack` and `context ls` against other ways of packing a build context, in one run, taking
turns, and prints the times, the ratios and how they stand to the targets, as Markdown on standard output.

Before anything is timed, every archive is compared with what Docker's own packer makes of the same tree.

With --cluster it measures builds in the test cluster instead: uploads against `kubectl exec`, a tiny build against the
same Pod by `kubectl apply`, memory, and many builds at a time. It uses the cluster that `scripts/cluster env` has set,
or brings one up, and works in a namespace of its own that it deletes at the end.
"""

EPILOGUE = """\
exit codes: 0 measured, whatever the result; 1 something failed, an archive is wrong, or a target was missed and
--strict was given; 2 the call or the machine does not fit.

A full run needs 12 GB of disk for its trees, and some 45 minutes on two processors, ten of them to check the
archives of WS and WM. With --cluster it needs 8 GB, and some 15 minutes.
"""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench", description=DESCRIPTION, epilog=EPILOGUE,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, metavar="PATH",
                        help="the kaniko-local to measure (default: a release build of this checkout)")
    parser.add_argument("--also", action="append", default=[], type=_named_path, metavar="NAME=PATH",
                        help="another build of it, measured in the same rounds with gzip:1, for example one with an "
                             "optional compressor; judged by that one's targets; may be repeated")
    parser.add_argument("--cluster", action="store_true", help="measure builds in the test cluster instead of packing")
    parser.add_argument("--kubectl", type=Path, metavar="PATH",
                        help="the peer of --cluster (default: built, of the version of the test cluster)")
    parser.add_argument("--workloads", type=_names, metavar="W1,W3",
                        help="which ones (default: all): " + "; ".join(
                            f"{(recipe.__doc__ or '').strip().rstrip('.')}" for recipe in workloads.RECIPES.values()))
    parser.add_argument("--runs", type=_positive, metavar="N",
                        help="rounds that count, after one that does not (default: 5; with --cluster 3); W0 has ten "
                             "times as many, W1, W2 and the tiny build four times; WS and WM are run once")
    parser.add_argument("--quick", action="store_true",
                        help="small workloads and one round: shows within a minute, with --cluster two, that "
                             "everything runs, and nothing else; targets are not judged")
    parser.add_argument("--keep", type=Path, default=toolbox.cache() / "bench", metavar="DIR",
                        help="where the trees are kept for later runs (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report to this file too")
    parser.add_argument("--strict", action="store_true", help="a missed target makes the exit code 1")
    options = parser.parse_args(arguments)
    if options.strict and options.quick:
        parser.error("--quick judges no targets, so --strict has nothing to be strict about")
    if options.cluster and (options.also or options.workloads):
        parser.error("--also and --workloads are about packing, --cluster measures builds")
    if options.kubectl and not options.cluster:
        parser.error("--kubectl is the peer of --cluster")
    return options


def _named_path(argument: str) -> tuple[str, Path]:
    name, found, path = argument.partition("=")
    if not (name and found and path):
        raise argparse.ArgumentTypeError(f"{argument!r} is not NAME=PATH")
    if name == "kaniko-local":
        raise argparse.ArgumentTypeError("kaniko-local is the name of --binary")
    return name, Path(path).resolve()


def _names(argument: str) -> list[str]:
    names = argument.split(",")
    for name in names:
        if name not in workloads.RECIPES:
            raise argparse.ArgumentTypeError(f"there is no workload {name!r}: {', '.join(workloads.RECIPES)}")
    return names


def _positive(argument: str) -> int:
    if not (argument.isascii() and argument.isdigit() and int(argument) > 0):
        raise argparse.ArgumentTypeError(f"{argument!r} is no number of runs")
    return int(argument)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    binary = options.binary.resolve() if options.binary else None
    keep = options.keep.resolve()
    with workloads.locked(keep):
        text, verdicts = (in_cluster if options.cluster else packing)(options, keep, binary)
    print(text)
    if options.output:
        options.output.write_text(text)
    missed = [verdict for verdict in verdicts if verdict.measured is not None and not verdict.met]
    if options.quick:
        return 0
    say(f"{len(missed)} of {len(verdicts)} targets missed, "
        f"{sum(verdict.measured is None for verdict in verdicts)} not measured")
    return 1 if options.strict and missed else 0


def packing(options: argparse.Namespace, keep: Path, binary: Path | None) -> tuple[str, list[Verdict]]:
    tools = toolbox.provide(binary, dict(options.also))
    for name in tools.missing:
        say(f"left out: {name} is not installed")
    # All trees first: making them leaves the disk busy for a while.
    made = [workloads.provide(name, options.quick, keep) for name in options.workloads or workloads.RECIPES]
    os.sync()
    load_before, _, _ = os.getloadavg()
    runs = 1 if options.quick else options.runs or 5
    results = {workload.name: measured(workload, tools, runs, options.quick) for workload in made}
    verdicts = targets.judge(results, list(tools.also))
    return table.report(results, verdicts, tools, options.quick, load_before), verdicts


def in_cluster(options: argparse.Namespace, keep: Path, binary: Path | None) -> tuple[str, list[Verdict]]:
    tools = toolbox.provide_for_cluster(binary, options.kubectl.resolve() if options.kubectl else None)
    load_before, _, _ = os.getloadavg()
    found = cluster.run(tools, cluster.Sizes.of(options.runs or 3, options.quick), keep, options.quick)
    verdicts = cluster.judge(found)
    return cluster_table.report(found, verdicts, tools, options.quick, load_before), verdicts


def measured(workload: Workload, tools: Tools, runs: int, quick: bool) -> Results:
    """One workload: the archives checked, then the rounds."""
    entrants = contestants.of(workload, tools)
    notes, matched = [], None
    if workload.name == "W3":
        matched, note = matching_level(workload, tools)
        notes.append(note)
        if matched and all(matched.name != one.name for one in entrants):
            entrants.insert(2, matched)
    if any(one.packs for one in entrants):
        notes.append(f"Checked: {gate.check(entrants, workload, tools)}.")
    alone = workload.name in contestants.ALONE
    count = 1 if alone or quick else runs * contestants.ROUNDS.get(workload.name, 1)
    results = measure.rounds(entrants, workload, tools, count, warm=not alone)
    results.notes, results.matched = notes, matched and matched.name
    return results


def matching_level(workload: Workload, tools: Tools) -> tuple[contestants.Contestant | None, str]:
    """The fastest level whose archive is no larger than pigz -6's, give or take 0.5 %; and what each level made."""
    if "pigz" in tools.missing:
        return None, "Levels were not tried: pigz is not installed."
    [pigz] = [one for one in contestants.of(workload, tools) if one.name == contestants.piped("pigz -6")]
    say(f"{workload.name}: every level once")
    size = measure.run(pigz, workload, tools).bytes
    levels = [contestants.level(tools, number) for number in range(1, 10)]
    tried = [(one, measure.run(one, workload, tools)) for one in levels]
    fitting = [(run.wall, one) for one, run in tried if run.bytes <= 1.005 * size]
    matched = min(fitting, key=lambda pair: pair[0])[1] if fitting else None
    shown = ", ".join(f"{number}: {100 * (run.bytes / size - 1):+.1f} % in {run.wall:.1f} s"
                      for number, (_, run) in enumerate(tried, 1))
    return matched, f"Levels of kaniko-local, size against pigz -6's ({size / 1e6:.1f} MB), each run once: {shown}."


run(main, "scripts/bench")
