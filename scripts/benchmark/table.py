"""The report, as Markdown: what was measured on what, a table for each workload, and the targets."""

import hashlib
import os
import platform
import time
from pathlib import Path

from contestants import ALONE, BASE, LIST
from measure import Results
from targets import Verdict
from tools import Tools, first_line


def report(results: dict[str, Results], verdicts: list[Verdict], tools: Tools, quick: bool,
           load_before: float) -> str:
    parts = [_head(tools, quick, load_before)]
    parts += [_workload(found) for found in results.values()]
    parts.append(verdict_table(verdicts, quick))
    return "\n".join(parts)


def _head(tools: Tools, quick: bool, load_before: float) -> str:
    versions = [first_line("tar", "--version"), first_line("gzip", "--version"), *(
        first_line(name, "--version") for name in ("pigz", "igzip") if name not in tools.missing)]
    lines = ["# kaniko-local against its peers", ""]
    if quick:
        lines += ["**Made with --quick: the workloads are small, the ratios mean nothing.**", ""]
    lines += [
        f"- {time.strftime('%Y-%m-%d %H:%M')}, {processor()}, {len(os.sched_getaffinity(0))} processors, "
        f"Linux {platform.release()}; load of the minute before {load_before:.1f}",
        f"- under test: {program(tools.binary)}{f', built from {tools.commit}' if tools.commit else ''}",
        *(f"- {name}: {program(path)}" for name, path in tools.also.items()),
        f"- peers: {', '.join(version for version in versions if version)}; Docker's packers as in dockerpack/go.mod",
        *(f"- **left out: {name} is not installed**" for name in tools.missing),
        "- MB/s is kept content by wall time. The time column is the median (fastest–slowest) of the rounds, the ratio "
        "the median of each round's own; RSS is the peak of the largest process in any round.",
        "",
    ]
    return "\n".join(lines)


def program(path: Path) -> str:
    """Which one it was: its version alone does not say."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"{first_line(str(path), '--version') or path.name}, SHA-256 {digest}…"


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def _workload(results: Results) -> str:
    workload = results.workload
    base = LIST if workload.name == "W0" else BASE
    times = len(next(iter(results.runs.values())))
    lines = [f"## {workload.name}: {workload.summary}", "",
             f"{workload.files} files, kept {workload.kept_files} with {workload.megabytes:.1f} MB; "
             f"fingerprint {workload.fingerprint}; {times} round{'s' if times > 1 else ''}" +
             (", without a warm-up" if workload.name in ALONE else ""), "",
             f"| | wall s | CPU s | MB out | MB/s | RSS MiB | time against {base} |",
             "|---|---|---|---|---|---|---|"]
    lines += [_row(name, results, base) for name in results.runs]
    lines += ["", *results.notes, ""] if results.notes else [""]
    return "\n".join(lines)


def _row(name: str, results: Results, base: str) -> str:
    walls = [run.wall for run in results.runs[name]]
    wall = results.wall(name)
    shown = f"{_seconds(wall)} ({_seconds(min(walls))}–{_seconds(max(walls))})" if len(walls) > 1 else _seconds(wall)
    cells = [f"**{name}**" if name in results.ours else name, shown, _seconds(results.cpu(name)),
             f"{results.bytes(name) / 1e6:.2f}", f"{results.workload.megabytes / wall:.0f}",
             f"{results.peak(name) / (1 << 20):.1f}", "1" if name == base else f"{results.ratio(name, base):.2f}"]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def verdict_table(verdicts: list[Verdict], quick: bool) -> str:
    lines = ["## Targets", "", "| | target | measured | |", "|---|---|---|---|"]
    for verdict in verdicts:
        word = "not judged" if quick and verdict.measured is not None else verdict.word
        cells = [verdict.what, verdict.target, verdict.measured or "–", word]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])
