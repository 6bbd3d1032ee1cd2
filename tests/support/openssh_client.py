"""OpenSSH's own client over the same chain, to measure tunneld against."""
import socket
from pathlib import Path
from typing import Sequence

from .keys import Key
from .ports import answers, free_port
from .process import Server
from .scale import patience
from .sshd import USER, SshServer

# What tunneld asks for first, so that the tools are compared and not their algorithms.
CIPHER = "aes128-gcm@openssh.com"
KEY_EXCHANGE = "curve25519-sha256"


class OpensshClient(Server):
    """`ssh -N` with a LocalForward for each target, through each hop but the last as a ProxyJump."""

    def __init__(
        self,
        folder: Path,
        hops: Sequence[SshServer],
        keys: Sequence[Key],
        forwards: dict[str, str],
        first_port: int,
        cipher: str | None = CIPHER,
    ) -> None:
        """`forwards`: names to the targets' addresses; `first_port`: where the first hop is reached; `cipher`: None
        for the algorithms that it asks for by itself."""
        super().__init__(folder, "ssh")
        self.hops = hops
        self.keys = keys
        self.forwards = forwards
        self.first_port = first_port
        self.cipher = cipher
        self.ports = {name: free_port() for name in forwards}

    def write_config(self) -> None:
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text("".join(hop.known_hosts_line(name=hop.name) for hop in self.hops))
        lines = []
        for number, (hop, key) in enumerate(zip(self.hops, self.keys)):
            lines += [
                f"Host {hop.name}",
                f"HostName {hop.address}",
                f"HostKeyAlias {hop.name}",
                f"Port {self.first_port if number == 0 else hop.port}",
                f"IdentityFile {key.path}",
                *([f"ProxyJump {self.hops[number - 1].name}"] if number > 0 else []),
            ]
        lines += [f"Host {self.hops[-1].name}"]
        lines += [f"LocalForward 127.0.0.1:{self.ports[name]} {target}" for name, target in self.forwards.items()]
        lines += [
            "Host *",
            f"User {USER}",
            *([f"Ciphers {self.cipher}", f"KexAlgorithms {KEY_EXCHANGE}"] if self.cipher else []),
            "IdentitiesOnly yes",
            "IdentityAgent none",
            f"UserKnownHostsFile {known_hosts}",
            "GlobalKnownHostsFile /dev/null",
            "StrictHostKeyChecking yes",
            "ExitOnForwardFailure yes",
            "BatchMode yes",
        ]
        (self.folder / "config").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        self.write_config()
        return ["/usr/bin/ssh", "-F", str(self.folder / "config"), "-N", self.hops[-1].name]

    def ready(self) -> bool:
        return all(answers(port) for port in self.ports.values())

    def connect(self, forward: str | None = None, timeout: float = 30) -> socket.socket:
        port = self.ports[forward] if forward else next(iter(self.ports.values()))
        sock = socket.create_connection(("127.0.0.1", port), timeout=patience(timeout))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
