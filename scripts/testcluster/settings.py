"""Names, addresses, versions and paths of the test cluster.

They are fixed, not configurable: there is one test cluster on a machine, and `down`
may delete what has these names without asking, because nothing else has them.
Versions are read from the go.mod files, so that each is pinned in one place only.
"""

import hashlib
import os
import platform
import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
KUBERNETES_SOURCE = SOURCE / "kubernetes"
KUBERNETES_MODULE = "k8s.io/kubernetes"
KANIKO_SOURCE = SOURCE / "kaniko"
KANIKO_MODULE = "github.com/GoogleContainerTools/kaniko"
BUILDKIT_SOURCE = SOURCE / "buildkit"
BUILDKIT_MODULE = "github.com/moby/buildkit"

# Everything of the running cluster. Short, because UNIX socket paths below it must
# stay under 108 bytes.
STATE = Path("/var/lib/kaniko-local-cluster")
LOGS = STATE / "logs"
PKI = STATE / "pki"
CONFIG = STATE / "config"
RECORD = STATE / "node.json"
MADE_BY = STATE / "made-by"
# Where the supervisor is asked to strike a part.
CONTROL = STATE / "control.sock"
KUBECONFIG = STATE / "kubeconfig"
EXECUTOR = STATE / "executor"
# Empty. The default is outside of STATE, and it would be created there.
VOLUME_PLUGINS = STATE / "volume-plugins"
CONTAINERD_SOCKET = STATE / "containerd.sock"
# Outside STATE, which is deleted while the lock is held.
LOCK = Path("/run/kaniko-local-cluster.lock")

CGROUP = "kaniko-local-cluster"

# A /30 between this machine and the node, and the pods' network behind the node.
HOST_LINK = "kaniko-local0"
NODE_LINK = "eth0"
HOST_ADDRESS = "10.97.0.1"
NODE_ADDRESS = "10.97.0.2"
LINK_PREFIX = 30
POD_NETWORK = "10.97.1.0/24"
SERVICE_NETWORK = "10.97.2.0/24"
API_SERVICE_ADDRESS = "10.97.2.1"

NODE_NAME = "kaniko-local-node"
API_PORT = 6443
API_URL = f"https://{NODE_ADDRESS}:{API_PORT}"
ETCD_URL = "http://127.0.0.1:2379"
SCHEDULER_PORT = 10259
CONTROLLER_MANAGER_PORT = 10257
KUBELET_URL = f"https://{NODE_ADDRESS}:10250"

REGISTRY = f"{NODE_ADDRESS}:5000"
TLS_REGISTRY = f"{NODE_ADDRESS}:5443"
TLS_REGISTRY_NAME = "registry.kaniko-local.test"
# Known to everybody on purpose: what it guards lives as long as a test run.
TLS_REGISTRY_USER = "kaniko-local"
TLS_REGISTRY_PASSWORD = "correct-horse-battery"
TLS_REGISTRY_PASSWORD_BCRYPT = "$2y$05$QBQjBK0D/smeOammg1rs6eOy9CL/Gu1bCW1/.XnITIlOKTie93BQK"

PAUSE_IMAGE = "kaniko-local.test/pause:1"
BASE_REPOSITORY = "library/busybox"
BASE_TAGS = ("1", "latest")
BASE_IMAGE = f"{REGISTRY}/{BASE_REPOSITORY}:1"


def module_version(source: Path, module: str) -> str:
    """The version a go.mod file requires of a module."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (source / "go.mod").read_text(), re.M)
    if not found:
        raise LookupError(f"{source}/go.mod requires no {module}")
    return found[1]


KUBERNETES_VERSION = module_version(KUBERNETES_SOURCE, KUBERNETES_MODULE)
KANIKO_VERSION = module_version(KANIKO_SOURCE, KANIKO_MODULE)
BUILDKIT_VERSION = module_version(BUILDKIT_SOURCE, BUILDKIT_MODULE)
EXECUTOR_IMAGE = f"gcr.io/kaniko-project/executor:{KANIKO_VERSION}"
EXECUTOR_DEBUG_IMAGE = f"{EXECUTOR_IMAGE}-debug"

# Go's and the image format's name of this machine's architecture.
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())

# Some of the programs are in sbin directories, which a root shell's PATH may lack.
PATH = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def kubernetes_version_flags() -> str:
    """The linker's, for programs of Kubernetes. Without them each calls itself v0.0.0, and clients judge it by its version."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".", 2)
    variables = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in variables.items())


def sources_digest() -> str:
    """Names this version of the cluster: a running one made by another version is out of date."""
    sources = [path for path in SOURCE.rglob("*") if path.suffix in (".py", ".go", ".mod", ".sum")]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(sources))).hexdigest()


def cache() -> Path:
    """Where built things are kept between clusters."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kaniko-local" / "testcluster"
