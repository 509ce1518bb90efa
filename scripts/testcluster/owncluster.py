"""The same commands when the user has a cluster: KANIKO_LOCAL_TEST_KUBECONFIG is set.

Nothing is made or removed then. The user's kubeconfig is handed on as it is: reading it
would take a YAML parser, and logging in may take a helper program, so kubectl is asked
whether it works. For the unprivileged user the tests need, they get a hint to derive one
by impersonation from the user of the current context.
"""

import http.client
import os
import shutil
import subprocess
from pathlib import Path

import lifecycle
from report import Failure, Refused, say

KUBECONFIG_VARIABLE = "KANIKO_LOCAL_TEST_KUBECONFIG"
REGISTRY_VARIABLE = "KANIKO_LOCAL_TEST_REGISTRY"
BASE_IMAGE_VARIABLE = "KANIKO_LOCAL_TEST_BASE_IMAGE"
TIMEOUT = 15


def wanted() -> bool:
    return bool(os.environ.get(KUBECONFIG_VARIABLE))


def up() -> None:
    _check()
    say(f"using the cluster of {_kubeconfig()}; nothing was made")
    say(f"not checked: whether its pods reach {_registry()} too")


def down() -> None:
    say(f"nothing to take down: {KUBECONFIG_VARIABLE} is set, and that cluster was not made by scripts/cluster")


def status() -> bool:
    try:
        _check()
    except Failure as failure:
        print(f"not usable: {failure}")
        return False
    print(f"cluster of {_kubeconfig()}: the API answers")
    print(f"registry {_registry()}: answers this machine; not known whether it answers pods")
    return True


def restart(part: str, seconds: float) -> None:
    _leave_alone()


def pause(part: str, seconds: float) -> None:
    _leave_alone()


def link(state: str, amount: float | None = None) -> None:
    _leave_alone()


def _leave_alone() -> None:
    raise Refused(f"{KUBECONFIG_VARIABLE} is set, and the nodes of that cluster are left alone")


def env() -> None:
    _check()
    lifecycle.print_exports({
        "KUBECONFIG": _kubeconfig(),
        "KANIKO_LOCAL_TEST_DEV": "impersonate",
        REGISTRY_VARIABLE: _registry(),
        BASE_IMAGE_VARIABLE: os.environ.get(BASE_IMAGE_VARIABLE) or "docker.io/library/busybox:1",
    })


def _check() -> None:
    _check_api()
    _check_registry()


def _kubeconfig() -> Path:
    path = Path(os.environ[KUBECONFIG_VARIABLE]).expanduser().absolute()
    if not path.is_file():
        raise Refused(f"{KUBECONFIG_VARIABLE}: there is no file {path}")
    return path


def _registry() -> str:
    registry = os.environ.get(REGISTRY_VARIABLE)
    if not registry:
        raise Refused(f"with {KUBECONFIG_VARIABLE}, set {REGISTRY_VARIABLE} too: the address (host:port) of a registry "
                      "that both the cluster's pods and this machine reach; tests push images there and read them back")
    return registry


def _check_api() -> None:
    kubeconfig = _kubeconfig()
    kubectl = shutil.which("kubectl")
    if not kubectl:
        raise Refused(f"kubectl is needed to check the cluster of {kubeconfig} and is not on PATH")
    argv = [kubectl, f"--kubeconfig={kubeconfig}", f"--request-timeout={TIMEOUT}s", "get", "--raw", "/version"]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2 * TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Failure(f"the API of the current context of {kubeconfig} did not answer in time") from None
    if done.returncode:
        raise Failure(f"the API of the current context of {kubeconfig} does not answer:\n{done.stderr.strip()}")


def _check_registry() -> None:
    """Whether something that speaks HTTP is there. Any status will do: it may ask for a password."""
    address = _registry().split("/", 1)[0]
    errors = []
    for scheme, connect in (("https", _https), ("http", http.client.HTTPConnection)):
        try:
            connection = connect(address, timeout=TIMEOUT)
            connection.request("GET", "/v2/")
            connection.getresponse()
            return
        except (OSError, http.client.HTTPException) as error:
            errors.append(f"{scheme}: {error}")
    raise Failure(f"the registry {address} ({REGISTRY_VARIABLE}) does not answer this machine ({'; '.join(errors)})")


def _https(address: str, timeout: float) -> http.client.HTTPSConnection:
    import ssl
    # Only whether it answers is asked, nothing is sent: whose certificate it has does not matter.
    return http.client.HTTPSConnection(address, timeout=timeout, context=ssl._create_unverified_context())
