"""The tools that are compared, behind one face: start over a chain of hops, tell local ports and processes, stop."""
import os
import socket
from typing import Protocol, Sequence

from support.lab import Lab
from support.openssh_client import OpensshClient
from support.process import descendants_of
from support.sshd import SshServer

TICKS = os.sysconf("SC_CLK_TCK")


class Tool(Protocol):
    name: str
    ports: dict[str, int]

    def pids(self) -> set[int]: ...
    def stop(self) -> None: ...


class Direct:
    """No tunnel: the limit."""

    name = "direct"

    def __init__(self, forwards: dict[str, str]) -> None:
        self.ports = {forward: int(address.rpartition(":")[2]) for forward, address in forwards.items()}

    def pids(self) -> set[int]:
        return set()

    def stop(self) -> None:
        pass


class Tunneld:
    name = "tunneld"

    def __init__(self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str]) -> None:
        self.lab = lab
        self.profile = f"bench-{len(lab.profiles)}"
        self.ports = lab.profile(self.profile, hops, dict(forwards), max_connections=5000).ports
        lab.tunneld.up(self.profile)

    def pids(self) -> set[int]:
        return {self.lab.tunneld.pid}

    def stop(self) -> None:
        self.lab.tunneld.ok("down", self.profile, "--drain=0s")


class Openssh:
    name = "ssh"

    def __init__(self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str]) -> None:
        keys = [lab.keys[hop.name] for hop in hops]
        first_port = int(lab.hosts[hops[0].name]["port"])
        self.client = OpensshClient(lab.folder / "ssh", hops, keys, forwards, first_port)
        self.client.start()
        self.ports = self.client.ports

    def pids(self) -> set[int]:
        return {self.client.pid} | descendants_of(self.client.pid)

    def stop(self) -> None:
        self.client.stop()


def connect(tool: Tool, forward: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", tool.ports[forward]), timeout=60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def cpu_seconds(pids: set[int]) -> float:
    """User and system time of these processes so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS
