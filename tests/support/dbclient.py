"""dropbear's client over one hop, to measure tunneld against."""
import subprocess
from pathlib import Path

from .dropbear import DROPBEARCONVERT
from .keys import Key
from .ports import answers, free_port
from .process import Server
from .sshd import USER, SshServer

DBCLIENT = "/usr/bin/dbclient"


class Dbclient(Server):
    """`dbclient -N` with -L for each target. It looks for known_hosts in HOME, so it is given one of its own."""

    def __init__(self, folder: Path, hop: SshServer, key: Key, forwards: dict[str, str], port: int) -> None:
        """`forwards`: names to the targets' addresses; `port`: where the hop is reached."""
        super().__init__(folder, "dbclient")
        self.forwards = forwards
        self.port = port
        self.ports = {name: free_port() for name in forwards}
        (folder / ".ssh").mkdir(mode=0o700)
        known_hosts = folder / ".ssh" / "known_hosts"
        known_hosts.write_text(hop.known_hosts_line(name="127.0.0.1"))  # without ports
        self.key = folder / "id.dropbear"
        subprocess.run(
            [DROPBEARCONVERT, "openssh", "dropbear", key.path, self.key],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def command(self) -> list[str]:
        forwards = (f"127.0.0.1:{self.ports[name]}:{target}" for name, target in self.forwards.items())
        return [
            "env",
            f"HOME={self.folder}",
            DBCLIENT,
            "-N",
            "-oExitOnForwardFailure=yes",
            "-i",
            str(self.key),
            "-p",
            str(self.port),
            *(part for forward in forwards for part in ("-L", forward)),
            f"{USER}@127.0.0.1",
        ]

    def ready(self) -> bool:
        return all(answers(port) for port in self.ports.values())
