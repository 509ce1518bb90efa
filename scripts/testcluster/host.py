"""What is asked of this machine: its kind, Debian packages, and the network link.

Packages are installed with apt-get and stay; nothing else on the machine is changed
for good. No service of those packages is let start: they would run outside of the
cluster's namespaces and take its ports.
"""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from report import Failure, Refused, say
from settings import (ARCHITECTURE, HOST_ADDRESS, HOST_LINK, LINK_PREFIX, NODE_ADDRESS, NODE_LINK, PATH,
                      POD_NETWORK)

# Package, and the program or file that shows it (or a substitute) is there.
PACKAGES = {
    "etcd-server": "etcd",
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "busybox-static": "/var/lib/dpkg/info/busybox-static.list",
    "ca-certificates": "/usr/share/ca-certificates/mozilla",
    "openssl": "openssl",
    "iproute2": "ip",
    "iptables": "iptables",
    "util-linux": "unshare",
    "mount": "mount",
}
POLICY = Path("/usr/sbin/policy-rc.d")


def check() -> None:
    """Refuse a machine the cluster cannot run on."""
    what = "the test cluster needs root on Linux, Debian or a derivative, amd64 or arm64"
    own = "to use a cluster of your own instead, set KANIKO_LOCAL_TEST_KUBECONFIG"
    if not sys.platform.startswith("linux"):
        raise Refused(f"{what}; this is {sys.platform}\n{own}")
    if os.geteuid() != 0:
        raise Refused(f"{what}; you are not root\n{own}")
    if ARCHITECTURE is None:
        raise Refused(f"{what}; this machine is {os.uname().machine}\n{own}")
    if not (Path("/etc/debian_version").exists() and shutil.which("apt-get", path=PATH)):
        raise Refused(f"{what}; this one is not Debian\n{own}")


def run(*argv: str, **options) -> str:
    """Run a short command; its output, or a Failure that quotes what it said."""
    options.setdefault("env", {**os.environ, "PATH": PATH})
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, **options)
    except OSError as error:
        raise Failure(f"cannot run {argv[0]}: {error.strerror}") from error
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout.strip()}")
    return done.stdout


def _present(proof: str) -> bool:
    return Path(proof).exists() if proof.startswith("/") else shutil.which(proof, path=PATH) is not None


def install_packages() -> None:
    missing = [package for package, proof in PACKAGES.items() if not _present(proof)]
    if not missing:
        return
    say(f"installing Debian packages: {' '.join(missing)}")
    # --no-remove: better no cluster than a user's Docker packages gone.
    install = ["apt-get", "install", "-y", "--no-install-recommends", "--no-remove", *missing]
    env = {**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
    with _services_held_back():
        try:
            run(*install, env=env)
        except Failure:
            run("apt-get", "update", env=env)
            run(*install, env=env)


@contextmanager
def _services_held_back():
    """Keep package installation from starting services, Debian's way (policy-rc.d)."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def package_version(package: str) -> str:
    return run("dpkg-query", "-W", "-f", "${Version}", package)


def add_link(node_pid: int) -> None:
    """Join this machine and the node's network namespace.

    The routes go with the link and the link goes with the namespace, so there is
    nothing here that could outlive the cluster for long.
    """
    run("ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK, "netns", str(node_pid))
    run("ip", "address", "add", f"{HOST_ADDRESS}/{LINK_PREFIX}", "dev", HOST_LINK)
    run("ip", "link", "set", HOST_LINK, "up")
    run("ip", "route", "add", POD_NETWORK, "via", NODE_ADDRESS)


def remove_link() -> None:
    if not Path("/sys/class/net", HOST_LINK).exists():
        return
    try:
        run("ip", "link", "delete", HOST_LINK)
    except Failure:
        # The kernel may have been faster: it deletes the link with the namespace.
        if Path("/sys/class/net", HOST_LINK).exists():
            raise
