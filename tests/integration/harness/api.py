# SPDX-License-Identifier: Apache-2.0
"""The management API over its UNIX socket or over HTTPS: what tests set things up with, and what API tests look at."""
import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .ca import Identity
from .client import TLS_1_3, tls_context
from .waiting import DEADLINE_S


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def text(self) -> str:
        return self.body.decode()


class ApiError(AssertionError):
    def __init__(self, method: str, path: str, answer: Answer):
        super().__init__(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        self.answer = answer


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(str(self._path))


class Api:
    """Every request on a connection of its own: nothing is left open when a test ends."""

    def __init__(self, socket_path: Path):
        self._socket_path = socket_path

    def _connection(self) -> http.client.HTTPConnection:
        return _UnixConnection(self._socket_path)

    def raw(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Any answer; body is sent as JSON."""
        if body is None:
            return self.raw(method, path)
        return self.raw(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def do(self, method: str, path: str, body: Any = None) -> Any:
        """What a request answers that must succeed."""
        answer = self.ask(method, path, body)
        if not 200 <= answer.status < 300:
            raise ApiError(method, path, answer)
        return answer.json() if answer.body else None

    def get(self, path: str, **query: Any) -> Any:
        return self.do("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.do("POST", path, {} if body is None else body)

    def all_of(self, path: str, **query: Any) -> list[Any]:
        """The items of a list on all its pages."""
        page = self.get(path, limit=500, **query)
        items = list(page["items"])
        while "next" in page:
            page = self.get(path, limit=500, cursor=page["next"], **query)
            items += page["items"]
        return items

    def step(self, device: str, action: str, reason: str = "") -> Any:
        return self.post(f"/v1/devices/{quote(device)}/{action}", {"reason": reason} if reason else {})

    def metric(self, name: str, labels: str = "") -> float:
        """The value of one sample; labels as they stand between the braces."""
        wanted = f"{name}{{{labels}}} " if labels else f"{name} "
        for line in self.raw("GET", "/metrics").text().splitlines():
            if line.startswith(wanted):
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(wanted)


class HttpsApi(Api):
    """The management port, with the certificate of an operator or without one."""

    def __init__(self, port: int, root: Path, identity: Identity | None, version: ssl.TLSVersion = TLS_1_3):
        super().__init__(Path())
        self._port = port
        self._context = tls_context(root, identity, version)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=DEADLINE_S, context=self._context)
