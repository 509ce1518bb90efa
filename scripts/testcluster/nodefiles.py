"""Certificates, tokens and configuration files, written anew for every cluster.

One private CA signs everything. Server certificates are signed by it and not
self-signed, and clients get the CA and verify: that is what the program under test
does with a real cluster. Tokens are random, because whoever has the admin's can start
privileged pods on this machine.
"""

import base64
import json
import secrets
import shutil

import host
from settings import (API_SERVICE_ADDRESS, API_URL, CGROUP, CONFIG, CONTAINERD_SOCKET, KUBECONFIG, LOGS,
                      NODE_ADDRESS, NODE_NAME, PAUSE_IMAGE, PKI, POD_NETWORK, REGISTRY, STATE, TLS_REGISTRY,
                      TLS_REGISTRY_NAME, TLS_REGISTRY_PASSWORD_BCRYPT, TLS_REGISTRY_USER, VOLUME_PLUGINS)

# Account name: (user, groups). The kubelet's user name is what Node authorization goes by.
ACCOUNTS = {
    "admin": ("admin", ["system:masters"]),
    "dev": ("dev", []),
    "controller-manager": ("system:kube-controller-manager", []),
    "scheduler": ("system:kube-scheduler", []),
    "kubelet": (f"system:node:{NODE_NAME}", ["system:nodes"]),
}

OPENSSL_CONFIG = f"""\
[req]
distinguished_name = none
[none]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[apiserver]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = IP:{NODE_ADDRESS}, IP:127.0.0.1, IP:{API_SERVICE_ADDRESS}, DNS:localhost, DNS:kubernetes, \
DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local
[kubelet]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = IP:{NODE_ADDRESS}, DNS:{NODE_NAME}
[registry]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = IP:{NODE_ADDRESS}, DNS:{TLS_REGISTRY_NAME}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
"""


def write() -> None:
    for directory in (PKI, CONFIG, LOGS, CONFIG / "cni", STATE / "kubelet"):
        directory.mkdir(parents=True)
    _write_pki()
    tokens = _write_tokens()
    _write_kubeconfig(KUBECONFIG, tokens, "admin", "dev")
    for account in ("controller-manager", "scheduler", "kubelet"):
        _write_kubeconfig(CONFIG / f"{account}.kubeconfig", tokens, account)
    _write_containerd()
    _write_cni()
    _write_kubelet()
    _write_registries()


def _write_pki() -> None:
    (PKI / "openssl.cnf").write_text(OPENSSL_CONFIG)
    _certificate("ca", "/CN=kaniko-local test cluster", "ca")
    for name in ("apiserver", "kubelet", "registry"):
        _certificate(name, f"/CN={name}", name, signer="ca")
    # What the API server shows the kubelet for exec, attach and logs.
    _certificate("apiserver-kubelet-client", "/O=system:masters/CN=apiserver", "client", signer="ca")
    key, public = PKI / "service-accounts.key", PKI / "service-accounts.pub"
    host.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    host.run("openssl", "ec", "-in", str(key), "-pubout", "-out", str(public))


def _certificate(name: str, subject: str, extensions: str, signer: str | None = None) -> None:
    signed = ["-CA", str(PKI / f"{signer}.crt"), "-CAkey", str(PKI / f"{signer}.key")] if signer else []
    host.run("openssl", "req", "-x509", "-config", str(PKI / "openssl.cnf"), "-extensions", extensions,
             "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365",
             "-subj", subject, "-keyout", str(PKI / f"{name}.key"), "-out", str(PKI / f"{name}.crt"), *signed)


def _write_tokens() -> dict[str, str]:
    tokens = {account: secrets.token_hex(16) for account in ACCOUNTS}
    lines = [f'{tokens[account]},{user},{user},"{",".join(groups)}"\n' for account, (user, groups) in ACCOUNTS.items()]
    (PKI / "tokens.csv").write_text("".join(lines))
    (PKI / "admin.token").write_text(tokens["admin"])
    return tokens


def _json(path, value) -> None:
    """JSON, which is also YAML: no writer for that is needed."""
    path.write_text(json.dumps(value, indent=2) + "\n")


def _write_kubeconfig(path, tokens: dict[str, str], *accounts: str) -> None:
    """A kubeconfig with a context per account; the first is the current one."""
    cluster = {
        "server": API_URL,
        "certificate-authority-data": base64.b64encode((PKI / "ca.crt").read_bytes()).decode(),
    }
    _json(path, {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kaniko-local", "cluster": cluster}],
        "users": [{"name": account, "user": {"token": tokens[account]}} for account in accounts],
        "contexts": [
            {"name": account, "context": {"cluster": "kaniko-local", "user": account, "namespace": "default"}}
            for account in accounts
        ],
        "current-context": accounts[0],
    })


def _write_containerd() -> None:
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox starts otherwise.
    # disable_apparmor: a profile is loaded for the whole machine and would stay loaded.
    (CONFIG / "containerd.toml").write_text(f"""\
version = 2
root = "{STATE}/containerd/root"
state = "{STATE}/containerd/state"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[ttrpc]
  address = "{CONTAINERD_SOCKET}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{STATE}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{CONFIG}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{CONFIG}/registries"
""")
    # containerd 1.6 takes a bare `server` of http for https: only a host section is heeded.
    for registry, url, trust in ((REGISTRY, f"http://{REGISTRY}", ""),
                                 (TLS_REGISTRY, f"https://{TLS_REGISTRY}", f'  ca = "{PKI}/ca.crt"\n')):
        directory = CONFIG / "registries" / registry
        directory.mkdir(parents=True)
        (directory / "hosts.toml").write_text(f"""\
server = "{url}"
[host."{url}"]
  capabilities = ["pull", "resolve"]
{trust}""")


def _write_cni() -> None:
    # No ipMasq: this machine has a route to the pods, so they need no other address, and no iptables.
    _json(CONFIG / "cni" / "10-bridge.conflist", {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{STATE}/addresses",
                "ranges": [[{"subnet": POD_NETWORK}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })


def _write_kubelet() -> None:
    _json(CONFIG / "kubelet.json", {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "healthzPort": 0,
        "tlsCertFile": f"{PKI}/kubelet.crt",
        "tlsPrivateKeyFile": f"{PKI}/kubelet.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "podLogsDir": f"{LOGS}/pods",
        "volumePluginDir": str(VOLUME_PLUGINS),
        "failSwapOn": False,
        # There is no DNS server: with this address a look-up is refused at once, with none it
        # would go to whatever this machine uses, and time out.
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        # The images cannot be pulled again, and a developer's disk is often nearly full.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                         "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        # How late it notices that a pod takes more disk than it may; a minute otherwise.
        "volumeStatsAggPeriod": "5s",
        # The tests start many pods at once from one client: the limits for large clusters only delay them.
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,
        "registryPullQPS": 0,
        "serializeImagePulls": False,
    })


def _write_registries() -> None:
    common = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
    }
    _json(CONFIG / "registry.json", {
        **common,
        "storage": {"filesystem": {"rootdirectory": f"{STATE}/registry"}, "delete": {"enabled": True}},
        "http": {"addr": REGISTRY, "secret": secrets.token_hex(16)},
    })
    # skopeo takes every .crt in a directory for a CA, so it gets a directory with just that.
    (CONFIG / "registry-trust").mkdir()
    shutil.copy(PKI / "ca.crt", CONFIG / "registry-trust")
    password_file = CONFIG / "registry.htpasswd"
    password_file.write_text(f"{TLS_REGISTRY_USER}:{TLS_REGISTRY_PASSWORD_BCRYPT}\n")
    _json(CONFIG / "tls-registry.json", {
        **common,
        "storage": {"filesystem": {"rootdirectory": f"{STATE}/tls-registry"}, "delete": {"enabled": True}},
        "http": {
            "addr": TLS_REGISTRY,
            "secret": secrets.token_hex(16),
            "tls": {"certificate": f"{PKI}/registry.crt", "key": f"{PKI}/registry.key"},
        },
        "auth": {"htpasswd": {"realm": "kaniko-local test", "path": str(password_file)}},
    })
