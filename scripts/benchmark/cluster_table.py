"""The report of scripts/bench --cluster, as Markdown: what was measured on what, a table of all parts, the targets."""

import os
import platform
import time

import cluster
from cluster import Measurements, Part, Series
from table import processor, program, verdict_table
from targets import Verdict
from tools import ClusterTools, first_line

SHOWN = 5


def report(measured: Measurements, verdicts: list[Verdict], tools: ClusterTools, quick: bool,
           load_before: float) -> str:
    return "\n".join([*_head(tools, quick, load_before), *_table(measured.parts), *_notes(measured.parts),
                      *_series(measured.series), verdict_table(verdicts, quick)])


def _head(tools: ClusterTools, quick: bool, load_before: float) -> list[str]:
    lines = ["# kaniko-local in a cluster, against kubectl", ""]
    if quick:
        lines += ["**Made with --quick: what is sent is small, the ratios mean nothing.**", ""]
    return lines + [
        f"- {time.strftime('%Y-%m-%d %H:%M')}, {processor()}, {len(os.sched_getaffinity(0))} processors, "
        f"Linux {platform.release()}; load of the minute before {load_before:.1f}",
        f"- under test: {program(tools.binary)}{f', built from {tools.commit}' if tools.commit else ''}",
        f"- peer: kubectl, {first_line(str(tools.kubectl), 'version', '--client')}; "
        f"{first_line('tar', '--version')}, {first_line('gzip', '--version')}",
        "- The time column is the median (fastest–slowest) of the rounds, the comparison the median of each round's "
        "own; MB/s is content by time; RSS is the peak of kaniko-local's process in any round.",
        "",
    ]


def _table(parts: list[Part]) -> list[str]:
    lines = ["| | | rounds | seconds | MB/s | RSS MiB | against kubectl |", "|---|---|---|---|---|---|---|"]
    for part in parts:
        peer = next((name for name in part.walls if name not in part.peaks), None)
        for number, name in enumerate(part.walls):
            lines.append(_row(part, name, peer, part.title if number == 0 else ""))
    return [*lines, ""]


def _row(part: Part, name: str, peer: str | None, title: str) -> str:
    walls = part.walls[name]
    median = part.median(name)
    spread = f" ({min(walls):.2f}–{max(walls):.2f})" if len(walls) > 1 else ""
    ours = name in part.peaks
    if not ours or not peer or len(walls) != len(part.walls[peer]):
        against = ""
    elif part.megabytes:
        against = f"{part.times_faster(name, peer):.2f} times as fast"
    else:
        against = f"{part.later(name, peer):+.2f} s"
    cells = [title, f"**{name}**" if ours else name, str(len(walls)), f"{median:.2f}{spread}",
             f"{part.megabytes / median:.1f}" if part.megabytes and median else "",
             f"{part.peaks[name] / (1 << 20):.1f}" if ours else "", against]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _notes(parts: list[Part]) -> list[str]:
    lines = ["What is timed:", ""]
    lines += [f"- {part.title}. {' '.join([part.timed, *part.notes])}" for part in parts]
    return [*lines, ""]


def _series(series: Series) -> list[str]:
    lines = [f"{series.builds} builds, {cluster.AT_ONCE} at a time, each with content and a Secret of its own, in "
             f"{series.wall:.1f} s; every image pulled by digest and compared, {len(series.wrong)} wrong or missing.",
             ""]
    if troubles := [*series.wrong, *(f"left: {name}" for name in series.left)]:
        lines += ["```", *troubles[:SHOWN]]
        lines += [f"and {len(troubles) - SHOWN} more"] if len(troubles) > SHOWN else []
        lines += ["```", ""]
    return lines
