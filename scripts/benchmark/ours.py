"""Runs `kaniko-local build` and reads off it what it tells and what it costs."""

import json
import re
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from report import Failure
from tools import ClusterTools, end_group

UPLOADED = re.compile(r"uploaded: .* as ([0-9.]+) (B|KiB|MiB|GiB) in ([0-9.]+) s")
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# How the executor's log begins its lines, v1.24.0 (logrus' text with a level and seconds).
EXECUTOR_LINE = re.compile(r"[A-Z]{4}\[\d+\]")
SHOWN = 2000


@dataclass(frozen=True)
class Build:
    wall: float  # from the command's start to its end
    first_line: float  # from the command's start to the executor's first line of log
    upload: float  # as the tool tells it
    peak: int
    digest: str


class Builder:
    """Starts builds in one namespace; what it started it can end, from another thread too."""

    def __init__(self, tools: ClusterTools, namespace: str) -> None:
        self._tools = tools
        self._namespace = namespace
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def build(self, context: Path, *arguments: str, patience: float) -> Build:
        """One build of a context that has its Dockerfile. Its progress is read as it comes, because its times count."""
        with tempfile.TemporaryDirectory() as directory:
            metadata = Path(directory) / "metadata.json"
            command = [str(self._tools.runner), str(self._tools.binary), "build", str(context), "-n", self._namespace,
                       "--progress", "plain", "--metadata-file", str(metadata), *arguments]
            began = time.monotonic()
            process = self._start(command)
            overdue = threading.Timer(patience, end_group, [process])
            overdue.start()
            try:
                lines = [(time.monotonic() - began, line.decode(errors="replace").rstrip()) for line in process.stderr]
                out = process.stdout.read()
                process.wait()
                wall = time.monotonic() - began
            finally:
                overdue.cancel()
                self._end(process)
            said = "\n".join(line for _, line in lines)[-SHOWN:]
            if process.returncode < 0:
                raise Failure(f"kaniko-local build {context}: ended, or not done within {patience:.0f} s\n{said}")
            [used] = json.loads(out)["stages"] if process.returncode == 0 else [{"code": process.returncode}]
            if used["code"]:
                raise Failure(f"kaniko-local build {context}: exit code {used['code']}\n{said}")
            return Build(wall, _first_line(lines), _upload(lines), used["peak"],
                         json.loads(metadata.read_text())["containerimage.digest"])

    def stop(self) -> None:
        """Ends what runs, and starts nothing more. The namespace's end takes the pods away."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            end_group(process)

    def _start(self, command: list[str]) -> subprocess.Popen:
        with self._lock:
            if self._stopped:
                raise Failure("stopped")
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, start_new_session=True)
            self._running.add(process)
            return process

    def _end(self, process: subprocess.Popen) -> None:
        end_group(process)
        with self._lock:
            self._running.discard(process)
        process.stdout.close()
        process.stderr.close()


def _first_line(lines: list[tuple[float, str]]) -> float:
    for at, line in lines:
        if EXECUTOR_LINE.match(line):
            return at
    raise Failure("the executor's log has no line that looks like one of its own")


def _upload(lines: list[tuple[float, str]]) -> float:
    for _, line in lines:
        if said := UPLOADED.match(line):
            return float(said[3])
    raise Failure("kaniko-local did not say how long the upload took")
