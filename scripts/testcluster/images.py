"""The container images, written by hand as Docker archives.

The published Kaniko images are not pulled: tests must not hang on a network or on
somebody's registry. The images made here carry the published names and have what
a pod can notice of the published ones: entry point, working directory, environment,
modes, CA certificates, and in the debug image busybox as a volume. They lack the
credential helpers and the cache warmer.

Layers are plain tar files with fixed times and owners, so the same inputs give the same
image ID. Both executor images share the large layer.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import host
from settings import (ARCHITECTURE, BASE_REPOSITORY, BASE_TAGS, EXECUTOR_DEBUG_IMAGE, EXECUTOR_IMAGE,
                      PAUSE_IMAGE)

CA_CERTIFICATES = Path("/usr/share/ca-certificates/mozilla")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP = "root:x:0:\nnobody:x:65534:\n"


class Layer:
    """A file system layer, built entry by entry."""

    def __init__(self):
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.PAX_FORMAT)

    def _entry(self, path: str, mode: int, kind: bytes) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(path)
        entry.mode, entry.type, entry.mtime = mode, kind, 0
        entry.uname = entry.gname = "root"
        return entry

    def directory(self, path: str, mode: int = 0o755) -> None:
        self._tar.addfile(self._entry(path, mode, tarfile.DIRTYPE))

    def link(self, path: str, target: str) -> None:
        entry = self._entry(path, 0o777, tarfile.SYMTYPE)
        entry.linkname = target
        self._tar.addfile(entry)

    def file(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        if isinstance(content, str):
            content = content.encode()
        entry = self._entry(path, mode, tarfile.REGTYPE)
        entry.size = len(content)
        self._tar.addfile(entry, io.BytesIO(content))

    def bytes(self) -> bytes:
        self._tar.close()
        return self._buffer.getvalue()


def write_node_images(out: Path, executor: Path, busybox: Path) -> None:
    executor_layer = _executor_layer(executor)
    debug_layer = _debug_layer(busybox)
    _write_archive(out, [
        ([PAUSE_IMAGE], [_pause_layer(busybox)], {"Entrypoint": ["/busybox", "sleep", "2147483647"]}),
        ([EXECUTOR_IMAGE], [executor_layer], _executor_config("/usr/local/bin:/kaniko")),
        ([EXECUTOR_DEBUG_IMAGE], [executor_layer, debug_layer],
         {**_executor_config("/usr/local/bin:/kaniko:/busybox"), "Volumes": {"/busybox": {}}}),
    ])


def write_base_image(out: Path, busybox: Path) -> None:
    config = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}
    _write_archive(out, [([f"{BASE_REPOSITORY}:{tag}" for tag in BASE_TAGS], [_base_layer(busybox)], config)])


def _executor_config(path: str) -> dict:
    return {
        "Entrypoint": ["/kaniko/executor"],
        "WorkingDir": "/workspace",
        "Env": [
            f"PATH={path}",
            "HOME=/root",
            "USER=root",
            "SSL_CERT_DIR=/kaniko/ssl/certs",
            "DOCKER_CONFIG=/kaniko/.docker/",
            "DOCKER_CREDENTIAL_GCR_CONFIG=/kaniko/.config/gcloud/docker_credential_gcr_config.json",
        ],
    }


def _executor_layer(executor: Path) -> bytes:
    # From the package's files, not from /etc/ssl: that bundle also has what the machine's owner added.
    certificates = "".join(path.read_text() for path in sorted(CA_CERTIFICATES.glob("*.crt")))
    layer = Layer()
    layer.directory("kaniko", 0o777)
    layer.file("kaniko/executor", executor.read_bytes(), 0o755)
    for path in ("kaniko/ssl", "kaniko/ssl/certs"):
        layer.directory(path)
    layer.file("kaniko/ssl/certs/ca-certificates.crt", certificates)
    layer.directory("kaniko/.docker")
    layer.file("kaniko/.docker/config.json", "{}\n")
    layer.directory("etc")
    layer.file("etc/nsswitch.conf", "hosts: files dns\n")
    layer.directory("workspace")
    return layer.bytes()


def _debug_layer(busybox: Path) -> bytes:
    layer = Layer()
    # Symbolic links: a runtime fills the volume by copying, and would make a hard link a full copy.
    _busybox(layer, "busybox", busybox)
    layer.directory("bin")
    layer.link("bin/sh", "/busybox/sh")
    return layer.bytes()


def _base_layer(busybox: Path) -> bytes:
    layer = Layer()
    _busybox(layer, "bin", busybox)
    for path in ("usr", "usr/bin", "etc", "home", "var"):
        layer.directory(path)
    layer.link("usr/bin/env", "../../bin/env")
    layer.file("etc/passwd", PASSWD)
    layer.file("etc/group", GROUP)
    layer.directory("root", 0o700)
    layer.directory("tmp", 0o1777)
    return layer.bytes()


def _pause_layer(busybox: Path) -> bytes:
    layer = Layer()
    layer.file("busybox", busybox.read_bytes(), 0o755)
    return layer.bytes()


def _busybox(layer: Layer, directory: str, busybox: Path) -> None:
    applets = host.run(str(busybox), "--list").split()
    layer.directory(directory)
    layer.file(f"{directory}/busybox", busybox.read_bytes(), 0o755)
    for applet in applets:
        if applet != "busybox":
            layer.link(f"{directory}/{applet}", "busybox")


def _write_archive(out: Path, images: list[tuple[list[str], list[bytes], dict]]) -> None:
    """A Docker archive of images given as (names, layers, config)."""
    with tarfile.open(out, "w") as archive:
        written = set()

        def add(name: str, content: bytes) -> str:
            if name not in written:
                written.add(name)
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            return name

        manifest = []
        for names, layers, config in images:
            digests = [_sha256(layer) for layer in layers]
            paths = [add(f"{digest}/layer.tar", layer) for digest, layer in zip(digests, layers)]
            image = json.dumps({
                "architecture": ARCHITECTURE,
                "os": "linux",
                "created": "1970-01-01T00:00:00Z",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
                "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "scripts/cluster"}] * len(layers),
            }).encode()
            manifest.append({"Config": add(f"{_sha256(image)}.json", image), "RepoTags": names, "Layers": paths})
        add("manifest.json", json.dumps(manifest).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
