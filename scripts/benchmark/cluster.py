"""scripts/bench --cluster: builds in a real cluster beside what kubectl alone can do there, taking turns.

Each part gives rows of one table; what their numbers have to be is in judge(). The clock is outside of the cluster:
what a user waits for. What was received is checked after every turn, while no clock runs.
"""

import base64
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import images
import kube
import measure
import workloads
from contestants import Contestant
from kube import Kubectl
from ours import Build, Builder
from report import Failure, Refused, say
from targets import MIB, Verdict
from tools import ClusterTools
from workloads import Workload

REGISTRY_VARIABLE = "KANIKO_LOCAL_TEST_REGISTRY"

UPLOAD_PATIENCE = 300
BUILD_PATIENCE = 120
# After the last build, until nothing may be left.
LEFT_PATIENCE = 60
AT_ONCE = 8
TRANSPORTS = ("exec", "attach", "stdin")

VOLUME = "/kaniko/buildcontext"

OURS = "kaniko-local build"
CAT = "kubectl exec -i … 'cat > f; echo done'"
TAR = "tar cz | kubectl exec -i … tar xz"
APPLY = "kubectl apply, kubectl wait"


@dataclass(frozen=True)
class Sizes:
    """How often what is done."""

    uploads: int
    tiny: int
    builds: int
    warm: bool = True

    @classmethod
    def of(cls, runs: int, quick: bool) -> "Sizes":
        # A tiny build takes seconds and differs by tenths: those need more rounds to tell.
        return cls(1, 2, 16, warm=False) if quick else cls(runs, max(10, 4 * runs), 100)


@dataclass
class Part:
    """One part's seconds, by contestant, in the order of the rounds."""

    title: str
    timed: str
    megabytes: float | None = None  # of content, if it is about speed
    walls: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, wall: float) -> None:
        self.walls.setdefault(name, []).append(wall)

    def add_build(self, name: str, wall: float, build: Build) -> None:
        self.add(name, wall)
        self.peaks[name] = max(self.peaks.get(name, 0), build.peak)

    def median(self, name: str) -> float:
        return statistics.median(self.walls[name])

    def times_faster(self, name: str, peer: str) -> float:
        return statistics.median(theirs / own for theirs, own in self._pairs(peer, name))

    def later(self, name: str, peer: str) -> float:
        return statistics.median(own - theirs for theirs, own in self._pairs(peer, name))

    def _pairs(self, one: str, other: str) -> zip:
        return zip(self.walls[one], self.walls[other], strict=True)


@dataclass
class Series:
    """Many builds at once."""

    builds: int
    wall: float
    wrong: list[str]
    left: list[str]
    peak: int


@dataclass
class Measurements:
    upload: Part
    sources: Part
    tiny: Part
    zeros: Part | None
    series: Series

    @property
    def parts(self) -> list[Part]:
        return [part for part in (self.upload, self.sources, self.tiny, self.zeros) if part]

    def peak(self) -> tuple[int, str]:
        """The largest of all uploads, and where it was."""
        peaks = [(peak, f"{part.title}, {name}") for part in self.parts for name, peak in part.peaks.items()]
        return max([*peaks, (self.series.peak, f"{self.series.builds} builds")])


@dataclass(frozen=True)
class Bench:
    """What all parts work with."""

    tools: ClusterTools
    kubectl: Kubectl
    builder: Builder
    registry: str
    sizes: Sizes
    scratch: Path

    @property
    def repository(self) -> str:
        return f"{self.registry}/{self.kubectl.namespace}"

    def manifest(self, context: Path, *arguments: str) -> dict:
        """The Pod of a build, as the tool makes it."""
        command = [str(self.tools.binary), "manifest", str(context), "-o", "json", "--registry-auth", "none",
                   *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_PATIENCE)
        if done.returncode:
            raise Failure(f"kaniko-local manifest {context}: exit code {done.returncode}\n{done.stderr.strip()}")
        return json.loads(done.stdout)


def run(tools: ClusterTools, sizes: Sizes, keep: Path, quick: bool) -> Measurements:
    registry = os.environ.get(REGISTRY_VARIABLE)
    if not registry:
        raise Refused(f"{REGISTRY_VARIABLE} is not set: scripts/bench --cluster sets it, or scripts/cluster env")
    upload, sources, zeros = (workloads.provide(name, quick, keep) for name in workloads.CLUSTER_RECIPES)
    os.sync()
    with kube.namespace(tools.kubectl) as kubectl, tempfile.TemporaryDirectory() as scratch:
        builder = Builder(tools, kubectl.namespace)
        bench = Bench(tools, kubectl, builder, registry, sizes, Path(scratch))
        try:
            # Sources near the end: they leave many deleted files behind, see there.
            return Measurements(upload=_upload(bench, upload), tiny=_tiny(bench), zeros=_zeros(bench, zeros),
                                sources=_sources(bench, sources), series=_series(bench))
        finally:
            builder.stop()


def _start_receiver(bench: Bench, context: Path) -> str:
    """A running pod for the peer to send to: the tool's own receiver, which waits for nothing. Its name."""
    pod = bench.manifest(context, "--no-push")
    [container] = pod["spec"].pop("initContainers")
    container["command"] = ["sh", "-c", "trap 'exit 0' TERM; sleep 7200 & wait"]
    pod["spec"]["containers"] = [container]
    pod["spec"]["activeDeadlineSeconds"] = 7200
    kube.create(bench.kubectl, pod, bench.scratch)
    name = pod["metadata"]["name"]
    bench.kubectl.run("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={BUILD_PATIENCE}s",
                      patience=BUILD_PATIENCE + 10)
    return name


def _delete_pods(bench: Bench) -> None:
    bench.kubectl.run("delete", "pods", "--all", "--now", patience=UPLOAD_PATIENCE)


def _rounds(title: str, count: int, warm: bool, turn: Callable[[bool], None]) -> None:
    """Takes `count` turns that count, after one that does not if `warm`."""
    for number in range(-1 if warm else 0, count):
        say(f"{title}: " + (f"round {number + 1} of {count}" if number >= 0 else "warm-up"))
        turn(number >= 0)


def _upload(bench: Bench, workload: Workload) -> Part:
    blob = workload.tree / "blob"
    size = blob.stat().st_size
    part = Part(f"C1, upload of {_size(size)} that does not compress",
                f"{OURS}: from the receiver's readiness until the pod has proof, as the tool tells it, to 0.1 s. "
                f"kubectl: the whole command, less what it takes with nothing to send in the same round.", size / 1e6)
    with open(blob, "rb") as file:
        wanted = hashlib.file_digest(file, "sha256").hexdigest()
    nothing: list[float] = []

    def turn(counts: bool) -> None:
        os.sync()
        build = bench.builder.build(workload.tree, "--no-push", patience=UPLOAD_PATIENCE)
        receiver = _start_receiver(bench, workload.tree)
        start = _cat(bench, receiver, None)
        os.sync()
        wall = _cat(bench, receiver, blob)
        [received, _] = bench.kubectl.shell(receiver, f"sha256sum <{VOLUME}/f", UPLOAD_PATIENCE).split()
        _delete_pods(bench)
        if received != wanted:
            raise Failure(f"{CAT}: what arrived is not what was sent")
        if counts:
            part.add_build(OURS, build.upload, build)
            part.add(CAT, wall - start)
            nothing.append(start)

    _rounds("C1", bench.sizes.uploads, bench.sizes.warm, turn)
    part.notes.append(f"kubectl with nothing to send: {statistics.median(nothing):.3f} s. What it sent had the right "
                      "SHA-256 in the pod every time; kaniko-local proves its own.")
    return part


def _cat(bench: Bench, receiver: str, source: Path | None) -> float:
    began = time.monotonic()
    # Without the echo at the end kubectl loses data and says nothing.
    said = bench.kubectl.run("exec", "-i", receiver, "--", "sh", "-c", f"cat > {VOLUME}/f; echo done", stdin=source,
                             patience=UPLOAD_PATIENCE)
    wall = time.monotonic() - began
    if said != "done\n":
        raise Failure(f"{CAT}: it printed {said!r}")
    return wall


def _sources(bench: Bench, workload: Workload) -> Part:
    """Nothing is deleted before the end: on an ext4 without a journal, creating files within a minute after many were
    deleted takes ten times the processor (`recently_deleted` in Linux' fs/ext4/ialloc.c), and who comes second pays."""
    part = Part(f"C2, {workload.megabytes:.0f} MB of sources in {workload.files} files",
                f"{OURS}: from the command's start, the pod's creation and start included, to the first line of the "
                "executor's log. The peer: the whole pipeline, into a new pod that runs already. No pod is deleted "
                "meanwhile. Each --transport once, after the rounds.", workload.megabytes)
    dockerfile = bench.scratch / "sources.Dockerfile"
    dockerfile.write_text("FROM scratch\nLABEL of=bench\n")

    def build(name: str, *arguments: str, counts: bool = True) -> None:
        os.sync()
        build = bench.builder.build(workload.tree, "-f", str(dockerfile), "--no-push", "--keep", "always", *arguments,
                                    patience=UPLOAD_PATIENCE)
        if counts:
            part.add_build(name, build.first_line, build)

    def turn(counts: bool) -> None:
        wall = _tar(bench, workload)
        if counts:
            part.add(TAR, wall)
        build(OURS, counts=counts)

    _rounds("C2", bench.sizes.uploads, bench.sizes.warm, turn)
    if "--transport" in _help(bench.tools.binary):
        for way in TRANSPORTS:
            say(f"C2: --transport {way}")
            build(f"{OURS} --transport {way}", "--transport", way)
    _delete_pods(bench)
    part.notes.append("All bytes of the peer's files arrived every time; kaniko-local proves its own.")
    return part


def _tar(bench: Bench, workload: Workload) -> float:
    receiver = _start_receiver(bench, workload.tree)
    peer = Contestant(TAR, (("tar", "-czf", "-", "."), (*bench.kubectl.command, "exec", "-i", receiver, "--", "tar",
                                                       "-xzf", "-", "-C", VOLUME)))
    os.sync()
    wall = measure.run(peer, workload, bench.tools).wall
    count = f"cd {VOLUME} && find . -type f -print0 | xargs -0 cat | wc -c"
    received = int(bench.kubectl.shell(receiver, count, UPLOAD_PATIENCE))
    if received != workload.kept_bytes:
        raise Failure(f"{TAR}: {received} of {workload.kept_bytes} bytes arrived")
    return wall


def _help(binary: Path) -> str:
    return subprocess.run([str(binary), "build", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=BUILD_PATIENCE).stdout


def _tiny(bench: Bench) -> Part:
    part = Part("a build of one small file, pushed",
                f"{OURS}: the whole command, with the pod's deletion. The peer: both commands, without a deletion; its "
                "Pod is the one of `kaniko-local manifest`, whose init container writes the context itself.")
    content = b"hello\n"
    context = _context(bench.scratch / "tiny", content)

    def turn(counts: bool) -> None:
        number = len(part.walls.get(OURS, []))
        tag = f"{bench.repository}/tiny:{number if counts else 'warm-up'}"
        build = bench.builder.build(context, "-t", tag, "--insecure", "--registry-auth", "none",
                                    patience=BUILD_PATIENCE)
        images.check(f"{bench.repository}/tiny", build.digest, {"content": content})
        wall, digest = _applied(bench, context, content, tag)
        images.check(f"{bench.repository}/tiny", digest, {"content": content})
        if counts:
            part.add_build(OURS, build.wall, build)
            part.add(APPLY, wall)

    # Always warm: kubectl's first `apply` asks the server for all that it knows.
    _rounds("tiny", bench.sizes.tiny, True, turn)
    part.notes.append("Both images had the right file every time.")
    return part


def _applied(bench: Bench, context: Path, content: bytes, tag: str) -> tuple[float, str]:
    """The same Pod without an upload, by kubectl: seconds until it had succeeded, and the image's digest."""
    pod = bench.manifest(context, "-t", tag, "--insecure")
    [receiver] = pod["spec"]["initContainers"]
    directory = _directory_of_context(pod)
    receiver["command"] = ["sh", "-c", f"mkdir {directory} && printf %s '{content.decode()}' > {directory}/content && "
                                       f"printf %s '{(context / 'Dockerfile').read_text()}' > {VOLUME}/Dockerfile"]
    name = pod["metadata"]["name"]
    path = str(kube.written(pod, bench.scratch))
    began = time.monotonic()
    bench.kubectl.run("apply", "-f", path)
    bench.kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", f"--timeout={BUILD_PATIENCE}s",
                      patience=BUILD_PATIENCE + 10)
    wall = time.monotonic() - began
    digest = bench.kubectl.run("get", "pod", name, "-o",
                               "jsonpath={.status.containerStatuses[0].state.terminated.message}")
    bench.kubectl.run("delete", "pod", name, "--now")
    return wall, digest.strip()


def _directory_of_context(pod: dict) -> str:
    [directory] = [argument.removeprefix("--context=dir://") for argument in pod["spec"]["containers"][0]["args"]
                   if argument.startswith("--context=dir://")]
    return directory


def _context(directory: Path, content: bytes) -> Path:
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    (directory / "content").write_bytes(content)
    return directory


def _zeros(bench: Bench, workload: Workload) -> Part | None:
    size = workload.kept_bytes
    # The test cluster's node is on the same disk, and there the zeros take all their room.
    free = os.statvfs(workload.tree)
    if free.f_bavail * free.f_frsize < 2 * size:
        say(f"C3 left out: it takes {_size(size)} of disk on the node")
        return None
    say("C3: once")
    part = Part(f"C3, upload of {_size(size)} of zeros", f"{OURS}: as C1's, once. Its question is memory.", size / 1e6)
    build = bench.builder.build(workload.tree, "--no-push", patience=2 * UPLOAD_PATIENCE)
    part.add_build(OURS, build.upload, build)
    return part


def _series(bench: Bench) -> Series:
    """Builds in a row, several at a time, each with its own content, and with logins, so that each needs a Secret."""
    count = bench.sizes.builds
    say(f"{count} builds, {AT_ONCE} at a time")
    logins = bench.scratch / "config.json"
    # The registry asks for none: what is made up here goes no further than the Secret.
    login = base64.b64encode(b"bench:made-up").decode()
    logins.write_text(json.dumps({"auths": {bench.registry: {"auth": login}}}))
    contents = [workloads.noise(f"series {number}", 20_000 + number) for number in range(count)]
    contexts = [_context(bench.scratch / f"series{number}", content) for number, content in enumerate(contents)]

    def one(number: int) -> Build | Failure:
        try:
            return bench.builder.build(contexts[number], "-t", f"{bench.repository}/series:{number}", "--insecure",
                                       "--registry-auth", str(logins), patience=BUILD_PATIENCE)
        except Failure as failure:
            return failure

    began = time.monotonic()
    executor = ThreadPoolExecutor(AT_ONCE)
    try:
        built = list(executor.map(one, range(count)))
    finally:
        # After an interrupt nothing more is started, and run() ends what runs.
        executor.shutdown(wait=False, cancel_futures=True)
    wall = time.monotonic() - began
    left = _left(bench.kubectl)
    say("checking every image")
    wrong = [problem for number, build in enumerate(built)
             if (problem := _problem(bench, number, build, contents[number]))]
    return Series(count, wall, wrong, left, max((build.peak for build in built if isinstance(build, Build)), default=0))


def _problem(bench: Bench, number: int, build: Build | Failure, content: bytes) -> str | None:
    if isinstance(build, Failure):
        return f"build {number}: {build}"
    try:
        images.check(f"{bench.repository}/series", build.digest, {"content": content})
    except Failure as failure:
        return f"build {number}: {failure}"
    return None


def _left(kubectl: Kubectl) -> list[str]:
    """What is in the namespace when everything had its time to go."""
    deadline = time.monotonic() + LEFT_PATIENCE
    while (left := kubectl.objects()) and time.monotonic() < deadline:
        time.sleep(1)
    return left


def judge(measured: Measurements) -> list[Verdict]:
    upload, sources, tiny, series = measured.upload, measured.sources, measured.tiny, measured.series
    speed = upload.times_faster(OURS, CAT)
    start = sources.times_faster(OURS, TAR)
    overhead = tiny.later(OURS, APPLY)
    peak, where = measured.peak()
    right = series.builds - len(series.wrong)
    return [
        Verdict(f"{upload.title}: speed against {CAT}", "≥ 1 times", f"{speed:.3f} times", speed >= 1),
        Verdict(f"{sources.title}: from the command's start to Kaniko's first line, against {TAR}",
                "≥ 3 times faster", f"{start:.2f} times", start >= 3),
        Verdict(f"{tiny.title}: time over that of the same Pod by {APPLY}", "≤ 0.5 s", f"{overhead:.2f} s",
                overhead <= 0.5),
        Verdict("peak memory of kaniko-local during any upload", "≤ 48 MiB", f"{peak / MIB:.1f} MiB ({where})",
                peak <= 48 * MIB),
        Verdict(f"{series.builds} builds in a row, {AT_ONCE} at a time", "all right, nothing left",
                f"{right} right, {len(series.left)} objects left after at most {LEFT_PATIENCE} s",
                not series.wrong and not series.left),
    ]


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"
