"""Keys and certificates, made by ssh-keygen."""
import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path


def fingerprint_of(public_line: str) -> str:
    """What `ssh-keygen -l` prints: SHA256: and base64 without padding."""
    blob = base64.b64decode(public_line.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Key:
    path: Path

    @property
    def public_path(self) -> Path:
        return self.path.with_name(self.path.name + ".pub")

    @property
    def public_line(self) -> str:
        return self.public_path.read_text().strip()

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_line)

    @property
    def certificate_path(self) -> Path:
        return self.path.with_name(self.path.name + "-cert.pub")


def _keygen(*args: str | Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", *map(str, args)],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def make_key(folder: Path, name: str, kind: str = "ed25519", passphrase: str = "") -> Key:
    """`kind`: ed25519, ecdsa or rsa, as ssh-keygen -t takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    size = ["-b", "2048"] if kind == "rsa" else []
    _keygen("-t", kind, *size, "-N", passphrase, "-C", name, "-f", path)
    return Key(path)


def certify_user(authority: Key, key: Key, principal: str, validity: str = "+1h") -> Path:
    """Signs the user key; returns the certificate's path."""
    _keygen(
        "-s", authority.path, "-I", f"lab-{key.path.name}", "-n", principal, "-V", validity, key.public_path
    )
    return key.certificate_path


def hash_names(known_hosts: Path) -> None:
    """Replaces each name of the file by its hash, as ssh does with HashKnownHosts."""
    _keygen("-H", "-f", known_hosts)
    known_hosts.with_name(known_hosts.name + ".old").unlink()
