"""The tools that are compared, behind one face: start over a chain of hops, tell local ports and processes, stop."""
import os
from pathlib import Path
from typing import Protocol, Sequence

from support.dbclient import Dbclient
from support.lab import Lab
from support.openssh_client import CIPHER, OpensshClient
from support.proc import pss_bytes
from support.process import descendants_of
from support.sshd import LOOPBACK, SshServer

TICKS = os.sysconf("SC_CLK_TCK")  # a second


class Tool(Protocol):
    name: str
    host: str  # where its ports are
    ports: dict[str, int]

    def pids(self) -> set[int]: ...
    def stop(self) -> None: ...


class Direct:
    """No tunnel: the limit."""

    name = "direct"

    def __init__(self, forwards: dict[str, str], host: str = LOOPBACK) -> None:
        self.host = host
        self.ports = {forward: int(address.rpartition(":")[2]) for forward, address in forwards.items()}

    def pids(self) -> set[int]:
        return set()

    def stop(self) -> None:
        pass


class Tunneld:
    name = "tunneld"
    host = LOOPBACK

    def __init__(self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str]) -> None:
        self.lab = lab
        self.profile = f"bench-{len(lab.profiles)}"
        self.ports = lab.profile(self.profile, hops, dict(forwards), max_connections=5000).ports
        lab.tunneld.up(self.profile)

    def pids(self) -> set[int]:
        return {self.lab.tunneld.pid}

    def stop(self) -> None:
        self.lab.tunneld.ok("down", self.profile, "--drain=0s")


def openssh_client(
    lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str], folder: str = "ssh", cipher: str | None = CIPHER
) -> OpensshClient:
    keys = [lab.keys[hop.name] for hop in hops]
    first_port = int(lab.hosts[hops[0].name]["port"])
    return OpensshClient(lab.folder / folder, hops, keys, forwards, first_port, cipher)


class Client:
    """A client that is a process, with helpers of its own."""

    host = LOOPBACK

    def __init__(self, client: OpensshClient | Dbclient) -> None:
        self.client = client
        self.ports = client.ports
        try:
            client.start()
        except BaseException:  # nobody else knows of it before it is ready
            client.stop()
            raise

    def pids(self) -> set[int]:
        return {self.client.pid} | descendants_of(self.client.pid)

    def stop(self) -> None:
        self.client.stop()


class Openssh(Client):
    name = "ssh"

    def __init__(
        self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str], cipher: str | None = CIPHER
    ) -> None:
        super().__init__(openssh_client(lab, hops, forwards, self.name.replace(" ", "-"), cipher))


class OpensshDefault(Openssh):
    """What one gets who types `ssh -L`."""

    name = "ssh default"

    def __init__(self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str]) -> None:
        super().__init__(lab, hops, forwards, cipher=None)


class DropbearClient(Client):
    """Over one hop."""

    name = "dbclient"

    def __init__(self, lab: Lab, hops: Sequence[SshServer], forwards: dict[str, str]) -> None:
        (hop,) = hops
        port = int(lab.hosts[hop.name]["port"])
        super().__init__(Dbclient(lab.folder / "dbclient", hop, lab.keys[hop.name], forwards, port))


def cpu_seconds(pids: set[int]) -> float:
    """Time that these processes' threads have been on a processor (/proc/PID/schedstat, in ns)."""
    threads = (thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def machine_seconds() -> tuple[float, float]:
    """Busy and idle, of all processors together (/proc/stat, in ticks)."""
    ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / TICKS, idle / TICKS


def memory_bytes(pids: set[int]) -> int:
    """PSS: what several processes share counts in parts, also where the others are not of these."""
    return sum(pss_bytes(pid) for pid in pids)
