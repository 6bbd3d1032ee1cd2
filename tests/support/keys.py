"""Keys and certificates in OpenSSH's formats."""
import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


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


def _write_ed25519(path: Path, comment: str) -> None:
    """Without a process of its own: a test has four such keys or more."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(private)
    path.with_name(path.name + ".pub").write_bytes(public + b" " + comment.encode() + b"\n")


def make_key(folder: Path, name: str, kind: str = "ed25519", passphrase: str = "") -> Key:
    """`kind`: ed25519, ecdsa or rsa, as ssh-keygen -t takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if kind == "ed25519" and not passphrase:
        _write_ed25519(path, comment=name)
        return Key(path)
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
