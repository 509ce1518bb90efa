"""Looks into a pushed image: is it, byte for byte, what was to be built?"""

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

from report import Failure

PATIENCE = 60


def check(repository: str, digest: str, files: dict[str, bytes]) -> None:
    """Pulls by digest, which skopeo compares with what comes, and compares the files of all layers."""
    name = f"{repository}@{digest}"
    with tempfile.TemporaryDirectory() as directory:
        _pull(name, directory)
        found: dict[str, bytes] = {}
        for layer in json.loads((Path(directory) / "manifest.json").read_text())["layers"]:
            with tarfile.open(Path(directory) / layer["digest"].removeprefix("sha256:")) as archive:
                found |= {entry.name.lstrip("./"): archive.extractfile(entry).read() for entry in archive
                          if entry.isfile()}
    if found != files:
        raise Failure(f"{name} is wrong: it has {_told(found)} instead of {_told(files)}")


def _pull(name: str, directory: str) -> None:
    command = ["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", f"docker://{name}",
               f"dir:{directory}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure(f"{name}: not pulled within {PATIENCE} s") from None
    if done.returncode:
        raise Failure(f"{name}: {done.stderr.strip()}")


def _told(files: dict[str, bytes]) -> str:
    return ", ".join(f"{name} ({len(content)} bytes)" for name, content in sorted(files.items())) or "nothing"
