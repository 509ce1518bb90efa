"""The workloads: trees of files with a known answer to what of them is kept.

Each recipe knows by construction which files its ignore file keeps, without asking any matcher, so that the archives of
kaniko-local and of Docker's packer are both checked against something. A tree is made once and used by later runs as
long as its recipe, which is the source of the functions that make it, stays the same.
"""

import fcntl
import hashlib
import inspect
import json
import math
import os
import random
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import corpus
from corpus import Text
from report import Failure, Refused, elapsed, say

DOCKERFILE = b"FROM scratch\nCOPY . /\n"
# Fixed, so that an archive of a tree made again has the same bytes.
TIME = 1_700_000_000


class Tree:
    """A workload being made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kept: list[str] = []
        self.pruned: list[str] = []
        self.files = 0
        self.kept_bytes = 0
        self._made: set[str] = set()

    def add(self, path: str, content: bytes, kept: bool = True) -> None:
        target = self._place(path, len(content), kept)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            written = os.write(descriptor, content)
            while written < len(content):
                written += os.write(descriptor, content[written:])
        finally:
            os.close(descriptor)
        os.utime(target, (TIME, TIME))

    def add_sparse(self, path: str, size: int, blocks: dict[int, bytes]) -> None:
        target = self._place(path, size, kept=True)
        with open(target, "xb") as file:
            file.truncate(size)
            for offset, content in blocks.items():
                file.seek(offset)
                file.write(content)
        os.utime(target, (TIME, TIME))

    def _place(self, path: str, size: int, kept: bool) -> str:
        directory = os.path.dirname(path)
        if directory not in self._made:
            os.makedirs(self.root / directory, exist_ok=True)
            self._made.add(directory)
        self.files += 1
        if kept:
            self.kept.append(path)
            self.kept_bytes += size
        return os.path.join(self.root, path)

    def finish(self) -> None:
        for directory, _, _ in os.walk(self.root):
            os.utime(directory, (TIME, TIME))


def sizes(seed: str, count: int, total: int, spread: float = 1.2) -> list[int]:
    """Sizes of source files: about lognormal, as those of real projects, with that sum."""
    source = random.Random(seed)
    drawn = [source.lognormvariate(0, spread) for _ in range(count)]
    scale = total / math.fsum(drawn)
    return [max(1, round(size * scale)) for size in drawn]


def noise(seed: str, size: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def listing(tree: Tree, quick: bool) -> None:
    """W0: 20 files, as `context ls` sees a small project."""
    text = Text("W0")
    tree.add("Dockerfile", DOCKERFILE)
    tree.add(".dockerignore", b".git\n*.log\n")
    for number, size in enumerate(sizes("W0", 18, 60_000)):
        tree.add(f"src/part{number % 3}/file{number:02}.txt", text.take(size))


def java(tree: Tree, quick: bool) -> None:
    """W1: a small Maven project after a build."""
    text = Text("W1")
    tree.add("Dockerfile", DOCKERFILE)
    tree.add(".dockerignore", b"# what Maven, git and the IDE leave behind\ntarget/\n.git/\n.idea/\n*.iml\n**/*.log\n")
    tree.add("pom.xml", text.take(4000))
    for number, size in enumerate(sizes("W1", 197, 2_000_000)):
        side = "test" if number % 4 == 3 else "main"
        tree.add(f"src/{side}/java/com/example/shop/part{number % 11:02}/Class{number:03}.java", text.take(size))
    tree.pruned += ["target", ".git", ".idea"]
    for number in range(600):
        tree.add(f"target/classes/com/example/shop/part{number % 11:02}/Class{number:03}.class",
                 noise(f"W1 class {number}", 3000), kept=False)
    tree.add("target/shop-1.0.jar", noise("W1 jar", 30_000_000), kept=False)
    tree.add(".git/objects/pack/pack-1.pack", noise("W1 pack", 25_000_000), kept=False)
    for number in range(800):
        tree.add(f".git/objects/{number % 256:02x}/{number:038x}", noise(f"W1 object {number}", 1500), kept=False)
    for number in range(8):
        tree.add(f".idea/part{number}.xml", text.take(2000), kept=False)
    tree.add("shop.iml", text.take(1000), kept=False)


def node(tree: Tree, quick: bool) -> None:
    """W2: a Node project with everything installed."""
    text = Text("W2")
    packages = 40 if quick else 800
    tree.add("Dockerfile", DOCKERFILE)
    tree.add(".dockerignore", b"node_modules\n.git\ncoverage\n*.log\n**/.DS_Store\n")
    tree.add("package.json", text.take(1500))
    for number, size in enumerate(sizes("W2", 497, 3_000_000)):
        tree.add(f"src/feature{number % 23:02}/part{number % 3}/file{number:03}.ts", text.take(size))
    tree.pruned += ["node_modules"]
    for number, size in enumerate(sizes("W2 modules", packages * 50, packages * 50 * 2000)):
        tree.add(f"node_modules/package{number // 50:03}/lib{number // 10 % 5}/file{number % 50:02}.js",
                 text.take(size), kept=False)
    tree.add("npm-debug.log", text.take(3000), kept=False)


def monorepo(tree: Tree, quick: bool) -> None:
    """W3: a large repository of sources, without an ignore file."""
    source_files(tree, *((2_000, 22_600_000) if quick else (100_000, 1_130_000_000)))


def source_files(tree: Tree, count: int, total: int) -> None:
    """As many files of source code, with that many bytes together."""
    text = Text("W3")
    tree.add("Dockerfile", DOCKERFILE)
    suffixes = ("go", "ts", "java", "py", "proto", "md")
    for number, size in enumerate(sizes("W3", count - 1, total)):
        package, file = divmod(number, 25)
        service, package = divmod(package, 100)
        tree.add(f"services/service{service:02}/package{package // 4:02}/part{package % 4}/"
                 f"file{file:02}.{suffixes[number % len(suffixes)]}", text.take(size))


def jars(tree: Tree, quick: bool) -> None:
    """W4: four large files that do not compress."""
    size = (8 if quick else 256) << 20
    tree.add("Dockerfile", DOCKERFILE)
    for number in range(4):
        # In pieces: the generator needs several times the memory of what it makes.
        tree.add(f"lib/app-{number}.jar",
                 b"".join(noise(f"W4 {number} {piece}", 1 << 20) for piece in range(size >> 20)))


HOSTILE = b"""\
# Every pattern has to be tried on every path, no directory can be passed over, and exceptions bring files back.
**/*.log
**/*.tmp
**/*.bak
**/*.o
**/*.class
**/*.py[co]
**/*.min.js
**/*.map
**/.*.sw?
**/test*/**/*.snap
**/generated/**
**/cache-?/*
**/coverage-[0-9]*/*
*/*/build/**
**/docs/**/*.md
!**/keep-*.log
!**/generated/README*
!**/docs/**/index.md
!*/*/build/release-*
!**/*.keep.tmp
**/keep-never-*.log
"""

# In each module: directory, name, how many, whether they are kept. One in eight of 400 is.
MODULE = (
    ("src", "file{:02}.ts", 34, True),
    ("src", "file{:02}.min.js", 26, False),
    ("src", "file{:02}.map", 40, False),
    ("src", ".file{:02}.swp", 10, False),
    ("src", "file{:02}.tmp", 12, False),
    ("src", "file{:02}.keep.tmp", 2, True),
    ("logs", "day{:02}.log", 60, False),
    ("logs", "keep-{:02}.log", 4, True),
    ("logs", "keep-never-{:02}.log", 6, False),
    ("generated", "code{:02}.ts", 60, False),
    ("generated", "README{}", 2, True),
    ("build", "part{:02}.o", 60, False),
    ("build", "release-{}", 4, True),
    ("docs/guide", "page{:02}.md", 20, False),
    ("docs/api", "page{:02}.md", 20, False),
    ("docs/guide", "index.md", 1, True),
    ("docs/api", "index.md", 1, True),
    ("docs/api", "figure{}.svg", 2, True),
    ("test/unit", "case{:02}.snap", 20, False),
    ("cache-a", "entry{:02}", 16, False),
)


def exclusions(tree: Tree, quick: bool) -> None:
    """W5: many small files and an ignore file that is hard work."""
    text = Text("W5")
    modules = 20 if quick else 500
    drawn = iter(sizes("W5", modules * sum(count for _, _, count, _ in MODULE), modules * 400 * 1400, 0.9))
    tree.add("Dockerfile", DOCKERFILE)
    tree.add(".dockerignore", HOSTILE)
    for number in range(modules):
        for directory, name, count, kept in MODULE:
            for file in range(count):
                tree.add(f"app{number // 25:02}/module{number % 25:02}/{directory}/{name.format(file)}",
                         text.take(next(drawn)), kept)


def sparse(tree: Tree, quick: bool) -> None:
    """WS: one huge file with next to nothing in it."""
    size = (256 << 20) if quick else (20 << 30)
    tree.add("Dockerfile", DOCKERFILE)
    text = Text("WS")
    tree.add_sparse("disk.img", size, {size // 8 * block: text.take(64 * 1024) for block in range(8)})


def million(tree: Tree, quick: bool) -> None:
    """WM: a million files of a few bytes."""
    directories = 20 if quick else 1000
    tree.add("Dockerfile", DOCKERFILE)
    for directory in range(directories):
        for file in range(1000):
            tree.add(f"d{directory:04}/f{file:04}.txt", b"%d\n" % (directory * 1000 + file))


def upload(tree: Tree, quick: bool) -> None:
    """C1: one file that does not compress."""
    _build_of_next_to_nothing(tree)
    # In pieces: the generator needs several times the memory of what it makes.
    tree.add("blob", b"".join(noise(f"C1 {piece}", 1 << 20) for piece in range(64 if quick else 1024)))


def repository(tree: Tree, quick: bool) -> None:
    """C2: a repository of sources like W3, with fewer files."""
    source_files(tree, *((2_000, 22_600_000) if quick else (27_000, 300_000_000)))


def zeros(tree: Tree, quick: bool) -> None:
    """C3: one huge file of zeros."""
    _build_of_next_to_nothing(tree)
    tree.add_sparse("disk.img", (256 << 20) if quick else (4 << 30), {})


def _build_of_next_to_nothing(tree: Tree) -> None:
    tree.add("Dockerfile", b"FROM scratch\nCOPY hello /\n")
    tree.add("hello", b"hello\n")


RECIPES: dict[str, Callable[[Tree, bool], None]] = {
    "W0": listing, "W1": java, "W2": node, "W3": monorepo, "W4": jars, "W5": exclusions, "WS": sparse, "WM": million,
}
# What is sent into a cluster.
CLUSTER_RECIPES: dict[str, Callable[[Tree, bool], None]] = {"C1": upload, "C2": repository, "C3": zeros}


@dataclass
class Workload:
    """A tree that is there, and what is known of it."""

    name: str
    summary: str
    tree: Path
    kept_list: Path  # relative paths, each ended by NUL, sorted by directory
    pruned_list: Path
    files: int
    kept_files: int
    kept_bytes: int
    fingerprint: str  # of names and contents of what is kept

    @property
    def megabytes(self) -> float:
        return self.kept_bytes / 1e6

    def kept(self) -> list[str]:
        return self.kept_list.read_bytes().decode().split("\0")[:-1]


@contextmanager
def locked(keep: Path):
    """Alone with the trees: two runs would spoil each other's numbers, and the trees that they make."""
    keep.mkdir(parents=True, exist_ok=True)
    with open(keep / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another run is measuring with the trees in {keep}") from None
        yield


def provide(name: str, quick: bool, keep: Path) -> Workload:
    """The workload of that name, made if it is not there or its recipe changed."""
    recipe = {**RECIPES, **CLUSTER_RECIPES}[name]
    digest = _recipe_digest(recipe)
    place = keep / (f"{name}-quick" if quick else name)
    record = place / "workload.json"
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        known = {}
    if known.get("recipe") != digest:
        known = _make(name, recipe, digest, quick, place)
    summary = (recipe.__doc__ or "").split(": ", 1)[1].rstrip(".")
    return Workload(name, summary, place / "tree", place / "kept", place / "pruned", known["files"],
                    known["kept_files"], known["kept_bytes"], known["fingerprint"])


def _recipe_digest(recipe: Callable) -> str:
    parts = [recipe, source_files, _build_of_next_to_nothing, Tree, sizes, noise, corpus, DOCKERFILE, HOSTILE, MODULE,
             TIME]
    sources = [repr(part) if isinstance(part, (bytes, tuple, int)) else inspect.getsource(part) for part in parts]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


# Generous: bytes on disk and files, for the largest workload of all.
_NEEDED = {"W3": (2 << 30, 110_000), "W4": (2 << 30, 100), "W5": (2 << 30, 220_000), "WM": (6 << 30, 1_100_000),
           "C1": (2 << 30, 100)}


def _make(name: str, recipe: Callable[[Tree, bool], None], digest: str, quick: bool, place: Path) -> dict:
    say(f"making {place.name}: {(recipe.__doc__ or '').strip()}")
    began = elapsed()
    if not quick:
        _check_space(name, place.parent)
    shutil.rmtree(place, ignore_errors=True)
    new = place.with_name(f"{place.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    (new / "tree").mkdir(parents=True)
    tree = Tree(new / "tree")
    recipe(tree, quick)
    tree.finish()
    kept = sorted(tree.kept, key=lambda path: (os.path.dirname(path), path))
    (new / "kept").write_bytes(b"".join(path.encode() + b"\0" for path in kept))
    (new / "pruned").write_bytes(b"".join(path.encode() + b"\0" for path in tree.pruned))
    known = {"recipe": digest, "files": tree.files, "kept_files": len(kept), "kept_bytes": tree.kept_bytes,
             "fingerprint": _fingerprint(tree.root, kept)}
    (new / "workload.json").write_text(json.dumps(known))
    new.rename(place)
    say(f"made {place.name}: {tree.files} files, kept {len(kept)} with {tree.kept_bytes / 1e6:.1f} MB, "
        f"in {elapsed() - began:.0f} s")
    return known


def _check_space(name: str, keep: Path) -> None:
    bytes_, inodes = _NEEDED.get(name, (1 << 29, 60_000))
    keep.mkdir(parents=True, exist_ok=True)
    free = os.statvfs(keep)
    # Some file systems make inodes as they need them and count none.
    if free.f_bavail * free.f_frsize < bytes_ or 0 < free.f_favail < inodes:
        raise Failure(f"{name} needs {bytes_ / 1e9:.0f} GB and {inodes} files in {keep}, there is less; "
                      "--keep names another directory")


def _fingerprint(root: Path, kept: list[str]) -> str:
    """Tells whether two machines, or two times, have the same workload. Of huge files the size will do."""
    digest = hashlib.sha256()
    for path in kept:
        size = os.path.getsize(root / path)
        digest.update(f"{path}\0{size}\0".encode())
        if size < 1 << 20:
            with open(root / path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()[:12]
