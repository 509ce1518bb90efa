"""What is asked of this machine: its kind, Debian packages, and the network link.

Packages are installed with apt-get and stay; nothing else on the machine is changed
for good (but see cgroups.py on v2). No service of those packages is let start: they would run outside of the
cluster's namespaces and take its ports.
"""

import ipaddress
import json
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
    "ca-certificates": "/usr/share/ca-certificates/mozilla",
    "openssl": "openssl",
    "iproute2": "ip",
    "iptables": "iptables",
    "util-linux": "unshare",
    "mount": "mount",
}
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = b"# Of kaniko-local's scripts/cluster, which removes it."
# The executor's debug image has busybox 1.37. Before 1.36 its sha256sum does without the processor's own instructions
# and is five times slower, so uploads here would be slower than anybody's.
BUSYBOX_RELEASE = "trixie"
DEBIAN_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"

SHORT_PATIENCE = 60
APT_PATIENCE = 10 * 60
OWN = "to use a cluster of your own instead, set KANIKO_LOCAL_TEST_KUBECONFIG"


def check() -> None:
    """Refuse a machine the cluster cannot run on."""
    what = "the test cluster needs root on Linux, Debian or a derivative, amd64 or arm64"
    if not sys.platform.startswith("linux"):
        raise Refused(f"{what}; this is {sys.platform}\n{OWN}")
    if os.geteuid() != 0:
        raise Refused(f"{what}; you are not root\n{OWN}")
    if ARCHITECTURE is None:
        raise Refused(f"{what}; this machine is {os.uname().machine}\n{OWN}")
    if not (Path("/etc/debian_version").exists() and shutil.which("apt-get", path=PATH)):
        raise Refused(f"{what}; this one is not Debian\n{OWN}")


def run(*argv: str, **options) -> str:
    """Run a short command; its output, or a Failure that quotes what it said."""
    options.setdefault("env", {**os.environ, "PATH": PATH})
    options.setdefault("timeout", SHORT_PATIENCE)
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, **options)
    except OSError as error:
        raise Failure(f"cannot run {argv[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(argv)}: not done within {options['timeout']} s") from None
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
    with _services_held_back():
        _apt_get("install", "-y", "--no-install-recommends", "--no-remove", *missing)


def _apt_get(*arguments: str, **options) -> None:
    """apt-get, and once more with new lists of packages if it fails with those there are."""
    # A new machine may be busy with its unattended upgrades for a while.
    apt_get = ["apt-get", "-o", "DPkg::Lock::Timeout=120"]
    options |= {"env": {**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}, "timeout": APT_PATIENCE}
    try:
        run(*apt_get, *arguments, **options)
    except Failure:
        run(*apt_get, "update", **options)
        run(*apt_get, *arguments, **options)


@contextmanager
def _services_held_back():
    """Keep package installation from starting services, Debian's way (policy-rc.d)."""
    if POLICY.exists():
        yield
        return
    try:
        POLICY.write_bytes(b"#!/bin/sh\n" + POLICY_MARK + b"\nexit 101\n")
        POLICY.chmod(0o755)
        yield
    finally:
        release_services()


def release_services() -> None:
    """Remove a policy of ours, also one left by a run that was killed: with it no service would start ever again."""
    if POLICY.is_file() and POLICY_MARK in POLICY.read_bytes():
        POLICY.unlink()


def unpack_busybox(out: Path) -> None:
    """The static busybox out of its package, which is not installed for it.

    Debian's other package, busybox, conflicts with it, and the machine's initramfs may need that one.
    """
    try:
        _download_of_release(BUSYBOX_RELEASE, "busybox-static", out.parent)
    except Failure as failure:
        say(f"no busybox of Debian {BUSYBOX_RELEASE}, so this machine's own, which may be slower: {failure}")
        _apt_get("download", "busybox-static", cwd=out.parent)
    [package] = out.parent.glob("busybox-static_*.deb")
    unpacked = out.parent / "unpacked"
    run("dpkg-deb", "-x", str(package), str(unpacked))
    [program] = unpacked.glob("**/bin/busybox")  # in bin or usr/bin, by the release
    program.rename(out)


def _download_of_release(release: str, package: str, directory: Path) -> None:
    """Download a package of another release from this machine's mirror, with lists that apt-get has for itself alone."""
    (directory / "sources").mkdir()
    (directory / "lists" / "partial").mkdir(parents=True)
    (directory / "cache" / "archives" / "partial").mkdir(parents=True)
    (directory / "sources" / f"{release}.list").write_text(f"deb [signed-by={DEBIAN_KEYS}] {mirror()} {release} main\n")
    apart = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": directory / "sources",
             "Dir::State::lists": directory / "lists", "Dir::Cache": directory / "cache",
             "Acquire::Languages": "none"}
    options = [word for name, value in apart.items() for word in ("-o", f"{name}={value}")]
    for command in (["update"], ["download", package]):
        run("apt-get", *options, *command, cwd=directory, timeout=APT_PATIENCE)


def mirror() -> str:
    """Where this machine has its packages from."""
    mirrors = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main").split()
    if not mirrors:
        raise Failure("apt-get has no mirror")
    return mirrors[0]


def package_version(package: str) -> str:
    return run("dpkg-query", "-W", "-f", "${Version}", package)


def check_network() -> None:
    """Refuse a machine that has another use for the cluster's addresses, when the cluster's own link is gone."""
    wanted = [ipaddress.ip_network(f"{HOST_ADDRESS}/{LINK_PREFIX}", strict=False), ipaddress.ip_network(POD_NETWORK)]
    # All tables: the one named local has this machine's own addresses.
    for route in json.loads(run("ip", "-json", "-4", "route", "show", "table", "all")):
        if route["dst"] == "default" or route.get("dev") == HOST_LINK:
            continue
        network = ipaddress.ip_network(route["dst"])
        # VPNs divide the default route in halves, so what is as wide as that is one too.
        if network.prefixlen >= 12 and any(map(network.overlaps, wanted)):
            raise Refused(f"the test cluster's networks {wanted[0]} and {wanted[1]} are in use on this machine: "
                          f"it has a route to {network} on {route.get('dev', 'no device')}\n{OWN}")


def add_link(node_pid: int) -> None:
    """Join this machine and the node's network namespace.

    The routes go with the link and the link goes with the namespace, so there is
    nothing here that could outlive the cluster for long.
    """
    run("ip", "link", "add", HOST_LINK, "type", "veth", "peer", "name", NODE_LINK, "netns", str(node_pid))
    run("ip", "address", "add", f"{HOST_ADDRESS}/{LINK_PREFIX}", "dev", HOST_LINK)
    run("ip", "link", "set", HOST_LINK, "up")
    run("ip", "route", "add", POD_NETWORK, "via", NODE_ADDRESS)


def set_link(node_pid: int, state: str) -> None:
    """Set the link `up` or `down`, at the node's end: like an unplugged cable.

    Down at this end, this machine would lose its routes to the node with it, and send what is
    meant for the node to whatever its default route leads to.
    """
    run("nsenter", f"--net=/proc/{node_pid}/ns/net", "ip", "link", "set", NODE_LINK, state)


def slow_link(megabits: float) -> None:
    """Let this machine send to the node no faster than so many Mbit/s."""
    # A burst holds the largest packet that the two ends hand over undivided, 64 KiB.
    run("tc", "qdisc", "replace", "dev", HOST_LINK, "root", "tbf", "rate", f"{megabits}mbit", "burst", "128kb",
        "latency", "200ms")


def slowed_link() -> str | None:
    """How slow the link was made, as tc says it."""
    [queue, *_] = json.loads(run("tc", "-json", "qdisc", "show", "dev", HOST_LINK)) or [{}]
    return f"{queue['options']['rate'] * 8 / 1e6:g} Mbit/s" if queue.get("kind") == "tbf" else None


def free_link() -> None:
    if slowed_link():
        run("tc", "qdisc", "delete", "dev", HOST_LINK, "root")


def remove_link() -> None:
    if not Path("/sys/class/net", HOST_LINK).exists():
        return
    try:
        run("ip", "link", "delete", HOST_LINK)
    except Failure:
        # The kernel may have been faster: it deletes the link with the namespace.
        if Path("/sys/class/net", HOST_LINK).exists():
            raise
