"""A git server on this machine, as pods reach it: HTTP around git's own `git http-backend`."""

import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Iterator

# What of a request CGI has a variable for.
VARIABLES = {"Content-Type": "CONTENT_TYPE", "Content-Encoding": "HTTP_CONTENT_ENCODING",
             "Git-Protocol": "HTTP_GIT_PROTOCOL"}
PIECE = 64 * 1024


@contextmanager
def serving(directory: Path, host: str) -> Iterator[str]:
    """Serves the repositories below a directory; the address to clone from is http://ADDRESS/NAME.git."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            _answer(self, directory)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, directory: Path) -> None:
    path, _, query = request.path.partition("?")
    body = _body(request)
    environment = {**os.environ, "GIT_PROJECT_ROOT": str(directory), "GIT_HTTP_EXPORT_ALL": "1",
                   "REQUEST_METHOD": request.command, "PATH_INFO": path, "QUERY_STRING": query,
                   "REMOTE_ADDR": request.client_address[0], "CONTENT_LENGTH": str(len(body)),
                   **{variable: request.headers.get(name) or "" for name, variable in VARIABLES.items()}}
    backend = subprocess.Popen(["git", "-c", "safe.directory=*", "http-backend"], env=environment,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    # What git wants is small; what it answers may be a whole history, and is passed on as it comes.
    backend.stdin.write(body)
    backend.stdin.close()
    status, headers = 200, []
    while line := backend.stdout.readline().strip():
        name, _, value = line.decode("latin-1").partition(": ")
        if name == "Status":
            status = int(value.split()[0])
        else:
            headers.append((name, value))
    request.send_response(status)
    for header in headers:
        request.send_header(*header)
    request.send_header("Connection", "close")
    request.end_headers()
    while piece := backend.stdout.read1(PIECE):
        request.wfile.write(piece)
    backend.wait()


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while length := int(request.rfile.readline().strip(), 16):
        body += request.rfile.read(length)
        request.rfile.readline()
    request.rfile.readline()
    return body
