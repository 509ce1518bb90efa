"""Images of given layers, and their way into the registry of the cluster.

skopeo pushes a directory that is written by hand as skopeo writes one. What the registry has already is not pushed.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import host
from report import Failure, elapsed, say
from settings import ARCHITECTURE

PATIENCE = 5 * 60
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


@dataclass
class Image:
    name: str  # repository:tag below the registry
    layers: list[Path | bytes]
    config: dict = field(default_factory=dict)


def provide(image: Image, registry: str) -> str:
    """The image's full name; it is there when this returns."""
    began = elapsed()
    name = f"{registry}/{image.name}"
    with tempfile.TemporaryDirectory() as directory:
        manifest = _write(image, Path(directory))
        if _digest_there(name) == hashlib.sha256(manifest).hexdigest():
            return name
        # --preserve-digests: otherwise it would compress them.
        host.run("skopeo", "--insecure-policy", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false",
                 f"dir:{directory}", f"docker://{name}", timeout=PATIENCE)
    say(f"pushed {image.name} in {elapsed() - began:.1f} s")
    return name


def _digest_there(name: str) -> str | None:
    try:
        raw = host.run("skopeo", "--insecure-policy", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    except Failure:
        return None
    return hashlib.sha256(raw.encode()).hexdigest()


def _write(image: Image, directory: Path) -> bytes:
    described = [_put(layer, directory) for layer in image.layers]
    config = json.dumps({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest, _ in described]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "scripts/scenario"}] * len(described),
    }).encode()
    digest, size = _put(config, directory)
    manifest = json.dumps({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": size, "digest": f"sha256:{digest}"},
        "layers": [{"mediaType": LAYER, "size": size, "digest": f"sha256:{digest}"} for digest, size in described],
    }).encode()
    (directory / "manifest.json").write_bytes(manifest)
    (directory / "version").write_text("Directory Transport Version: 1.1\n")
    return manifest


def _put(blob: Path | bytes, directory: Path) -> tuple[str, int]:
    """Digest and size of what is in the directory by its digest then."""
    if isinstance(blob, bytes):
        digest = hashlib.sha256(blob).hexdigest()
        (directory / digest).write_bytes(blob)
        return digest, len(blob)
    with blob.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    link = directory / digest
    if not link.exists():
        link.symlink_to(blob)
    return digest, blob.stat().st_size
