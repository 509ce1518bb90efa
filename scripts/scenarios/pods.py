"""Pods of the scenario, and how they end."""

import json
import tempfile
import time
from pathlib import Path

import kube
from kube import Kubectl
from report import Failure
from settings import EXECUTOR_IMAGE

PORT = 8080
# A build is done in a minute; a machine may be busy.
PATIENCE = 10 * 60


def servers(image: str) -> dict:
    """Of git, and of Maven's repository."""
    return _pod("servers", {
        "image": image,
        "command": ["/bin/busybox", "httpd", "-f", "-p", str(PORT), "-h", "/srv"],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    })


def executor(name: str, arguments: list[str]) -> dict:
    """A plain Kaniko pod, as people write it."""
    return _pod(name, {
        "image": EXECUTOR_IMAGE,
        "args": arguments,
        # Upstream knows http and https, and means https if nothing is said.
        "env": [{"name": "GIT_PULL_METHOD", "value": "http"}],
    })


def job(name: str, image: str) -> dict:
    return _pod(name, {
        "image": image,
        "imagePullPolicy": "Always",
        "command": ["/opt/flink/bin/flink", "run", "-t", "local", "/opt/flink/usrlib/words.jar"],
    })


def _pod(name: str, container: dict) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "activeDeadlineSeconds": 60 * 60,
            "containers": [{"name": name, **container}],
        },
    }


def create(kubectl: Kubectl, thing: dict) -> None:
    with tempfile.TemporaryDirectory() as directory:
        kube.create(kubectl, thing, Path(directory))


def address_when_ready(kubectl: Kubectl, name: str) -> str:
    kubectl.run("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={PATIENCE}s", patience=PATIENCE + 10)
    return kubectl.run("get", "pod", name, "-o", "jsonpath={.status.podIP}")


def log_when_done(kubectl: Kubectl, name: str) -> str:
    """What a pod has said when it has succeeded; it is deleted then."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status = json.loads(kubectl.run("get", "pod", name, "-o", "json"))["status"]
        if status["phase"] in ("Succeeded", "Failed"):
            break
        if time.monotonic() > deadline:
            raise Failure(f"pod {name} is still {status['phase']} after {PATIENCE} s")
        time.sleep(0.2)
    log = kubectl.run("logs", name)
    if status["phase"] == "Failed":
        last = "\n".join(log.splitlines()[-20:])
        raise Failure(f"pod {name} failed: {json.dumps(status.get('containerStatuses'))}\n{last}")
    kubectl.run("delete", "pod", name, "--wait=false")
    return log
