"""A real ssh-agent, and one before it that takes its time."""
import os
import socket
import subprocess
import threading
from pathlib import Path

from .keys import Key
from .process import Server
from .stream import receive_exactly

SIGN_REQUEST = 13  # SSH_AGENTC_SIGN_REQUEST, draft-miller-ssh-agent


class SshAgent(Server):
    def __init__(self, folder: Path, name: str = "agent") -> None:
        super().__init__(folder, name)
        self.socket = folder / "socket"

    def command(self) -> list[str]:
        self.socket.unlink(missing_ok=True)
        return ["ssh-agent", "-D", "-a", str(self.socket)]

    def ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0  # the file is there before it listens

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


class SlowAgent:
    """Passes everything on to a real agent, each signature so many seconds late: as one that asks a person."""

    def __init__(self, agent: SshAgent, path: Path, seconds: float) -> None:
        self.socket = path
        self.signatures = 0  # ever asked for
        self.clients = 0  # connected
        self._agent = agent
        self._seconds = seconds
        self._ended = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.clients += 1
        try:
            self._relay(client)
        finally:
            self.clients -= 1

    def _relay(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as agent:
            agent.connect(str(self._agent.socket))
            while request := _message(client):
                if request[4] == SIGN_REQUEST:
                    self.signatures += 1
                    self._ended.wait(self._seconds)
                agent.sendall(request)
                client.sendall(_message(agent))


def _message(sock: socket.socket) -> bytes:
    """The next message with its length before it; nothing at the end."""
    length = sock.recv(4, socket.MSG_WAITALL)
    return length + receive_exactly(sock, int.from_bytes(length, "big")) if length else b""
