"""What may make a build of the job quicker, and what it takes: each tried, with the job run where its source was changed."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import flink
import pods
from flink import ROOT, Story
from report import Failure, elapsed, say
from settings import STATE

TEMPLATE, CLAIM = ROOT / "examples/maven-cache.yaml", ROOT / "examples/maven-cache-claim.yaml"
# The Dockerfile with a layer of what Maven downloads.
IN_LAYERS = ("-f", "layers.Dockerfile")


class Table:
    def __init__(self, story: Story, directory: Path) -> None:
        self.story, self.directory = story, directory
        self.rows: list[tuple[str, str, str]] = []
        self.builds = 0

    def built(self, what: str, *flags: str, see: str | None = None) -> None:
        """Builds and times it; where a word of the changed source is to be seen, runs it too."""
        say(what)
        self.builds += 1
        began = elapsed()
        reference = flink.build(self.story, self.directory, f"lever-{self.builds}", *flags)
        took = elapsed() - began
        note = ""
        if see:
            output = flink.run(self.story, f"lever-{self.builds}", reference)
            note = flink.want(output, f"word {see} 1", flink.GONE)
        self.rows.append((what, f"{took:.1f} s", note))

    def killed(self, what: str, *flags: str) -> None:
        """Builds what is to run out of memory."""
        say(what)
        self.builds += 1
        began = elapsed()
        done = flink.attempt(self.story, self.directory, f"lever-{self.builds}", *flags)
        if done.returncode == 0:
            raise Failure(f"{what}: it was to run out of memory, and was built")
        if "[executor-oom-killed]" not in done.stderr:
            raise Failure(f"{what}: it was to run out of memory\n" + "\n".join(done.stderr.splitlines()[-10:]))
        self.rows.append((what, f"{elapsed() - began:.1f} s", "executor-oom-killed"))

    def text(self) -> str:
        width = max(len(what) for what, _, _ in self.rows)
        return "\n".join(f"{what:{width}}  {took:>8}  {note}".rstrip() for what, took, note in self.rows)


def pulled(story: Story) -> str:
    """Tries each; the table of what came of it."""
    with flink.working_copy() as directory:
        table = Table(story, directory)
        _without(table)
        _cache(table, "as is", "plain", ())
        _cache(table, "in layers", "layers", IN_LAYERS)
        with _volume(story):
            _in_volume(table)
        _memory(table)
        return table.text()


def _without(table: Table) -> None:
    table.built("no lever, as is")
    table.built("no lever, in layers", *IN_LAYERS)


def _cache(table: Table, what: str, name: str, dockerfile: tuple[str, ...]) -> None:
    # Of this run alone: what an earlier one left would make the first build a second one.
    repository = f"{table.story.registry}/scenario/cache-{table.story.kubectl.namespace}-{name}"
    flags = (*dockerfile, "--cache-repo", repository)
    flink.change(table.directory, flink.COMMITTED)
    table.built(f"--cache-repo, {what}: first build", *flags)
    table.built(f"--cache-repo, {what}: nothing changed", *flags)
    flink.change(table.directory, f"has nothing {name}")
    table.built(f"--cache-repo, {what}: one source file changed", *flags, see=name)


def _in_volume(table: Table) -> None:
    flags = ("--pod-template", str(TEMPLATE))
    flink.change(table.directory, flink.COMMITTED)
    table.built("volume at /root/.m2: first build", *flags)
    flink.change(table.directory, "has nothing mounted")
    table.built("volume at /root/.m2: one source file changed", *flags, see="mounted")


def _memory(table: Table) -> None:
    def cache(name: str) -> tuple[str, ...]:
        return "--cache-repo", f"{table.story.registry}/scenario/cache-{table.story.kubectl.namespace}-{name}"

    table.killed("--memory 256Mi", "--memory", "256Mi")
    table.built("--memory 512Mi", "--memory", "512Mi")
    table.killed("--memory 512Mi --cache-repo, in layers", "--memory", "512Mi", *cache("small"), *IN_LAYERS)
    table.built("--memory 512Mi --cache-repo, in layers, -- --compressed-caching=false", "--memory", "512Mi", *cache("small"),
                *IN_LAYERS, "--", "--compressed-caching=false")
    table.built("--memory 1Gi --cache-repo, in layers", "--memory", "1Gi", *cache("large"), *IN_LAYERS)


@contextmanager
def _volume(story: Story) -> Iterator[None]:
    """The claim of the example; where nothing provides volumes, as in the test cluster, with one of the node's disk."""
    kubectl = story.kubectl
    if kubectl.run("get", "storageclasses", "-o", "name").split():
        kubectl.run("apply", "-f", str(CLAIM))
        yield
        return
    name = f"maven-{kubectl.namespace}"
    directory = STATE / name
    pods.create(kubectl, {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "2Gi"},
            "claimRef": {"namespace": kubectl.namespace, "name": "maven-repository"},
            "hostPath": {"path": str(directory), "type": "DirectoryOrCreate"},
        },
    })
    try:
        kubectl.run("apply", "-f", str(CLAIM))
        yield
    finally:
        # Whoever still has it mounted keeps it until the namespace goes.
        kubectl.run("delete", "persistentvolume", name, "--wait=false")
        shutil.rmtree(directory, ignore_errors=True)
