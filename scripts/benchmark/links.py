"""scripts/links: which compression is the quickest over a link, where the size of the archive counts as much as the time
that it takes to make it.

A link is a reader that takes so many bytes a second and no more; what waits for it in between is one pipe, as a socket
would hold. The test cluster is a link too, if `KUBECONFIG` names it: there it is the upload of a build that pushes
nothing."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

# How a program ends is said in one place, beside the test cluster.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "testcluster"))

import tools as toolbox
import workloads
from ours import UNITS, UPLOADED
from report import Failure, run

COMPRESSIONS = ["none", "gzip:1", "gzip:3", "gzip:6", "gzip:9", "auto"]
RATES = {"100 Mbit/s": 100e6 / 8, "1 Gbit/s": 1e9 / 8, "unlimited": float("inf")}
CHUNK = 64 * 1024


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/links", description=__doc__)
    parser.add_argument("--binary", type=Path, metavar="PATH", help="the kaniko-local to measure (default: a release "
                                                                    "build of this checkout)")
    parser.add_argument("--context", type=Path, metavar="DIR", help="what is packed (default: scripts/bench's W3)")
    parser.add_argument("--keep", type=Path, default=toolbox.cache() / "bench", metavar="DIR",
                        help="where scripts/bench keeps its trees (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    binary = options.binary.resolve() if options.binary else toolbox.build_binary()
    keep = options.keep.resolve()
    with workloads.locked(keep):
        context = options.context or workloads.provide("W3", False, keep).tree
        links = {name: lambda compression, rate=rate: over_link(binary, context, compression, rate)
                 for name, rate in RATES.items()}
        if os.environ.get("KUBECONFIG"):
            links["cluster"] = lambda compression: into_cluster(binary, context, compression)
        print("| link | " + " | ".join(COMPRESSIONS) + " |")
        print("|---|" + "---|" * len(COMPRESSIONS))
        for name, measure in links.items():
            cells = [cell(*measure(compression)) for compression in COMPRESSIONS]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    return 0


def cell(seconds: float, size: float) -> str:
    return f"{seconds:.1f} s, {size / 1e6:.0f} MB"


def over_link(binary: Path, context: Path, compression: str, rate: float) -> tuple[float, float]:
    """Seconds and bytes of one archive through a reader of `rate` bytes a second."""
    command = [binary, "context", "pack", "--compression", compression, "-o", "-", context]
    started = time.monotonic()
    taken = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packer:
        while chunk := packer.stdout.read1(CHUNK):
            taken += len(chunk)
            ahead = taken / rate - (time.monotonic() - started)
            if ahead > 0:
                time.sleep(ahead)
    if packer.returncode != 0:
        raise Failure(f"{compression}: kaniko-local ended with {packer.returncode}")
    return time.monotonic() - started, taken


def into_cluster(binary: Path, context: Path, compression: str) -> tuple[float, float]:
    """Seconds and bytes of one upload into the cluster."""
    command = [binary, "build", context, "-f", "-", "--no-push", "--compression", compression, "--progress", "plain"]
    ended = subprocess.run(command, input="FROM scratch\nLABEL of=links\n", capture_output=True, text=True, timeout=600)
    said = UPLOADED.search(ended.stderr)
    if ended.returncode != 0 or not said:
        raise Failure(f"{compression}: {ended.stderr}")
    return float(said[3]), float(said[1]) * UNITS[said[2]]


if __name__ == "__main__":
    run(main, "scripts/links")
