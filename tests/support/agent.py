"""A real ssh-agent."""
import os
import subprocess
from pathlib import Path

from .keys import Key
from .process import Server


class SshAgent(Server):
    def __init__(self, folder: Path, name: str = "agent") -> None:
        super().__init__(folder, name)
        self.socket = folder / "socket"

    def command(self) -> list[str]:
        self.socket.unlink(missing_ok=True)
        return ["ssh-agent", "-D", "-a", str(self.socket)]

    def ready(self) -> bool:
        return self.socket.exists()

    def _ssh_add(self, *args: str) -> None:
        subprocess.run(
            ["ssh-add", "-q", *args],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=os.environ | {"SSH_AUTH_SOCK": str(self.socket)},
        )

    def add(self, key: Key) -> None:
        self._ssh_add(str(key.path))

    def remove_all(self) -> None:
        self._ssh_add("-D")
