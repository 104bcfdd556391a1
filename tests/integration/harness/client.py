# SPDX-License-Identifier: Apache-2.0
"""An MQTT client with paho whose TLS version is pinned, and whose events can be waited for."""
import queue
import ssl
from pathlib import Path
from types import TracebackType

import paho.mqtt.client as paho

from .ca import Identity
from .waiting import DEADLINE_S

TLS_1_2 = ssl.TLSVersion.TLSv1_2
TLS_1_3 = ssl.TLSVersion.TLSv1_3


def tls_context(ca_certificate: Path, identity: Identity | None, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_certificate))
    context.minimum_version = context.maximum_version = version
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    return context


def _new_paho(client_id: str, clean: bool, protocol: int, transport: str) -> paho.Client:
    arguments = {"client_id": client_id, "protocol": protocol, "transport": transport}
    if protocol != paho.MQTTv5:
        arguments["clean_session"] = clean
    if hasattr(paho, "CallbackAPIVersion"):  # paho 2 (Debian 13) wants to be told; 1.6 (Debian 12) does not know it
        return paho.Client(paho.CallbackAPIVersion.VERSION1, **arguments)
    return paho.Client(**arguments)


class MqttClient:
    """One connection. Use with `with`: it is closed on every way out."""

    def __init__(self, port: int, ca_certificate: Path, identity: Identity | None, version: ssl.TLSVersion = TLS_1_3,
                 client_id: str = "", clean: bool = True, protocol: int = paho.MQTTv311, transport: str = "tcp"):
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._connected: queue.Queue[int] = queue.Queue()
        self._closed: queue.Queue[int] = queue.Queue()
        self._granted: queue.Queue[list] = queue.Queue()
        self._port = port
        self.paho = _new_paho(client_id, clean, protocol, transport)
        self.paho.tls_set_context(tls_context(ca_certificate, identity, version))
        self.paho.on_connect = lambda _c, _u, _f, code, *_: self._connected.put(int(getattr(code, "value", code)))
        self.paho.on_disconnect = lambda _c, _u, code, *_: self._closed.put(int(getattr(code, "value", code)))
        self.paho.on_subscribe = lambda _c, _u, _mid, granted, *_: self._granted.put([getattr(g, "value", g) for g in granted])
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)

    def connect(self) -> int:
        """Gives the reason code of CONNACK. Raises ssl.SSLError or OSError when the door does not open."""
        self.paho.connect("127.0.0.1", self._port, keepalive=30)
        self.paho.loop_start()
        return self._connected.get(timeout=DEADLINE_S)

    def subscribe(self, topic: str, qos: int = 1) -> int:
        """Gives the granted QoS, or the reason code of the refusal."""
        self.paho.subscribe(topic, qos)
        return int(self._granted.get(timeout=DEADLINE_S)[0])

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Returns when the message is acknowledged (QoS 0: sent)."""
        info = self.paho.publish(topic, payload, qos, retain)
        info.wait_for_publish(DEADLINE_S)
        if not info.is_published():
            raise TimeoutError(f"publish to {topic} was not acknowledged")

    def receive(self, timeout_s: float = DEADLINE_S) -> paho.MQTTMessage:
        return self.messages.get(timeout=timeout_s)

    def wait_closed(self, timeout_s: float = DEADLINE_S) -> int:
        return self._closed.get(timeout=timeout_s)

    def __enter__(self) -> "MqttClient":
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()
