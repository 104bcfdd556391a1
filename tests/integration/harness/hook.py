# SPDX-License-Identifier: Apache-2.0
"""A pre-provisioning hook as an operator would write it, over HTTPS or a UNIX socket."""
import http.server
import json
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .ca import Identity


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "hook"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook: Hook = self.server.hook  # type: ignore[attr-defined]
        hook.requests.append((self.path, dict(self.headers), body))
        answer = hook.answer(json.loads(body))
        time.sleep(hook.delay_s)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(hook.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class _Https(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass  # a client that does not trust us


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Hook:
    """answer gets the question and gives an object, or bytes as they are."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]):
        self.answer, self.status, self.delay_s = answer, 200, 0.0
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._server: socketserver.BaseServer | None = None

    def _run(self, server: socketserver.BaseServer) -> None:
        server.hook = self  # type: ignore[attr-defined]
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def listen_tls(self, identity: Identity) -> str:
        server = _Https(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._run(server)
        return f"https://127.0.0.1:{server.server_address[1]}/allow?from=merlon"

    def listen_unix(self, path: Path) -> str:
        self._run(_Unix(str(path), _Handler))
        path.chmod(0o777)
        return f"unix:{path}"

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
