"""The built things: Go programs and the image archives, made once and cached.

The name of each holds a hash of all it is made from, so a change of a pinned version
makes a new one and nothing has to be invalidated. Each is written under a temporary
name and renamed when complete: what has its final name is whole.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import host
import images
from report import Failure, elapsed, say
from settings import (ARCHITECTURE, BUILDKIT_MODULE, BUILDKIT_SOURCE, BUILDKIT_VERSION, KANIKO_MODULE,
                      KANIKO_SOURCE, KANIKO_VERSION, KUBERNETES_SOURCE, PATH, SOURCE, cache, kubernetes_version_flags)

GO_PATIENCE = 20 * 60
# Prefixes of what is not complete. The oracle is built without the cluster's lock: each clears its own away only.
UNFINISHED, ORACLE_UNFINISHED = ".building-", ".oracle-"


@dataclass
class Artifacts:
    kubernetes: Path  # control plane and kubelet in one program
    executor: Path  # Kaniko's, as it is in its images
    node_images: Path  # archive of the images the node has from the start
    base_image: Path  # archive of the base image, for the registries


def provide() -> Artifacts:
    """All artefacts, those that are missing built first."""
    cache().mkdir(parents=True, exist_ok=True)
    for abandoned in cache().glob(f"{UNFINISHED}*"):
        shutil.rmtree(abandoned)
    kubernetes = _go_programs("kubernetes", KUBERNETES_SOURCE, ["."], kubernetes_version_flags())
    executor = _go_programs("executor", KANIKO_SOURCE, [f"{KANIKO_MODULE}/cmd/executor"],
                            f"-X {KANIKO_MODULE}/pkg/version.version={KANIKO_VERSION}")
    busybox = cached("busybox", digest(ARCHITECTURE, host.BUSYBOX_RELEASE), host.unpack_busybox)
    recipe = digest(executor.name, hashlib.sha256(busybox.read_bytes()).hexdigest(),
                     host.package_version("ca-certificates"), (SOURCE / "images.py").read_text())
    node_images = cached("node-images.tar", recipe, lambda out: images.write_node_images(out, executor, busybox))
    base_image = cached("base-image.tar", recipe, lambda out: images.write_base_image(out, busybox))
    return Artifacts(kubernetes, executor, node_images, base_image)


def provide_oracle() -> Path:
    """The directory of buildkitd and buildctl, built first if it is not there."""
    for abandoned in cache().glob(f"{ORACLE_UNFINISHED}*"):
        shutil.rmtree(abandoned)
    packages = [f"{BUILDKIT_MODULE}/cmd/{name}" for name in ("buildkitd", "buildctl")]
    return _go_programs("buildkit", BUILDKIT_SOURCE, packages, f"-X {BUILDKIT_MODULE}/version.Version={BUILDKIT_VERSION}",
                        prefix=ORACLE_UNFINISHED)


def _go_programs(name: str, source: Path, packages: list[str], version_flags: str, prefix: str = UNFINISHED) -> Path:
    """A program, or the directory of several."""
    sources = [path.read_text() for path in sorted(source.iterdir()) if path.suffix in (".go", ".mod", ".sum")]
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {version_flags}"]

    def build(out: Path) -> None:
        go = shutil.which("go", path=PATH)
        if not go:
            raise Failure(f"Go 1.24 or newer is needed to build {name} and is not on PATH")
        if len(packages) > 1:
            out.mkdir()
        env = {**os.environ, "PATH": PATH, "CGO_ENABLED": "0", "GOWORK": "off", "GOOS": "linux", "GOARCH": ARCHITECTURE}
        _logged([go, "build", *flags, "-o", str(out), *packages], cwd=source, env=env, log=cache() / f"{name}.log")

    return cached(name, digest(ARCHITECTURE, *packages, *flags, *sources), build, prefix)


def _logged(argv: list[str], log: Path, **options) -> None:
    """Run a long command with its output in a log of its own."""
    with log.open("w") as output:
        try:
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=GO_PATIENCE,
                                  **options).returncode
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(argv)}: not done within {GO_PATIENCE} s, log {log}") from None
    if code:
        last = "\n".join(log.read_text().splitlines()[-15:])
        raise Failure(f"{' '.join(argv[:2])} failed with exit code {code}, log {log}:\n{last}")


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cached(name: str, key: str, make: Callable[[Path], None], prefix: str = UNFINISHED) -> Path:
    """The artefact of that name and key, made first if it is not there."""
    stem, dot, suffix = name.partition(".")
    final = cache() / f"{stem}-{key}{dot}{suffix}"
    if final.exists():
        return final
    say(f"building {name}")
    began = elapsed()
    # A directory of its own, so that an interrupted build leaves one thing to delete.
    with tempfile.TemporaryDirectory(prefix=prefix, dir=cache()) as directory:
        out = Path(directory) / name
        make(out)
        out.rename(final)
    say(f"built {name} in {elapsed() - began:.1f} s")
    return final
