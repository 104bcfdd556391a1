# SPDX-License-Identifier: Apache-2.0
"""A management API of a few answers, on a UNIX socket or behind TLS: what the command line is tested against without the
daemon. It keeps every request."""
import json
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Request:
    method: str
    path: str  # decoded
    raw_target: str
    query: dict[str, str]
    body: object
    content_type: str | None


@dataclass
class Answer:
    """body: bytes as they are, anything else as JSON; None: no body. chunks: pieces of an endless answer."""

    body: object = None
    status: int = 200
    content_type: str = "application/json"
    chunks: list[bytes] | None = None
    hold: bool = False  # the stream stays open behind its chunks


def problem(status: int, slug: str, detail: str) -> Answer:
    return Answer({"type": f"urn:merlon:problem:{slug}", "title": slug, "status": status, "detail": detail}, status,
                  "application/problem+json")


def page(items: list, following: str | None = None) -> Answer:
    return Answer({"items": items, **({"next": following} if following else {})})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        stub: ApiStub = self.server.stub
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        request = Request(self.command, unquote(parts.path), self.path, query, json.loads(text) if text else None,
                          self.headers.get("Content-Type"))
        stub.requests.append(request)
        self._send(stub.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _send(self, answer: Answer) -> None:
        if answer.chunks is not None:
            self._stream(answer)
            return
        body = b"" if answer.body is None else answer.body
        if not isinstance(body, bytes):
            body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.chunks or []:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if answer.hold:
            self.server.stub.released.wait(20)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the requests are kept."""

    def address_string(self) -> str:
        return "local"


class _Quiet(socketserver.ThreadingMixIn):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A client that leaves early, or a refused handshake, is part of the test."""


class _UnixServer(_Quiet, socketserver.UnixStreamServer):
    pass


class _TlsServer(_Quiet, socketserver.TCPServer):
    context: ssl.SSLContext

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


@dataclass
class ApiStub:
    """answers: (method, path) to one Answer, or to a list that is used up, or to a function of the request."""

    folder: Path
    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    server: socketserver.BaseServer | None = None

    def answer(self, request: Request) -> Answer:
        found = self.answers.get((request.method, request.path))
        if callable(found):
            return found(request)
        if isinstance(found, list):
            return found.pop(0) if found else problem(500, "internal", "the test has no more answers")
        return found or problem(404, "not-found", f"no {request.method} {request.path}")

    def _start(self, server: socketserver.BaseServer) -> None:
        self.server = server
        server.stub = self
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def listen_unix(self) -> "ApiStub":
        path = self.folder / "api.sock"
        self._start(_UnixServer(str(path), _Handler))
        self.address = f"unix:{path}"
        return self

    def listen_tls(self, certificate: Path, key: Path, clients: Path) -> "ApiStub":
        server = _TlsServer(("127.0.0.1", 0), _Handler)
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate, key)
        server.context.load_verify_locations(clients)
        server.context.verify_mode = ssl.CERT_REQUIRED
        self._start(server)
        self.address = f"https://127.0.0.1:{server.server_address[1]}"
        return self

    def close(self) -> None:
        self.released.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
