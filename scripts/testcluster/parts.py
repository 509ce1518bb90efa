"""The parts of the node: their command lines, what each needs, how each shows it is ready.

A part without a readiness check is a task: it is done when it has exited with 0.

There is no kube-proxy and no DNS server: the tests' pods talk to registries by address,
and use no service.
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import probe
from settings import (API_PORT, BASE_REPOSITORY, BASE_TAGS, CONFIG, CONTAINERD_SOCKET, CONTROLLER_MANAGER_PORT,
                      ETCD_URL, LOGS, NODE_ADDRESS, NODE_NAME, PKI, REGISTRY, SCHEDULER_PORT, SERVICE_NETWORK,
                      STATE, TLS_REGISTRY, TLS_REGISTRY_PASSWORD, TLS_REGISTRY_USER, VOLUME_PLUGINS)


@dataclass
class Part:
    name: str
    argv: list[str]
    needs: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    patience: float = 60  # seconds from its start until it must be ready

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"


def all_parts(kubernetes: str, node_images: str, base_image: str) -> list[Part]:
    return [
        *_services(),
        *_kubernetes(kubernetes),
        Part("load-images", ["ctr", "-a", str(CONTAINERD_SOCKET), "-n", "k8s.io", "images", "import", node_images],
             needs=("containerd",)),
        *_base_image_pushes(base_image),
    ]


def _services() -> list[Part]:
    return [
        # Nothing it stores is worth an fsync. The short election is safe with one member.
        Part("etcd", ["etcd", "--data-dir", f"{STATE}/etcd", "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
                      f"--listen-client-urls={ETCD_URL}", f"--advertise-client-urls={ETCD_URL}",
                      "--listen-peer-urls=http://127.0.0.1:2380",
                      "--heartbeat-interval=20", "--election-timeout=200"],
             ready=probe.etcd),
        Part("containerd", ["containerd", "--config", f"{CONFIG}/containerd.toml"], ready=_containerd_listens),
        Part("registry", ["docker-registry", "serve", f"{CONFIG}/registry.json"], ready=probe.registry),
        Part("tls-registry", ["docker-registry", "serve", f"{CONFIG}/tls-registry.json"], ready=probe.tls_registry),
    ]


def _kubernetes(program: str) -> list[Part]:
    return [
        Part("kube-apiserver", [
            program, "kube-apiserver",
            f"--etcd-servers={ETCD_URL}",
            f"--bind-address={NODE_ADDRESS}", f"--advertise-address={NODE_ADDRESS}", f"--secure-port={API_PORT}",
            f"--tls-cert-file={PKI}/apiserver.crt", f"--tls-private-key-file={PKI}/apiserver.key",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
            f"--token-auth-file={PKI}/tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={PKI}/service-accounts.pub",
            f"--service-account-signing-key-file={PKI}/service-accounts.key",
            # Nothing resolves the node's name: exec, attach and logs must go to its address.
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={PKI}/ca.crt",
            f"--kubelet-client-certificate={PKI}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={PKI}/apiserver-kubelet-client.key",
            "--allow-privileged=true",
        ], needs=("etcd",), ready=probe.api_server),
        Part("kube-controller-manager", [
            program, "kube-controller-manager",
            f"--kubeconfig={CONFIG}/controller-manager.kubeconfig",
            "--leader-elect=false", "--use-service-account-credentials",
            "--bind-address=127.0.0.1", f"--secure-port={CONTROLLER_MANAGER_PORT}",
            f"--tls-cert-file={PKI}/apiserver.crt", f"--tls-private-key-file={PKI}/apiserver.key",
            f"--service-account-private-key-file={PKI}/service-accounts.key",
            f"--root-ca-file={PKI}/ca.crt", f"--flex-volume-plugin-dir={VOLUME_PLUGINS}",
            # The default of 20 requests a second makes its own start, and the end of a namespace, take seconds.
            "--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-namespace-syncs=20",
        ], needs=("kube-apiserver",), ready=probe.controller_manager),
        Part("kube-scheduler", [
            program, "kube-scheduler",
            f"--kubeconfig={CONFIG}/scheduler.kubeconfig",
            "--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={SCHEDULER_PORT}",
            f"--tls-cert-file={PKI}/apiserver.crt", f"--tls-private-key-file={PKI}/apiserver.key",
        ], needs=("kube-apiserver",), ready=probe.scheduler),
        Part("kubelet", [
            program, "kubelet",
            f"--config={CONFIG}/kubelet.json", f"--kubeconfig={CONFIG}/kubelet.kubeconfig",
            f"--root-dir={STATE}/kubelet", f"--cert-dir={STATE}/kubelet/pki",
            f"--node-ip={NODE_ADDRESS}", f"--hostname-override={NODE_NAME}",
        ], needs=("containerd", "kube-apiserver"), ready=probe.kubelet),
    ]


def _base_image_pushes(archive: str) -> list[Part]:
    plain = ["--dest-tls-verify=false"]
    tls = [f"--dest-cert-dir={CONFIG}/registry-trust", f"--dest-creds={TLS_REGISTRY_USER}:{TLS_REGISTRY_PASSWORD}"]
    pushes = []
    for service, registry, options in (("registry", REGISTRY, plain), ("tls-registry", TLS_REGISTRY, tls)):
        before = service
        for tag in BASE_TAGS:
            name = f"{BASE_REPOSITORY}:{tag}"
            part = Part(f"push-{tag}-to-{service}",
                        ["skopeo", "copy", "--insecure-policy", *options, f"docker-archive:{archive}:{name}",
                         f"docker://{registry}/{name}"],
                        needs=(before,))
            pushes.append(part)
            # One by one: the registry loses blobs that two clients push into a repository at the same time.
            before = part.name
    return pushes


def _containerd_listens() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(probe.TIMEOUT)
        try:
            client.connect(str(CONTAINERD_SOCKET))
        except OSError:
            return False
    return True
