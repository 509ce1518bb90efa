"""What takes part: kaniko-local itself, the peers that are programs of their own, and the instruments.

The Go and Rust programs are built into the cache, so the checkout stays clean; their builders know themselves what is
up to date.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import settings
from report import Failure, Refused, say

SOURCE = Path(__file__).resolve().parent
ROOT = SOURCE.parent.parent
BUILD_PATIENCE = 20 * 60
SHORT_PATIENCE = 60


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kaniko-local"


@dataclass(kw_only=True)
class Measured:
    """What every measurement needs."""

    binary: Path
    runner: Path
    commit: str = ""  # of the binary, if it was built here


@dataclass(kw_only=True)
class Tools(Measured):
    floor: Path
    dockerpack: Path
    also: dict[str, Path] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)  # peers that are not installed


@dataclass(kw_only=True)
class ClusterTools(Measured):
    kubectl: Path


def provide(binary: Path | None, also: dict[str, Path]) -> Tools:
    _check_programs(binary, *also.values())
    instruments = _instruments()
    return Tools(binary=binary or build_binary(), runner=instruments / "runner", floor=instruments / "floor",
                 dockerpack=_dockerpack(), also=also,
                 missing=[name for name in ("pigz", "igzip") if not shutil.which(name)],
                 commit="" if binary else commit())


def provide_for_cluster(binary: Path | None, kubectl: Path | None) -> ClusterTools:
    _check_programs(binary, kubectl)
    return ClusterTools(binary=binary or build_binary(), runner=_instruments() / "runner",
                        kubectl=kubectl or build_kubectl(), commit="" if binary else commit())


def _check_programs(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not os.access(path, os.X_OK):
            raise Refused(f"{path} is no program")


def _instruments() -> Path:
    return _cargo("the instruments", SOURCE / "instruments/Cargo.toml", cache() / "bench-instruments")


def build_binary() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    return _cargo("kaniko-local", ROOT / "Cargo.toml", (ROOT / target).resolve()) / "kaniko-local"


def _cargo(name: str, manifest: Path, target: Path) -> Path:
    say(f"building {name}, release")
    # Of the manifest's directory, because cargo looks for its configuration from where it is.
    _build(["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(target)], manifest.parent)
    return target / "release"


def _dockerpack() -> Path:
    say("building dockerpack")
    out = cache() / "bench-dockerpack"
    _build(["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", str(out), "."],
           SOURCE / "dockerpack", {"CGO_ENABLED": "0", "GOWORK": "off"})
    return out


def build_kubectl() -> Path:
    """The kubectl of the test cluster's version: what is on PATH may be old, or a wrapper that starts another."""
    say("building kubectl")
    source, out = SOURCE / "kubectl", cache() / "bench-kubectl"
    version = settings.module_version(source, settings.KUBERNETES_MODULE)
    if version != settings.KUBERNETES_VERSION:
        raise Failure(f"{source}/go.mod requires Kubernetes {version}, the test cluster's {settings.KUBERNETES_VERSION}")
    _build(["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false",
            f"-ldflags=-s -w {settings.kubernetes_version_flags()}", "-o", str(out), "k8s.io/kubernetes/cmd/kubectl"],
           source, {"CGO_ENABLED": "0", "GOWORK": "off"})
    return out


def _build(argv: list[str], directory: Path, env: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(argv, cwd=directory, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=BUILD_PATIENCE)
    except FileNotFoundError:
        raise Refused(f"{argv[0]} is needed and not on PATH") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(argv)}: not done within {BUILD_PATIENCE} s") from None
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr.strip()}")


def end_group(process: subprocess.Popen) -> None:
    """Ends a program that leads a group of its own, with what it has started, unless it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def first_line(*argv: str) -> str:
    """What a program says about itself, for the report; nothing if it says nothing."""
    try:
        done = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=SHORT_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return lines[0] if lines and done.returncode == 0 else ""


def commit() -> str:
    """The checkout's commit, with a mark if the program's sources differ from it."""
    head = first_line("git", "rev-parse", "--short=10", "HEAD")
    changed = first_line("git", "status", "--porcelain", "--", "src", "Cargo.toml", "Cargo.lock")
    return (head or "no commit") + ("+changes" if changed else "")
