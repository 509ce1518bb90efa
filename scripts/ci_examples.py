"""Runs the commands of the examples for CI systems as those systems would, but for the build itself.

In the place of `kaniko-local` is a stand-in: of `build` it has the tool print the Pod instead (`manifest` takes the same
flags and asks no cluster), looks at the logins that the tool would read, and prints a reference. Everything else is the
tool's own. scripts/examples calls this.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hera.workflows.models import Workflow
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
REFERENCE = "registry.example.com/team/app:1@sha256:" + "0a" * 32
# A password with what shells and JSON have a meaning for.
USER, PASSWORD = "me", 'a "quoted" $word \\ and more, so that base64 has more than a line of it to wrap, as it does at 76'
# Flags that `build` has and `manifest` has not; all of them take a value.
BUILDS_OWN = ("--metadata-file", "--keep", "--progress")

STAND_IN = f"""#!{sys.executable}
import base64, json, os, pathlib, subprocess, sys

program, log = os.environ["REAL_PROGRAM"], os.environ["BUILDS"]
command, *arguments = sys.argv[1:]
if command != "build":
    os.execv(program, [program, command, *arguments])
known = subprocess.run([program, "build", "--help"], capture_output=True, text=True, check=True).stdout
kept = []
while arguments:
    argument = arguments.pop(0)
    name, _, value = argument.partition("=")
    if name not in {BUILDS_OWN!r}:
        kept.append(argument)
        continue
    assert name in known, f"build has no {{name}}"
    value = value or arguments.pop(0)
    if name == "--metadata-file":
        pathlib.Path(value).write_text("{{}}")
shown = subprocess.run([program, "manifest", "-o", "json", *kept], capture_output=True, text=True)
if shown.returncode:
    sys.exit(shown.stderr)
logins = None
if directory := os.environ.get("DOCKER_CONFIG"):
    entries = json.loads((pathlib.Path(directory) / "config.json").read_text())["auths"]
    logins = {{name: base64.b64decode(entry["auth"]).decode() for name, entry in entries.items()}}
with open(log, "a") as file:
    print(json.dumps({{"pod": json.loads(shown.stdout), "logins": logins}}), file=file)
print({REFERENCE!r})
"""


class Job:
    """A checked-out project, the stand-in, and what was built."""

    def __init__(self, program: str, directory: Path):
        self.project, self.home = directory / "project", directory / "home"
        shutil.copytree(ROOT / "fixtures" / "demo", self.project)
        self.home.mkdir()
        stand_in = directory / "bin" / "kaniko-local"
        stand_in.parent.mkdir()
        stand_in.write_text(STAND_IN)
        stand_in.chmod(0o755)
        self.log = directory / "builds"
        self.environment = {
            "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "REAL_PROGRAM": program,
            "BUILDS": str(self.log),
        }

    def run(self, command: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=self.project, env=self.environment | environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)}\nended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def built(self) -> dict:
        """The one build that was asked for."""
        [line] = self.log.read_text().splitlines()
        return json.loads(line)


def load(name: str) -> dict:
    return YAML(typ="safe").load(EXAMPLES / name)


def expect(found, wanted) -> None:
    if found != wanted:
        raise SystemExit(f"found {found!r}, not {wanted!r}")


def destinations(built: dict) -> list[str]:
    arguments = built["pod"]["spec"]["containers"][0]["args"]
    return [argument.removeprefix("--destination=") for argument in arguments if argument.startswith("--destination=")]


def gitlab(job: Job) -> None:
    file = load("gitlab-ci.yml")
    environment = {
        "CI_REGISTRY": "registry.example.com",
        "CI_REGISTRY_USER": USER,
        "CI_REGISTRY_PASSWORD": PASSWORD,
        "CI_REGISTRY_IMAGE": "registry.example.com/team/app",
        "CI_COMMIT_SHORT_SHA": "0123abcd",
    }
    for name in ("check", "build"):
        job.run(["sh", "-e", "-c", "\n".join(file[name]["script"])], environment)
    expect(destinations(job.built()), ["registry.example.com/team/app:0123abcd"])
    expect(job.built()["logins"], {"registry.example.com": f"{USER}:{PASSWORD}"})
    expect((job.project / file["build"]["artifacts"]["reports"]["dotenv"]).read_text(), f"IMAGE={REFERENCE}\n")


def github(job: Job) -> None:
    jobs = load("github-actions.yml")["jobs"]
    [check] = [step["run"] for step in jobs["check"]["steps"] if "run" in step]
    job.run(["sh", "-e", "-c", check], {})
    [upload] = [step["with"] for step in jobs["check"]["steps"] if "upload-sarif" in step.get("uses", "")]
    sarif = json.loads((job.project / upload["sarif_file"]).read_text())
    expect(sarif["version"], "2.1.0")

    [build] = [step for step in jobs["build"]["steps"] if "run" in step]
    secrets = {"KUBECONFIG": "kind: Config\n", "REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD}
    environment = {name: secrets[value[len("${{ secrets.") : -len(" }}")]] for name, value in build["env"].items()}
    output = job.home / "output"
    environment |= {"RUNNER_TEMP": str(job.home), "GITHUB_SHA": "0123abcd" * 5, "GITHUB_OUTPUT": str(output)}
    job.run(["sh", "-e", "-c", build["run"]], environment)
    expect(destinations(job.built()), ["registry.example.com/team/app:" + "0123abcd" * 5])
    expect(job.built()["logins"], {"registry.example.com": f"{USER}:{PASSWORD}"})
    expect(output.read_text(), f"image={REFERENCE}\n")
    expect((job.home / "kubeconfig").read_text(), secrets["KUBECONFIG"])


def argo(job: Job) -> None:
    file = load("argo-workflow.yaml")
    # What the types do not know is dropped.
    typed = Workflow.model_validate(file).model_dump_json(by_alias=True, exclude_none=True)
    expect(json.loads(typed), file)
    [template] = file["spec"]["templates"]
    source = template["inputs"]["artifacts"][0]["path"]
    [metadata] = [parameter["valueFrom"]["path"] for parameter in template["outputs"]["parameters"]]
    values = {source: str(job.project), metadata: str(job.home / "image.json")}
    for parameter in file["spec"]["arguments"]["parameters"]:
        values[f"{{{{workflow.parameters.{parameter['name']}}}}}"] = parameter["value"]
    job.run(template["container"]["command"] + [replaced(word, values) for word in template["container"]["args"]], {})
    expect(destinations(job.built()), ["registry.example.com/team/app:main"])
    expect((job.home / "image.json").exists(), True)


def tekton(job: Job) -> None:
    spec = load("tekton-task.yaml")["spec"]
    image = "registry.example.com/team/app:main"
    values = {f"$(params.{param['name']})": param.get("default", image) for param in spec["params"]}
    values |= {f"$(results.{result['name']}.path)": str(job.home / result["name"]) for result in spec["results"]}
    [step] = spec["steps"]
    expect(step["workingDir"], "$(workspaces.source.path)")
    environment = {variable["name"]: replaced(variable["value"], values) for variable in step["env"]}
    job.run(["sh", "-c", replaced(step["script"], values)], environment)
    expect(destinations(job.built()), [image])
    expect((job.home / "image").read_text(), REFERENCE)


def replaced(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    if "{{" in text or "$(params" in text or "$(results" in text or "$(workspaces" in text:
        raise SystemExit(f"nothing is known of a variable in {text!r}")
    return text


def main(program: str) -> None:
    for system in (gitlab, github, argo, tekton):
        with tempfile.TemporaryDirectory() as directory:
            try:
                system(Job(program, Path(directory)))
            except SystemExit as failed:
                raise SystemExit(f"examples: {system.__name__}: {failed}") from None
        print(f"==> {system.__name__}: its commands are the tool's", file=sys.stderr)


main(sys.argv[1])
