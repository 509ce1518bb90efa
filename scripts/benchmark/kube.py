"""kubectl, as the peer and to look into the cluster, and a namespace of its caller's own."""

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from report import Failure, say

PATIENCE = 60
# A namespace's service account comes a moment after it, and without it there are no pods.
ACCOUNT_PATIENCE = 20


class Kubectl:
    def __init__(self, program: Path, namespace: str) -> None:
        self.namespace = namespace
        self.command = (str(program), "-n", namespace)

    def run(self, *arguments: str, stdin: Path | None = None, patience: float = PATIENCE) -> str:
        """What it printed. Its input is the file itself, not a pipe."""
        with open(stdin or os.devnull, "rb") as source:
            try:
                done = subprocess.run([*self.command, *arguments], stdin=source, capture_output=True, timeout=patience)
            except subprocess.TimeoutExpired:
                raise Failure(f"kubectl {' '.join(arguments)}: not done within {patience:.0f} s") from None
        if done.returncode:
            raise Failure(f"kubectl {' '.join(arguments)}: exit code {done.returncode}\n"
                          f"{done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode(errors="replace")

    def shell(self, pod: str, script: str, patience: float = PATIENCE) -> str:
        return self.run("exec", pod, "--", "sh", "-c", script, patience=patience)

    def objects(self) -> list[str]:
        """Pods and Secrets of the namespace, those that are ending included."""
        return self.run("get", "pods,secrets", "-o", "name").split()


@contextmanager
def namespace(program: Path, purpose: str = "bench") -> Iterator[Kubectl]:
    """A new namespace. It goes at the end with all that is in it, however that comes."""
    kubectl = Kubectl(program, f"kaniko-local-{purpose}-{os.getpid()}")
    kubectl.run("create", "namespace", kubectl.namespace)
    try:
        _wait_for_account(kubectl)
        yield kubectl
    finally:
        say(f"deleting namespace {kubectl.namespace}")
        try:
            kubectl.run("delete", "namespace", kubectl.namespace, f"--timeout={PATIENCE}s", patience=PATIENCE + 10)
        except Failure as failure:
            # Whatever ended the run is told by itself.
            say(f"it may still be there: {failure}")


def _wait_for_account(kubectl: Kubectl) -> None:
    deadline = time.monotonic() + ACCOUNT_PATIENCE
    while not kubectl.run("get", "serviceaccounts", "-o", "name").split():
        if time.monotonic() > deadline:
            raise Failure(f"namespace {kubectl.namespace} has no service account after {ACCOUNT_PATIENCE} s")
        time.sleep(0.1)


def create(kubectl: Kubectl, pod: dict, directory: Path) -> None:
    kubectl.run("create", "-f", str(written(pod, directory)))


def written(pod: dict, directory: Path) -> Path:
    path = directory / f"{pod['metadata']['name']}.json"
    path.write_text(json.dumps(pod))
    return path
