# SPDX-License-Identifier: Apache-2.0
"""EST over one TLS connection whose channel binding is known before the request is made: pyOpenSSL, all versions."""
import base64
import socket
from pathlib import Path

from OpenSSL import SSL

from .ca import Identity
from .waiting import DEADLINE_S

NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET, which pyOpenSSL does not name
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


def _context(root: Path, identity: Identity | None, version: str, extended: bool) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(VERSIONS[version])
    context.set_max_proto_version(VERSIONS[version])
    context.load_verify_locations(str(root))
    context.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
    if not extended:
        context.set_options(NO_EXTENDED_MASTER_SECRET)
    if identity is not None:
        context.use_certificate_file(str(identity.certificate))
        context.use_privatekey_file(str(identity.key))
    return context


class BoundEst:
    """Use with `with`. binding: tls-unique (RFC 5929) or the exporter of RFC 9266, raw."""

    def __init__(self, port: int, root: Path, version: str, identity: Identity | None = None, extended: bool = True,
                 session: SSL.Session | None = None):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self._socket.settimeout(None)  # pyOpenSSL wants it blocking
        self._tls = SSL.Connection(_context(root, identity, version, extended), self._socket)
        if session is not None:
            self._tls.set_session(session)
        self._tls.set_connect_state()
        self._tls.do_handshake()
        self.resumed = SSL._lib.SSL_session_reused(self._tls._ssl) == 1  # pyOpenSSL has no name for it
        self.session: SSL.Session | None = None  # after post
        if version == "1.3":
            self.binding = self._tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        else:  # RFC 5929 3: the first Finished, which the server sends when a session is resumed
            self.binding = self._tls.get_peer_finished() if self.resumed else self._tls.get_finished()

    @property
    def challenge(self) -> str:
        return base64.b64encode(self.binding).decode()

    def post(self, path: str, body: bytes, *headers: str) -> tuple[int, str]:
        """Status and text of the answer. path: behind /.well-known/est/."""
        lines = [f"POST /.well-known/est/{path} HTTP/1.1", "Host: localhost", "Content-Type: application/pkcs10",
                 f"Content-Length: {len(body)}", "Connection: close", *headers]
        self._tls.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = b""
        try:
            while more := self._tls.recv(65536):
                answer += more
        except (SSL.ZeroReturnError, SSL.SysCallError):
            pass
        self.session = self._tls.get_session()
        head, _, text = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), text.decode()

    def __enter__(self) -> "BoundEst":
        return self

    def __exit__(self, *_: object) -> None:
        self._tls.close()
        self._socket.close()


def basic(name: str, token: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()
