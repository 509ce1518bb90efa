"""The commands for the cluster made on this machine.

`up` never repairs: a cluster is either healthy and left alone, or removed and made anew,
which takes seconds. Removing goes by what the cluster owns (its control groups, its
link, its directory), each looked for on its own, so it works from any half state.

restart, pause and link are for tests: they strike the node, and end when it is healthy again.
"""

import fcntl
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import artifacts
import cgroups
import host
import nodefiles
import probe
import supervisor
from report import Failure, Refused, say
from settings import (API_URL, BASE_IMAGE, EXECUTOR, CONTROL, HOST_ADDRESS, HOST_LINK, KUBECONFIG, LOCK, LOGS, MADE_BY,
                      NODE_ADDRESS, NODE_NAME, PATH, PKI, RECORD, REGISTRY, SOURCE, STATE, TLS_REGISTRY,
                      TLS_REGISTRY_NAME, TLS_REGISTRY_PASSWORD, TLS_REGISTRY_USER, sources_digest)

LOCK_PATIENCE = 15 * 60
START_PATIENCE = 180
RECOVERY_PATIENCE = 60
LOG_LINES = 12
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def up() -> None:
    host.check()
    with _lock():
        host.release_services()
        if not _problems():
            if MADE_BY.exists() and MADE_BY.read_text() == sources_digest():
                say("the cluster is already up")
                return
            say("the running cluster was made by another version of these scripts: making it anew")
        elif _traces():
            say("removing what is left of an earlier cluster")
        _remove()
        try:
            cgroups.create()  # the likeliest to be refused, so before anything is downloaded and built
            host.install_packages()
            host.check_network()
            _start(artifacts.provide())
        except BaseException:
            _remove(keep_state=True)
            raise
        say(f"the cluster is up: API {API_URL}, registries {REGISTRY} and {TLS_REGISTRY}")
        say('use it with: eval "$(scripts/cluster env)"')


def down() -> None:
    host.check()
    with _lock():
        host.release_services()
        if _traces():
            _remove()
            say("the cluster is down; what was built for it stays cached")
        else:
            say("there is no cluster")
        LOCK.unlink()


def status() -> bool:
    host.check()
    problems = _problems()
    record = _read_record()
    if record:
        alive = _supervisor_runs(record)
        running = _inner_pids(record["pid"]) if alive else {}
        _print_part("supervisor", record["pid"] if alive else None, LOGS / "node.log")
        for part in record["parts"]:
            _print_part(part["name"], running.get(part["pid"]), part["log"])
        if alive:
            if slowed := host.slowed_link():
                print(f"link {HOST_LINK}: slowed down to {slowed}")
            print(f"node {NODE_NAME} ({NODE_ADDRESS}, this machine {HOST_ADDRESS}): {probe.node_state()}")
            print(f"API {API_URL}, registry {REGISTRY}, TLS registry {TLS_REGISTRY} ({TLS_REGISTRY_NAME})")
    print(f"not healthy: {'; '.join(problems)}" if problems else "healthy")
    return not problems


def _print_part(name: str, pid: int | None, log: Path | str) -> None:
    print(f"{name:24} {'running' if pid else 'dead':8} {f'pid {pid}' if pid else '':12} {log}")


def env() -> None:
    host.check()
    if problems := _problems():
        raise Failure(f"the cluster is not up ({'; '.join(problems)}); start it with: scripts/cluster up")
    print_exports({
        "KUBECONFIG": KUBECONFIG,
        "KANIKO_LOCAL_TEST_REGISTRY": REGISTRY,
        "KANIKO_LOCAL_TEST_BASE_IMAGE": BASE_IMAGE,
        "KANIKO_LOCAL_TEST_EXECUTOR": EXECUTOR,
        "KANIKO_LOCAL_TEST_TLS_REGISTRY": TLS_REGISTRY,
        "KANIKO_LOCAL_TEST_TLS_REGISTRY_CA": PKI / "ca.crt",
        "KANIKO_LOCAL_TEST_TLS_REGISTRY_USER": TLS_REGISTRY_USER,
        "KANIKO_LOCAL_TEST_TLS_REGISTRY_PASSWORD": TLS_REGISTRY_PASSWORD,
        **_proxy_exceptions(),
    })


def _proxy_exceptions() -> dict:
    """If programs are told to use a proxy, how they are told not to for the node."""
    if not any(os.environ.get(name) for name in PROXY_VARIABLES):
        return {}
    exceptions = {}
    # Programs differ in which of the two they read.
    for name, other in (("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")):
        there = (os.environ.get(name) or os.environ.get(other) or "").strip()
        listed = [entry.strip() for entry in there.split(",")]
        if "*" in listed or NODE_ADDRESS in listed:
            exceptions[name] = there
        else:
            exceptions[name] = f"{there},{NODE_ADDRESS}" if there else NODE_ADDRESS
    return exceptions


def print_exports(variables: dict) -> None:
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(str(value))}")


@contextmanager
def _lock():
    """Let one `up` or `down` work at a time; the kernel lets go of the lock if this process dies."""
    deadline, waiting = time.monotonic() + LOCK_PATIENCE, False
    while True:
        with LOCK.open("w") as file:
            if _try_lock(file):
                yield
                return
        if time.monotonic() > deadline:
            raise Failure(f"another scripts/cluster has been at work for long, {LOCK} is locked")
        if not waiting:
            say("waiting for another scripts/cluster to finish")
        waiting = True
        time.sleep(0.1)


def _try_lock(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # `down` deletes the file while it holds the lock, and a lock on a deleted file keeps nobody out.
    return os.fstat(file.fileno()).st_nlink > 0


# Striking the node

def restart(part: str, seconds: float) -> None:
    _strike("restart", part, seconds)


def pause(part: str, seconds: float) -> None:
    _strike("pause", part, seconds)


def _strike(how: str, part: str, seconds: float) -> None:
    host.check()
    # Nobody is to find the cluster broken meanwhile, and make it anew.
    with _lock():
        record = _running()
        names = [part["name"] for part in record["parts"]]
        if part not in names:
            raise Refused(f"there is no part {part}; there are: {', '.join(names)}")
        answer = _ask({"strike": how, "part": part, "seconds": seconds})
        if "failed" in answer:
            raise Failure(_with_log(f"{answer['failed']} {answer['why']}", Path(answer["log"])))
        _wait_until_healthy()


def _ask(request: dict) -> dict:
    """Have the supervisor do something; its answer comes when it is done."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(request["seconds"] + START_PATIENCE)
        connection.connect(str(CONTROL))
        with connection.makefile("rw") as lines:
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            if answer := lines.readline():
                return json.loads(answer)
    raise Failure(_with_log("the supervisor did not answer", LOGS / "node.log"))


def link(state: str, amount: float | None = None) -> None:
    """Set the link down for so many seconds or for good, slow with so many Mbit/s, or up as it was at first."""
    host.check()
    with _lock():
        node = _running()["pid"]
        match state, amount:
            case "slow", megabits:
                host.slow_link(megabits)
                return
            case "down", None:
                host.set_link(node, "down")
                return
            case "down", seconds:
                try:
                    host.set_link(node, "down")
                    time.sleep(seconds)
                finally:
                    host.set_link(node, "up")
            case "up", _:
                host.set_link(node, "up")
                host.free_link()
        _wait_until_healthy()


def _running() -> dict:
    record = _read_record()
    if not (record and record["complete"] and _supervisor_runs(record)):
        raise Failure("the cluster is not up; start it with: scripts/cluster up")
    return record


def _wait_until_healthy() -> None:
    deadline = time.monotonic() + RECOVERY_PATIENCE
    while problems := _problems():
        if time.monotonic() > deadline:
            raise Failure(f"not healthy again within {RECOVERY_PATIENCE} s: {'; '.join(problems)}")
        time.sleep(0.2)


# What there is

def _read_record() -> dict | None:
    try:
        return json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return None


def _supervisor_runs(record: dict) -> bool:
    """Whether the recorded process still is that one: numbers are used again, also after a restart of the machine."""
    try:
        same = supervisor.start_ticks(Path("/proc", str(record["pid"]), "stat")) == record["start_ticks"]
        return same and supervisor.boot_id() == record["boot"]
    except OSError:
        return False


def _inner_pids(supervisor_pid: int) -> dict[int, int]:
    """The processes of the supervisor's PID namespace: their numbers there and here."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "ns/pid") != os.readlink(f"/proc/{supervisor_pid}/ns/pid"):
                continue
            fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        except OSError:  # ended meanwhile
            continue
        if not fields["State"].strip().startswith("Z"):
            found[int(fields["NSpid"].split()[-1])] = int(process.name)
    return found


def _problems() -> list[str]:
    """What keeps the cluster from being healthy; cheapest questions first, none asked of a dead one."""
    record = _read_record()
    if record is None:
        return ["there is no cluster" if not _traces() else "its record is missing or damaged"]
    if not _supervisor_runs(record):
        return ["its supervisor is dead"]
    if not record["complete"]:
        return ["it is still starting, or was interrupted then"]
    running = _inner_pids(record["pid"])
    if dead := [part["name"] for part in record["parts"] if part["pid"] not in running]:
        return [f"{name} is not running" for name in dead]
    answers = {
        "the API server does not answer": probe.api_server,
        f"{NODE_NAME} is not ready": probe.node,
        f"{REGISTRY} does not answer": probe.registry,
        f"{TLS_REGISTRY} does not answer": probe.tls_registry,
    }
    return [problem for problem, works in answers.items() if not works()]


def _traces() -> bool:
    return STATE.exists() or Path("/sys/class/net", HOST_LINK).exists() or cgroups.exist()


# Starting

def _start(made: artifacts.Artifacts) -> None:
    STATE.mkdir(mode=0o700)
    MADE_BY.write_text(sources_digest())
    nodefiles.write()
    placed = [_place(path) for path in (made.kubernetes, made.node_images, made.base_image)]
    # Tests run it without the cluster, too.
    EXECUTOR.symlink_to(_place(made.executor))
    say("starting the node")
    receive, send = os.pipe()
    with open(receive, "rb", buffering=0) as channel:
        process = _launch_supervisor(send, placed)
        os.close(send)
        _follow(channel, process)


def _place(artifact: Path) -> str:
    """Put an artefact into the state directory, the one place of this machine the node surely sees."""
    place = STATE / "artifacts" / artifact.name
    place.parent.mkdir(exist_ok=True)
    try:
        place.hardlink_to(artifact)
    except OSError:  # another file system
        shutil.copy2(artifact, place)
    return str(place)


def _launch_supervisor(channel: int, arguments: list[str]) -> subprocess.Popen:
    argv = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            sys.executable, "-B", str(SOURCE / "supervisor.py"), str(channel), *arguments]
    with (LOGS / "node.log").open("w") as log:
        # A session of its own: an interrupt from the terminal is for `up` alone.
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", pass_fds=[channel],
                                start_new_session=True, preexec_fn=cgroups.join,
                                env={"PATH": PATH, "HOME": str(STATE)})


def _follow(channel, process: subprocess.Popen) -> None:
    """Read what the supervisor tells until it says the node is ready."""
    deadline = time.monotonic() + START_PATIENCE
    pending = b""
    while True:
        if not select.select([channel], [], [], max(0, deadline - time.monotonic()))[0]:
            raise Failure(f"the node was not up within {START_PATIENCE} s, logs in {LOGS}")
        chunk = channel.read(65536)
        if not chunk:
            raise Failure(_with_log("the supervisor ended unexpectedly", LOGS / "node.log"))
        *lines, pending = (pending + chunk).split(b"\n")
        for message in map(json.loads, lines):
            if "pid" in message:
                host.add_link(message["pid"])
            elif "done" in message:
                say(f"  {message['done']} ({message['seconds']} s)")
            elif "failed" in message:
                raise Failure(_with_log(f"{message['failed']} {message['why']}", Path(message["log"])))
            elif "ready" in message:
                return


def _with_log(message: str, log: Path) -> str:
    try:
        last = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        last = []
    return "\n    ".join([f"{message}; log {log}:", *last])


# Removing

def _remove(keep_state: bool = False) -> None:
    record = _read_record()
    if record and _supervisor_runs(record):
        os.kill(record["pid"], signal.SIGKILL)
        # The rest follows by itself, and unshare collects the supervisor if it is not killed as well.
        cgroups.wait_until_empty(patience=3)
    cgroups.kill_all()
    host.remove_link()
    cgroups.remove()
    if STATE.exists() and not keep_state:
        _refuse_mounts()
        shutil.rmtree(STATE)


def _refuse_mounts() -> None:
    """Nothing of the cluster is mounted in this namespace; whatever is must not be deleted through."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    if inside := [place for place in places if Path(place).is_relative_to(STATE)]:
        raise Failure(f"not deleting {STATE}: something is mounted at {', '.join(inside)}")
