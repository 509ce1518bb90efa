"""Asking the running parts whether they work, over HTTP.

http.client and not urllib: it heeds no proxy settings, and everything asked is on the
other end of a veth pair. Every question has a short time limit and any failure is a no.
"""

import http.client
import json
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

from settings import (API_URL, CONTROLLER_MANAGER_PORT, ETCD_URL, KUBELET_URL, NODE_NAME, PKI, REGISTRY,
                      SCHEDULER_PORT, TLS_REGISTRY)

TIMEOUT = 1.5
CA_FILE = PKI / "ca.crt"
ADMIN_TOKEN = PKI / "admin.token"


@lru_cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CA_FILE)


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    """Status and body; status 0 when there is no answer."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT, context=_trust())
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
        try:
            connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return 0, b""


def _as_admin(url: str) -> tuple[int, bytes]:
    try:
        token = ADMIN_TOKEN.read_text()
    except OSError:
        return 0, b""
    return get(url, token)


def _api(path: str) -> tuple[int, bytes]:
    return _as_admin(API_URL + path)


def etcd() -> bool:
    status, body = get(f"{ETCD_URL}/health")
    return status == 200 and json.loads(body).get("health") == "true"


def registry() -> bool:
    return get(f"http://{REGISTRY}/v2/")[0] == 200


def tls_registry() -> bool:
    return get(f"https://{TLS_REGISTRY}/v2/")[0] == 401  # it asks for a password


def api_server() -> bool:
    return _api("/readyz")[0] == 200


def controller_manager() -> bool:
    """Whether a namespace gets what pods need: a service account and the root CA."""
    if get(f"https://127.0.0.1:{CONTROLLER_MANAGER_PORT}/healthz")[0] != 200:
        return False
    namespace = "/api/v1/namespaces/default"
    wanted = ("/serviceaccounts/default", "/configmaps/kube-root-ca.crt")
    return all(_api(namespace + path)[0] == 200 for path in wanted)


def scheduler() -> bool:
    return get(f"https://127.0.0.1:{SCHEDULER_PORT}/readyz")[0] == 200


def node_state() -> str:
    """`Ready`, or in words why pods would not be scheduled onto the node."""
    status, body = _api(f"/api/v1/nodes/{NODE_NAME}")
    if status != 200:
        return "the API server does not answer" if status == 0 else "not registered"
    node = json.loads(body)
    ready = [c for c in node["status"].get("conditions", []) if c["type"] == "Ready"]
    if not ready or ready[0]["status"] != "True":
        return f"not ready: {ready[0].get('message', '') if ready else 'no condition yet'}"
    if taints := [taint["key"] for taint in node["spec"].get("taints", [])]:
        return f"tainted: {', '.join(taints)}"
    return "Ready"


def node() -> bool:
    return node_state() == "Ready"


def kubelet() -> bool:
    """The node alone does not tell: its state stays for a while after the kubelet has gone."""
    return _as_admin(f"{KUBELET_URL}/healthz")[0] == 200 and node()
