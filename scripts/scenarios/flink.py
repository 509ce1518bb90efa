"""The Flink job: built from a directory and from git, run, and timed."""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

import kube
import layers
import lifecycle
import pods
import registry
import tools
from kube import Kubectl
from registry import Image
from report import Failure, elapsed, say

ROOT = Path(__file__).resolve().parents[2]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILD_PATIENCE = 15 * 60
COMPILE_PATIENCE = 20 * 60

# The change that nobody commits, and the line of the job's output that shows it.
SOURCE = "src/main/java/com/example/words/Text.java"
COMMITTED, UNCOMMITTED = "has no more", "has nothing uncommitted"
SHOWN, GONE = "word uncommitted 1", "word more 1"


@dataclass
class Images:
    """Names in the cluster's registry."""

    maven: str
    flink: str
    servers: str


@dataclass
class Times:
    """What each step took: the table at the end."""

    rows: list[tuple[str, float, str]] = field(default_factory=list)

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Times a step; what it appends to the list is told beside the time."""
        say(what)
        began, notes = elapsed(), []
        yield notes
        self.rows.append((what, elapsed() - began, ", ".join(notes)))

    def table(self) -> str:
        width = max(len(what) for what, _, _ in self.rows)
        lines = [f"{what:{width}}  {seconds:6.1f} s  {note}".rstrip() for what, seconds, note in self.rows]
        return "\n".join([*lines, f"{'all of it':{width}}  {elapsed():6.1f} s"])


@dataclass
class Story:
    """What every build of the job needs."""

    binary: Path
    kubectl: Kubectl
    images: Images
    registry: str
    address: str  # of the servers' pod
    times: Times

    def build_args(self) -> list[str]:
        values = {"MAVEN_IMAGE": self.images.maven, "FLINK_IMAGE": self.images.flink,
                  "MAVEN_MIRROR": f"http://{self.address}/maven2"}
        return [f"--build-arg={name}={value}" for name, value in values.items()]

    def destination(self, tag: str) -> str:
        return f"{self.registry}/scenario/flink-job:{tag}"


def images() -> None:
    """Prints what the tests find the images by."""
    made = _images(_registry(), Times())
    lifecycle.print_exports({
        "KANIKO_LOCAL_TEST_MAVEN_IMAGE": made.maven,
        "KANIKO_LOCAL_TEST_FLINK_IMAGE": made.flink,
        "KANIKO_LOCAL_TEST_SERVERS_IMAGE": made.servers,
    })


def scenario() -> None:
    with story() as told:
        _both_ways(told)
    print(told.times.table())


def scenario_with_levers() -> None:
    import levers
    with story() as told:
        _both_ways(told)
        table = levers.pulled(told)
    print(f"{told.times.table()}\n\n{table}")


def _registry() -> str:
    return os.environ["KANIKO_LOCAL_TEST_REGISTRY"]


def _images(address: str, times: Times) -> Images:
    layers.clear_abandoned()
    # Each waits for a network, or for a disk, most of the time.
    with ThreadPoolExecutor() as pool:
        java = pool.submit(_timed, times, "Java, JDK and Maven, of Debian's packages", layers.java)
        flink = pool.submit(_timed, times, "Flink's distribution, of PyPI's packages", layers.flink)
        maven = pool.submit(_timed, times, "what Maven downloads for the job", layers.maven_repository)
    (runtime, compiler), distribution, repository = java.result(), flink.result(), maven.result()
    with times.step("images into the registry"):
        # One by one: the registry loses blobs that two clients push into a repository at the same time.
        return Images(
            maven=registry.provide(Image("scenario/maven:3-jdk-17", [runtime, compiler, layers.maven_settings()],
                                         {"Env": [PATH], "Cmd": ["mvn"]}), address),
            flink=registry.provide(Image("scenario/flink:1.20-java17", [runtime, distribution],
                                         {"Env": [PATH, "FLINK_HOME=/opt/flink"], "WorkingDir": "/opt/flink"}), address),
            servers=registry.provide(Image("scenario/servers:1", [layers.server_programs(), repository,
                                                                  layers.git_repository()], {"Env": [PATH]}), address))


def _timed(times: Times, what: str, make: Callable[[], Any]) -> Any:
    with times.step(what):
        return make()


@contextmanager
def story() -> Iterator[Story]:
    """All that comes before the first build, and the end of it."""
    times, address = Times(), _registry()
    with times.step("kaniko-local, as cargo builds it for tests"):
        binary = _binary()
    made = _images(address, times)
    with kube.namespace(_kubectl(), "scenario") as kubectl:
        with times.step("servers of git and of Maven's repository, in a pod"):
            pods.create(kubectl, pods.servers(made.servers))
            servers = f"{pods.address_when_ready(kubectl, 'servers')}:{pods.PORT}"
        yield Story(binary, kubectl, made, address, servers, times)


def _binary() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    target = (ROOT / target).resolve()
    try:
        done = subprocess.run(["cargo", "build", "--quiet", "--locked", "--target-dir", str(target)], cwd=ROOT,
                              stdin=subprocess.DEVNULL, timeout=COMPILE_PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure(f"cargo build: not done within {COMPILE_PATIENCE} s") from None
    if done.returncode:
        raise Failure(f"cargo build: exit code {done.returncode}")
    return target / "debug/kaniko-local"


def _kubectl() -> Path:
    found = shutil.which("kubectl")
    return Path(found) if found else tools.build_kubectl()


def _both_ways(story: Story) -> None:
    with working_copy() as directory:
        change(directory)
        say(f"a change that nobody commits:\n{layers.git('-C', str(directory), 'diff', '--unified=0').rstrip()}")
        with story.times.step("kaniko-local build, from the directory") as notes:
            reference = build(story, directory, "local")
            notes.append(reference.partition("@")[2][:19])
    with story.times.step("flink run -t local, of that image") as notes:
        output = run(story, "from-directory", reference)
        notes.append(want(output, SHOWN, GONE))
    with story.times.step("a Kaniko pod with a git context, from the commit"):
        built = from_git(story, "from-git")
    with story.times.step("flink run -t local, of that image") as notes:
        output = run(story, "from-commit", built)
        notes.append(want(output, GONE, SHOWN))


@contextmanager
def working_copy() -> Iterator[Path]:
    """The job as somebody has checked it out."""
    with tempfile.TemporaryDirectory() as above:
        directory = Path(above) / "flink-job"
        for path in layers.JOB_FILES:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(layers.JOB / path, directory / path)
        layers.commit(directory)
        yield directory


def change(directory: Path, text: str = UNCOMMITTED) -> None:
    source = directory / SOURCE
    committed = (layers.JOB / SOURCE).read_text()
    if COMMITTED not in committed:
        raise Failure(f"{SOURCE} has no `{COMMITTED}` to be changed")
    source.write_text(committed.replace(COMMITTED, text))


def build(story: Story, directory: Path, tag: str, *more: str) -> str:
    """The image's reference by digest."""
    done = attempt(story, directory, tag, *more)
    if done.returncode:
        raise Failure(f"kaniko-local ended with {done.returncode}\n" + "\n".join(done.stderr.splitlines()[-30:]))
    return done.stdout.strip()


def attempt(story: Story, directory: Path, tag: str, *more: str) -> subprocess.CompletedProcess:
    own, executor = _divided(more)
    argv = [str(story.binary), "build", "-n", story.kubectl.namespace, "-t", story.destination(tag), "--insecure",
            *story.build_args(), *own, ".", *executor]
    try:
        return subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=BUILD_PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure(f"kaniko-local build: not done within {BUILD_PATIENCE} s") from None


def _divided(more: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Flags of kaniko-local, and from `--` on those of the executor."""
    at = more.index("--") if "--" in more else len(more)
    return list(more[:at]), list(more[at:])


def from_git(story: Story, name: str) -> str:
    """Builds what is committed; the image's name."""
    destination = story.destination(name)
    pods.create(story.kubectl, pods.executor(name, [
        f"--context=git://{story.address}/cgi-bin/git/flink-job.git#refs/heads/main", f"--destination={destination}",
        *story.build_args()]))
    pods.log_when_done(story.kubectl, name)
    return destination


def run(story: Story, name: str, image: str) -> list[str]:
    """The lines that the job printed."""
    pods.create(story.kubectl, pods.job(name, image))
    return pods.log_when_done(story.kubectl, name).splitlines()


def want(output: list[str], there: str, gone: str) -> str:
    if there not in output or gone in output:
        told = "\n".join(line for line in output if line.startswith("word "))
        raise Failure(f"the job was to print `{there}` and not `{gone}`:\n{told}")
    return f"printed `{there}`"
