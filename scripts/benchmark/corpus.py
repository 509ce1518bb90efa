"""Real text found on this machine: the sources that Cargo and Go have unpacked, headers, documentation.

Nothing is downloaded, and made-up text would compress unlike any project. The choice depends on nothing but the files
that are there: they are put in an order of their own by a seeded shuffle, so that every part of the text has something
of everything.
"""

import os
import random
from collections import deque
from pathlib import Path

from report import Failure, say

SUFFIXES = frozenset(".rs .go .c .h .hpp .cc .cpp .java .kt .py .js .ts .tsx .css .html .proto .toml .yaml .yml .json "
                     ".xml .md .txt .s .sh .rb .pm .pl".split())
SMALLEST, LARGEST = 256, 128 * 1024
ENOUGH = 1_300_000_000
# With less than this the same text would come again within a file or two.
LEAST = 20_000_000


def _roots() -> list[Path]:
    home = Path.home()
    cargo = Path(os.environ.get("CARGO_HOME", home / ".cargo"))
    go = Path(os.environ.get("GOPATH", home / "go").split(os.pathsep)[0] if "GOPATH" in os.environ else home / "go")
    return [cargo / "registry/src", Path(os.environ.get("GOMODCACHE", go / "pkg/mod")), Path("/usr/local/go/src"),
            Path("/usr/lib/go"), Path("/usr/include"), Path("/usr/share"), Path("/usr/lib/python3")]


def _candidates(root: Path) -> list[tuple[str, int]]:
    found = []
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            if os.path.splitext(name)[1] not in SUFFIXES:
                continue
            path = os.path.join(directory, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if SMALLEST <= status.st_size <= LARGEST and os.path.isfile(path) and not os.path.islink(path):
                found.append((path, status.st_size))
    return found


def _choose() -> list[str]:
    chosen, size = [], 0
    for root in _roots():
        for path, bytes_ in _candidates(root):
            chosen.append(path)
            size += bytes_
    if size < LEAST:
        raise Failure(f"the workloads are made of text found on this machine, and here are only {size / 1e6:.0f} MB of "
                      f"it; {LEAST / 1e6:.0f} MB are needed, building kaniko-local brings that much")
    random.Random("corpus").shuffle(chosen)
    say(f"found {len(chosen)} text files, {size / 1e6:.0f} MB" +
        ("" if size >= ENOUGH else "; the largest workload repeats some, far apart"))
    return chosen


class Text:
    """The text as one stream, from which workloads cut files; begins again when it is used up."""

    _chosen: list[str] | None = None

    def __init__(self, seed: str) -> None:
        # One walk over the machine, however many workloads.
        if Text._chosen is None:
            Text._chosen = _choose()
        start = random.Random(seed).randrange(len(Text._chosen))
        self._paths = deque(Text._chosen)
        self._paths.rotate(-start)
        self._rest = bytearray()

    def take(self, size: int) -> bytes:
        """About `size` bytes, cut where a line ends if there is one in the last quarter."""
        while len(self._rest) < size:
            self._rest += self._next_file()
        line = self._rest.rfind(b"\n", size * 3 // 4, size) + 1
        size = line or size
        piece = bytes(self._rest[:size])
        del self._rest[:size]
        return piece

    def _next_file(self) -> bytes:
        self._paths.rotate(-1)
        try:
            content = Path(self._paths[-1]).read_bytes()
        except OSError:
            return b""
        return b"" if b"\0" in content else content
