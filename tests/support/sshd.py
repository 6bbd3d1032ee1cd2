"""OpenSSH's sshd on loopback, as the current user, with files of its own."""
import os
import pwd
from pathlib import Path

from .keys import Key, make_key
from .ports import free_port
from .process import Server, children_of, kill_tree

SSHD = "/usr/sbin/sshd"
PRIVSEP_FOLDER = Path("/run/sshd")  # sshd insists on it when root starts it
LOOPBACK = "127.0.0.1"
USER = pwd.getpwuid(os.getuid()).pw_name


class SshServer(Server):
    """What a profile needs to know of any SSH server of the lab."""

    address = LOOPBACK
    port: int
    host_keys: list[Key]
    authorized_keys: Path

    def authorize(self, key: Key, options: str = "") -> None:
        """Lets this key in; `options` as in authorized_keys(5)."""
        with open(self.authorized_keys, "a") as file:
            file.write(f"{options} {key.public_line}\n".lstrip())

    def forbid_all(self) -> None:
        self.authorized_keys.write_text("")

    def host(self, key: Key | None = None, **more: object) -> dict[str, object]:
        """An entry of a profile's `hosts:` that reaches this server: its own key, its host keys pinned."""
        entry: dict[str, object] = {
            "hostname": self.address,
            "port": self.port,
            "user": USER,
            "host_keys": [host_key.fingerprint for host_key in self.host_keys],
        }
        if key is not None:
            entry |= {"identity_file": str(key.path), "identities_only": True}
        entry |= more
        return {name: value for name, value in entry.items() if value is not None}

    def known_hosts_line(self, index: int = 0, name: str | None = None) -> str:
        kind, blob = self.host_keys[index].public_line.split()[:2]
        return f"{name or f'[{self.address}]:{self.port}'} {kind} {blob}\n"


class Sshd(SshServer):
    def __init__(
        self,
        folder: Path,
        name: str = "sshd",
        options: list[str] | None = None,
        host_key_types: tuple[str, ...] = ("ed25519",),
        address: str = LOOPBACK,
    ) -> None:
        """`options`: lines of sshd_config; they come first, and sshd takes the first of each keyword."""
        super().__init__(folder, name)
        self.address = address
        self.port = free_port(address)
        self.options = list(options or [])
        self.host_keys = [make_key(folder, f"host_{kind}", kind) for kind in host_key_types]
        self.authorized_keys = folder / "authorized_keys"
        self.authorized_keys.touch()

    def write_config(self) -> None:
        lines = self.options + [
            f"ListenAddress {self.address}:{self.port}",
            *(f"HostKey {key.path}" for key in self.host_keys),
            f"AuthorizedKeysFile {self.authorized_keys}",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin yes",
            "UseDNS no",
            "PrintMotd no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "LogLevel VERBOSE",
            "MaxStartups 500",
            "LoginGraceTime 60",
        ]
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        if os.getuid() == 0:
            PRIVSEP_FOLDER.mkdir(mode=0o755, exist_ok=True)
        self.write_config()
        return [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]

    def ready(self) -> bool:
        return "Server listening on" in self.log()

    def new_host_keys(self, kind: str = "ed25519") -> None:
        """Other host keys from the next start on."""
        for key in self.host_keys:
            key.path.unlink()
            key.public_path.unlink()
        self.host_keys = [make_key(self.folder, f"host_{kind}", kind)]

    def logins(self) -> int:
        """Since its last start."""
        return self.log().count("Accepted publickey")

    def sessions(self) -> int:
        """Connections it serves at the moment, logged in or not."""
        return len(children_of(self.pid))

    def kill_sessions(self) -> None:
        """It goes on to serve new ones."""
        for pid in children_of(self.pid):
            kill_tree(pid)
