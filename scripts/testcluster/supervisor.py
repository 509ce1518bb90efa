"""The node's first process: makes the node's world, starts the parts, outlives none.

`up` starts this program with unshare(1) in new network, mount and PID namespaces. As
process 1 of the PID namespace its end is the end of everything: the kernel kills the
rest, and with the last process go the mounts and the network. So there is no way to be
half down, and nothing here needs to clean up after itself. A part that dies is not
restarted by itself: the record says so and the next `up` starts anew.

It tells `up` how it goes in lines of JSON on the pipe given as its argument. Afterwards it
takes requests on a socket, a line of JSON each, to restart a part or to pause it: how a
node fails is what some tests are about. As the parts' parent it is the one that can.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from parts import Part, all_parts
from settings import (CONTROL, HOST_LINK, LINK_PREFIX, NODE_ADDRESS, NODE_LINK, RECORD, STATE)

LINK_PATIENCE = 20
# For a request to come, once somebody has connected.
REQUEST_PATIENCE = 2
TICK = 0.05
# What the kubelet wants these to be. They belong to the whole machine, and it writes to
# those that differ; shown files with the values it wants, it leaves the machine alone.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main() -> None:
    channel = int(sys.argv[1])
    os.set_inheritable(channel, False)
    node = Node(all_parts(*sys.argv[2:]), channel)
    try:
        node.set_up_world()
        node.start()
    except Broken as broken:
        node.tell(**broken.message)
        sys.exit(1)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(CONTROL))
        listener.listen()
        node.tell(ready=True)
        os.close(channel)
        node.watch(listener)


class Broken(Exception):
    def __init__(self, what: str, why: str, log: Path):
        super().__init__(what)
        self.message = {"failed": what, "why": why, "log": str(log)}


class Node:
    def __init__(self, parts: list[Part], channel: int):
        self.parts = {part.name: part for part in parts}
        self.channel = channel
        self.pids: dict[str, int] = {}  # as numbered in this namespace
        self.started: dict[str, float] = {}
        self.exits: dict[str, int] = {}
        self.done: set[str] = set()

    def tell(self, **message) -> None:
        try:
            os.write(self.channel, (json.dumps(message) + "\n").encode())
        except OSError:  # `up` was interrupted; the cluster still comes up
            pass

    def set_up_world(self) -> None:
        # Before the namespace's own /proc is there, /proc/self is the machine's number for this process.
        self.host_pid = int(os.readlink("/proc/self"))
        self.start_ticks = start_ticks(Path("/proc/self/stat"))
        try:
            set_up_mounts()
            self.write_record()
            self.tell(pid=self.host_pid)  # now `up` can make the link
            set_up_network()
        except (subprocess.SubprocessError, OSError) as error:
            raise Broken("node", f"cannot set up mounts or network: {error}", STATE / "logs" / "node.log") from error

    def write_record(self) -> None:
        """Tell `status` what runs. Complete or not at all, because it may be read any time."""
        services = [part for part in self.parts.values() if part.ready]
        record = {
            "pid": self.host_pid,
            "start_ticks": self.start_ticks,
            "boot": boot_id(),
            "complete": len(self.done) == len(self.parts),
            "parts": [
                {"name": part.name, "pid": self.pids.get(part.name), "exit": self.exits.get(part.name),
                 "log": str(part.log)}
                for part in services
            ],
        }
        temporary = RECORD.with_suffix(".new")
        temporary.write_text(json.dumps(record, indent=2) + "\n")
        temporary.rename(RECORD)

    def start(self) -> None:
        """Start each part as soon as what it needs is ready, until all are."""
        while len(self.done) < len(self.parts):
            for part in self.parts.values():
                if part.name not in self.pids and self.done.issuperset(part.needs):
                    self.launch(part)
                    self.write_record()
            for name in self.pids.keys() - self.done:
                if self.is_up(self.parts[name]):
                    self.done.add(name)
                    self.tell(done=name, seconds=round(self.since_launch(name), 1))
            self.pass_time(TICK)
        self.write_record()

    def launch(self, part: Part) -> None:
        self.started[part.name] = time.monotonic()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.pids[part.name] = os.posix_spawnp(
            part.argv[0], part.argv, {"PATH": os.environ["PATH"], "HOME": str(STATE)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(part.log), flags, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            # Python ignores these two, and an ignored signal stays ignored in a child.
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ], setsid=True)

    def is_up(self, part: Part) -> bool:
        """Whether a service is ready, a task done."""
        code = self.exits.get(part.name)
        if code is not None and (part.ready or code != 0):
            raise Broken(part.name, f"ended with exit code {code}", part.log)
        if code == 0 or (part.ready and part.ready()):
            return True
        if self.since_launch(part.name) > part.patience:
            raise Broken(part.name, f"was not ready within {part.patience:.0f} s", part.log)
        return False

    def since_launch(self, name: str) -> float:
        return time.monotonic() - self.started[name]

    def pass_time(self, seconds: float) -> None:
        """Sleep, and meanwhile collect what ends."""
        end = time.monotonic() + seconds
        self.reap()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, TICK))
            self.reap()

    def reap(self) -> None:
        """Collect the processes that have ended, also those whose parent is gone."""
        names = {pid: name for name, pid in self.pids.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in names:
                self.exits[names[pid]] = os.waitstatus_to_exitcode(status)
                self.write_record()

    def watch(self, listener: socket.socket) -> None:
        """Collect what ends and do what is asked, one request after the other."""
        while True:
            self.reap()
            if select.select([listener], [], [], 4 * TICK)[0]:
                self.answer(listener.accept()[0])

    def answer(self, connection: socket.socket) -> None:
        connection.settimeout(REQUEST_PATIENCE)
        try:
            with connection, connection.makefile("rw") as lines:
                request = json.loads(lines.readline())
                strike = {"restart": self.restart, "pause": self.pause}[request["strike"]]
                try:
                    strike(self.parts[request["part"]], request["seconds"])
                    answer = {}
                except Broken as broken:
                    answer = broken.message
                lines.write(json.dumps(answer) + "\n")
        except (OSError, ValueError, LookupError, TypeError) as error:
            # Whoever asked is gone, which closing the connection tells too, or is of another version: no reason for the
            # node to end.
            print(f"request failed: {error!r}", file=sys.stderr, flush=True)

    def restart(self, part: Part, seconds: float) -> None:
        """End a part as a crash does, and start it again after a while."""
        self.signal(part, signal.SIGKILL)
        while part.name not in self.exits:
            self.pass_time(TICK)
        self.pass_time(seconds)
        self.exits.pop(part.name, None)
        self.launch(part)
        self.write_record()
        self.wait_until_up(part)

    def pause(self, part: Part, seconds: float) -> None:
        """Let a part hang for a while: its connections stay open, and nobody answers."""
        self.signal(part, signal.SIGSTOP)
        try:
            self.pass_time(seconds)
        finally:
            self.signal(part, signal.SIGCONT)
        self.started[part.name] = time.monotonic()
        self.wait_until_up(part)

    def signal(self, part: Part, number: int) -> None:
        # What has not been collected yet still has its number.
        if part.name not in self.exits:
            os.kill(self.pids[part.name], number)

    def wait_until_up(self, part: Part) -> None:
        while not self.is_up(part):
            self.pass_time(TICK)


def start_ticks(stat: Path) -> int | None:
    """When a process was started, in clock ticks since boot, None if it has ended.

    Together with its number this names a process until the next boot.
    """
    # The second field is the program's name in brackets and may hold anything, also blanks.
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[19]) if fields[0] not in "ZX" else None


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=60)


def set_up_mounts() -> None:
    """Give the node own places where its parts write to fixed paths, and its own /proc."""
    run("mount", "-n", "-t", "tmpfs", "node", "/run")
    # The state directory stays; the rest of /var/lib and /var/log, where kubelet and CNI leave files, is hidden.
    Path("/run/state").mkdir()
    run("mount", "-n", "--bind", str(STATE), "/run/state")
    for place in ("/var/lib", "/var/log"):
        run("mount", "-n", "-t", "tmpfs", "node", place)
    STATE.mkdir()
    run("mount", "-n", "--move", "/run/state", str(STATE))
    run("mount", "-n", "-t", "proc", "proc", "/proc")
    for name, value in KERNEL_SETTINGS.items():
        if not Path("/proc/sys", name).exists():
            continue
        shown = Path("/run/kernel-settings", name)
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(f"{value}\n")
        run("mount", "-n", "--bind", str(shown), f"/proc/sys/{name}")
    # As on any node: pods may ask to see later mounts of the host.
    run("mount", "-n", "--make-rshared", "/")


def set_up_network() -> None:
    deadline = time.monotonic() + LINK_PATIENCE
    while NODE_LINK not in (name for _, name in socket.if_nameindex()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{NODE_LINK} did not appear (its other end is {HOST_LINK})")
        time.sleep(0.01)
    # No default route: what is not here is refused at once, not after a time-out.
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{NODE_ADDRESS}/{LINK_PREFIX}", "dev", NODE_LINK)
    run("ip", "link", "set", NODE_LINK, "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


if __name__ == "__main__":
    main()
