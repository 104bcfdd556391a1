# SPDX-License-Identifier: Apache-2.0
"""EST as a foreign client sees it: curl sends, openssl makes requests and reads what comes back."""
import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .ca import Identity, openssl

EST = "/.well-known/est"


@dataclass(frozen=True)
class CurlAnswer:
    status: int
    headers: dict[str, str]
    body: bytes
    error: str

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def curl(url: str, *options: str | Path, root: Path, data: bytes | None = None) -> CurlAnswer:
    """status is 0 when no answer came."""
    command = ["curl", "--silent", "--show-error", "--include", "--max-time", "20", "--http1.1", "--cacert", str(root),
               *map(str, options), url]
    if data is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    rest, status, headers = done.stdout, 0, {}
    while rest.startswith(b"HTTP/"):  # after a 100 comes the answer
        head, _, rest = rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return CurlAnswer(status, headers, rest, done.stderr.decode(errors="replace"))


class Est:
    def __init__(self, port: int, root: Path, *options: str | Path):
        self.url, self.root, self.options = f"https://127.0.0.1:{port}{EST}", root, options

    def get(self, operation: str, *options: str | Path) -> CurlAnswer:
        return curl(f"{self.url}/{operation}", *self.options, *options, root=self.root)

    def post(self, operation: str, body: bytes, *options: str | Path) -> CurlAnswer:
        return curl(f"{self.url}/{operation}", *self.options, "-H", "Content-Type: application/pkcs10", *options,
                    root=self.root, data=body)

    def enrol(self, name: str, token: str, body: bytes, *options: str | Path) -> CurlAnswer:
        return self.post("simpleenroll", body, "--user", f"{name}:{token}", *options)

    def renew(self, identity: Identity, body: bytes, *options: str | Path) -> CurlAnswer:
        return self.post("simplereenroll", body, "--cert", identity.certificate, "--key", identity.key, *options)


def make_csr_body(key: Path, subject: str, *extensions: str, challenge: str = "") -> bytes:
    """A PKCS#10 request in base64, made by openssl. extensions: lines such as "subjectAltName=URI:..."."""
    config = key.with_suffix(".cnf")
    config.write_text("[req]\nprompt = no\ndistinguished_name = name\n" + ("attributes = attributes\n" if challenge else "")
                      + ("req_extensions = extensions\n" if extensions else "") + "[name]\nCN = placeholder\n"
                      + (f"[attributes]\nchallengePassword = {challenge}\n" if challenge else "")
                      + ("[extensions]\n" + "\n".join(extensions) + "\n" if extensions else ""), encoding="utf-8")
    subject_options = [] if challenge else ["-subj", subject]
    if challenge:  # openssl takes attributes only from the file, and -subj would leave them out
        parts = dict(part.split("=", 1) for part in subject.strip("/").split("/"))
        names = "\n".join(f"{field} = {value}" for field, value in parts.items())
        config.write_text(config.read_text(encoding="utf-8").replace("CN = placeholder", names), encoding="utf-8")
    der = openssl("req", "-new", "-key", key, *subject_options, "-config", config, "-outform", "DER")
    return base64.encodebytes(der)


def certificates_of(body: bytes, folder: Path) -> list[bytes]:
    """The certificates (PEM) in a certs-only PKCS#7 message, read by openssl."""
    der = base64.b64decode(body)
    text = openssl("pkcs7", "-inform", "DER", "-print_certs", given=der)
    end = b"-----END CERTIFICATE-----\n"
    found = [part[part.index(b"-----BEGIN"):] + end for part in text.split(end) if b"-----BEGIN" in part]
    (folder / "last.p7.pem").write_bytes(b"".join(found))
    return found
