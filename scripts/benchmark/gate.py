"""The gate before the clock: an archive that is wrong is worth nothing, however fast.

What kaniko-local packs is read back by Python's tarfile and compared with what Docker's packer makes of the same tree:
every file's name, mode, owner, time, size and content. Both have to keep just the files that the workload's recipe
means to keep.

Directories are compared by BuildKit's rule, which the classic packer does not follow: it also sends the parents of what
is kept when they are excluded themselves. So kaniko-local may send more directories, if something kept is below.
"""

import hashlib
import os
import subprocess
import tarfile
import threading
from typing import IO

from contestants import Contestant, docker
from measure import RUN_PATIENCE
from report import Failure, elapsed, say
from tools import Tools, end_group
from workloads import Workload

CHUNK = 1 << 20

Entries = dict[str, bytes]
SHOWN = 5


def check(contestants: list[Contestant], workload: Workload, tools: Tools) -> str:
    """Check every archive of kaniko-local's; what was compared, in words."""
    began = elapsed()
    packers = [one for one in contestants if one.packs]
    files, directories = _read(docker(tools), workload)
    _compare_names(docker(tools), workload, files)
    for one in packers:
        found, extra = _read(one, workload)
        _compare_names(one, workload, found)
        _compare(one, workload, files, found)
        _compare_directories(one, workload, directories, extra, found)
    what = (f"{len(files)} files and {len(directories)} directories: the same names, modes, owners, times, sizes and "
            f"contents from {', '.join(one.name for one in packers)} as from Docker's packer")
    say(f"{workload.name}: {what} ({elapsed() - began:.0f} s)")
    return what


def _read(contestant: Contestant, workload: Workload) -> tuple[Entries, Entries]:
    """Files (and whatever else is none) and directories of the archive that the contestant writes."""
    [command] = contestant.stages
    packer = subprocess.Popen(command, cwd=workload.tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              start_new_session=True)
    processes, stream = [packer], packer.stdout
    if "gzip:" in contestant.name:
        # The program, not Python's module: it takes several members as well and runs beside.
        unpacker = subprocess.Popen(("gzip", "-dc"), stdin=stream, stdout=subprocess.PIPE, start_new_session=True)
        stream.close()
        processes, stream = [packer, unpacker], unpacker.stdout
    # Ends what hangs; the reader below then sees the end of the stream.
    watch = threading.Timer(RUN_PATIENCE, _end, [processes])
    watch.start()
    try:
        entries = _entries(stream)
        stream.close()
        codes = [process.wait() for process in processes]
    except tarfile.TarError as error:
        raise Failure(f"{workload.name}, {contestant.name}: not an archive that tarfile reads: {error}") from error
    finally:
        watch.cancel()
        _end(processes)
    if any(codes):
        raise Failure(f"{workload.name}, {contestant.name}: exit codes {codes} of packer and unpacker")
    return entries


def _end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        end_group(process)


def _entries(stream: IO[bytes]) -> tuple[Entries, Entries]:
    files, directories = {}, {}
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as tar:
        for member in tar:
            tar.members.clear()  # else it keeps all of them
            name = member.name
            if name in files or name in directories:
                raise Failure(f"{name} is in the archive twice")
            (directories if member.isdir() else files)[name] = _digest(tar, member)
    # What follows the end mark: the packer must not be stopped by a closed pipe.
    while stream.read(CHUNK):
        pass
    return files, directories


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    about = (member.type if not member.isreg() else b"file", member.mode & 0o7777, member.uid, member.gid,
             int(member.mtime), member.size, member.linkname)
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogateescape"))
    if member.isreg():
        content = tar.extractfile(member)
        while piece := content.read(CHUNK):
            digest.update(piece)
    return digest.digest()[:16]


def _compare_names(contestant: Contestant, workload: Workload, found: Entries) -> None:
    kept = set(workload.kept())
    _fail_if(kept - found.keys(), contestant, workload, "lacks")
    _fail_if(found.keys() - kept, contestant, workload, "has, though it is ignored,")


def _compare(contestant: Contestant, workload: Workload, wanted: Entries, found: Entries) -> None:
    _fail_if({name for name in wanted if wanted[name] != found[name]}, contestant, workload,
             "has otherwise than Docker's packer")


def _compare_directories(contestant: Contestant, workload: Workload, wanted: Entries, found: Entries,
                         files: Entries) -> None:
    _fail_if({name for name in wanted if wanted[name] != found.get(name)}, contestant, workload,
             "lacks, or has otherwise than Docker's packer, the directory")
    parents = set()
    for path in files:
        while (path := os.path.dirname(path)) and path not in parents:
            parents.add(path)
    _fail_if(found.keys() - wanted.keys() - parents, contestant, workload, "has the empty, ignored directory")


def _fail_if(names: set[str], contestant: Contestant, workload: Workload, what: str) -> None:
    if names:
        shown = ", ".join(sorted(names)[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise Failure(f"{workload.name}: {contestant.name} {what} {shown}{more}")
