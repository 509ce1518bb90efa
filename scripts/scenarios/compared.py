"""Git context against local context: of the Flink job, and of a small project with a large history, over two links."""

import json
import random
import subprocess
import tempfile
from pathlib import Path

import flink
import gitserver
import host
import layers
from flink import Story
from report import Failure, elapsed, say
from settings import HOST_ADDRESS

RATES = (50, 20)
PATIENCE = 60 * 60
# A history of 200 MB in 40,000 objects. Small files differ in each commit, so that nothing of them is found twice.
COMMITS, FILES_OF_A_COMMIT, BYTES_OF_A_FILE = 100, 397, 5000


def compared(to: Path, runs: int) -> str:
    """Compares both over the free link and a slow one; pictures, texts and documents go below `to`."""
    to.mkdir(parents=True, exist_ok=True)
    with flink.story() as story, tempfile.TemporaryDirectory() as above:
        served = Path(above) / "served"
        with flink.working_copy() as job:
            layers.git("clone", "-q", "--bare", str(job), str(served / "flink-job.git"))
            project = _project_with_a_history(Path(above) / "history", story)
            layers.git("clone", "-q", "--bare", str(project), str(served / "history.git"))
            with gitserver.serving(served, HOST_ADDRESS) as address:
                say(f"git server at {address}")
                sides = [("flink-job", job, story.build_args()), ("history", project, [])]
                for name, directory, flags in sides:
                    _over_links(story, name, directory, f"http://{address}/{name}.git", [*flags, f"--runs={runs}"], to)
    return f"{len(list(to.iterdir()))} files below {to}, after {elapsed():.0f} s"


def _over_links(story: Story, name: str, directory: Path, url: str, flags: list[str], to: Path) -> None:
    models = [f"--model={rate}mbit" for rate in RATES]
    free = _compare(story, name, directory, url, [*flags, *models], to / f"{name}-free")
    for rate, forecast in zip(RATES, free["forecasts"]):
        host.slow_link(rate)
        try:
            slow = _compare(story, name, directory, url, flags, to / f"{name}-{rate}mbit")
        finally:
            host.free_link()
        for side in ("local", "git"):
            context = [phase for phase in slow["sides"][side]["phases"] if phase["phase"] == "context"]
            measured, computed = context[0]["median"], forecast["context"][side]
            say(f"{name}, {rate} Mbit/s, {side}: computed {computed:.2f} s, measured {measured:.2f} s, "
                f"{(computed / measured - 1) * 100:+.0f} %")


def _compare(story: Story, name: str, directory: Path, url: str, flags: list[str], to: Path) -> dict:
    say(to.name)
    saves = [f"--save={to}.{end}" for end in ("txt", "json", "html")]
    argv = [str(story.binary), "compare", "-n", story.kubectl.namespace, "-t", story.destination(name), "--insecure",
            "--git", url, *saves, *flags, "."]
    done = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise Failure(f"kaniko-local compare ended with {done.returncode}\n" + "\n".join(done.stderr.splitlines()[-30:]))
    document = json.loads(Path(f"{to}.json").read_text())
    say(f"{to.name}: {document['verdict']}; the phases explain {document['difference']['explained']}")
    return document


def _project_with_a_history(directory: Path, story: Story) -> Path:
    """Little is left of it: one file and a Dockerfile."""
    began = elapsed()
    directory.mkdir()
    noise = random.Random(1)
    stream = bytearray()
    for commit in range(COMMITS):
        stream += b"commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n" % (1_700_000_000 + commit)
        for number in range(FILES_OF_A_COMMIT):
            content = noise.randbytes(BYTES_OF_A_FILE)
            stream += b"M 644 inline d%d/f%d\ndata %d\n%s\n" % (commit, number, len(content), content)
        if commit:
            stream += b"D d%d\n" % (commit - 1)
    dockerfile = f"FROM {story.images.flink}\nCOPY said /said\n".encode()
    stream += b"commit refs/heads/main\ncommitter A <a@example.com> 1800000000 +0000\ndata 1\nx\n"
    stream += b"D d%d\nM 644 inline said\ndata 3\nhi\n\nM 644 inline .dockerignore\ndata 5\n.git\n\n" % (COMMITS - 1)
    stream += b"M 644 inline Dockerfile\ndata %d\n%s\n" % (len(dockerfile), dockerfile)
    layers.git("init", "-q", "-b", "main", str(directory))
    subprocess.run(["git", "-C", str(directory), "fast-import", "--quiet"], input=bytes(stream), check=True)
    layers.git("-C", str(directory), "checkout", "-q", "main")
    say(f"a history of {COMMITS + 1} commits: {layers.git('-C', str(directory), 'count-objects', '-v')}"
        f"in {elapsed() - began:.1f} s")
    return directory
