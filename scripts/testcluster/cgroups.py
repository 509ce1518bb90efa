"""The cluster's own control groups.

All processes of the cluster live below one group: the supervisor and what it starts in
the child `node`, the pods in the child `kubepods` that the kubelet makes. Being in that
group is also the surest sign that a process is the cluster's, surer than any recorded
number, so cleaning up goes by it.

cgroup v1 has one tree per controller, mounted one by one, and often an empty v2 tree
beside them, in which runc makes groups too. v2 has one tree, in which a group hands
controllers to its children only while it holds no process itself: hence the leaf `node`.
What is done for v2 alone follows the kernel's documentation; the cluster has only been
run on v1. There the root's controllers are enabled where they are not, and `down` leaves
them enabled: that alone limits nobody, and others may have come to use them meanwhile.
"""

import os
import signal
import time
from pathlib import Path

from report import Failure, Refused
from settings import CGROUP

ROOT = Path("/sys/fs/cgroup")
LEAF = "node"
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
V2_NEEDED = ("cpu", "memory")  # the kubelet sets these for any pod


def _is_v2() -> bool:
    return (ROOT / "cgroup.controllers").exists()


def _trees() -> list[Path]:
    """Where the trees of groups are mounted."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    places = [Path(place) for _, place, kind, *_ in mounts if kind in ("cgroup", "cgroup2")]
    return [place for place in places if place.is_relative_to(ROOT)]


def create() -> None:
    trees = _trees()
    if not trees:
        raise Failure(f"no cgroup file system is mounted below {ROOT}")
    for tree in trees:
        group = tree / CGROUP
        for parent, child in ((tree, group), (group, group / LEAF)):
            if _is_v2():
                _delegate(parent)
            try:
                child.mkdir(exist_ok=True)
            except OSError as error:
                raise Refused(f"cannot make the control group {child}: {error.strerror}") from error
            _inherit_cpuset(parent, child)


def _delegate(parent: Path) -> None:
    """Let the group's children have the controllers they lack."""
    available = (parent / "cgroup.controllers").read_text().split()
    if lacking := [controller for controller in V2_NEEDED if controller not in available]:
        raise Refused(f"{parent}/cgroup.controllers lacks what pods need: {' '.join(lacking)}")
    control = parent / "cgroup.subtree_control"
    enabled = control.read_text().split()
    missing = [f"+{name}" for name in V2_CONTROLLERS if name in available and name not in enabled]
    if not missing:
        return
    try:
        control.write_text(" ".join(missing))
    except OSError as error:
        # In a container: "busy", because its root group has processes, or read-only.
        raise Refused(f"cannot write {' '.join(missing)} to {control}: {error.strerror}; pods need these "
                      "controllers, and a container may not be let have them") from error


def _inherit_cpuset(parent: Path, child: Path) -> None:
    # In v1 a new group has no CPU and no memory node, and then nothing can join it.
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not _is_v2() and (child / name).exists():
            (child / name).write_text((parent / name).read_text())


def join() -> None:
    """Move the calling process into the leaf; its children start there."""
    for tree in _trees():
        (tree / CGROUP / LEAF / "cgroup.procs").write_text("0")


def _groups() -> list[Path]:
    """All the cluster's groups, children before parents."""
    return [Path(path) for tree in _trees() for path, _, _ in os.walk(tree / CGROUP, topdown=False)]


def exist() -> bool:
    return bool(_groups())


def processes() -> set[int]:
    found: set[int] = set()
    for group in _groups():
        try:
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
        except OSError:  # gone meanwhile
            pass
    return found


def wait_until_empty(patience: float) -> None:
    deadline = time.monotonic() + patience
    while processes() and time.monotonic() < deadline:
        time.sleep(0.02)


def kill_all(patience: float = 20) -> None:
    """Kill what is in the groups and wait until nothing is."""
    deadline = time.monotonic() + patience
    while left := processes():
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if time.monotonic() > deadline:
            raise Failure(f"processes of the cluster do not end when killed: {sorted(left)}")
        time.sleep(0.02)


def remove(patience: float = 10) -> None:
    # A group stays busy for a moment after its last process has gone.
    deadline = time.monotonic() + patience
    while groups := _groups():
        for group in groups:
            try:
                group.rmdir()
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Failure(f"cannot remove the control group {group}: {error.strerror}") from error
        time.sleep(0.02)
