"""One test's world: a temporary folder, the servers in it, a tunneld, and the profiles that it reads."""
import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Sequence

from .agent import SlowAgent, SshAgent
from .asyncssh_server import AsyncsshServer
from .dropbear import Dropbear
from .faulty_relay import FaultyRelay
from .keys import Key, make_key
from .ports import free_port
from .pgbouncer import PgBouncer
from .postgres import Postgres
from .process import Server
from .scale import patience
from .sshd import LOOPBACK, Sshd, SshServer
from .targets import Handler, Target
from .tunneld import Outcome, Tunneld
from .wait import wait_until
from .yaml_text import to_yaml

LONGEST_FOLDER = 40  # a unix socket's path holds 107 bytes, and some lie four folders deep


class Tunnel:
    """A profile of the lab, as a client of it sees it."""

    def __init__(self, lab: "Lab", name: str, ports: dict[str, int]) -> None:
        self.lab = lab
        self.name = name
        self.ports = ports  # a forward's name to its local port

    @property
    def port(self) -> int:
        """Of the first forward."""
        return next(iter(self.ports.values()))

    def up(self, *args: str) -> Outcome:
        return self.lab.tunneld.up(self.name, *args)

    def fails(self, code: int, *args: str) -> Outcome:
        return self.lab.tunneld.fails(code, "up", self.name, *args)

    def status(self) -> dict[str, Any]:
        return self.lab.tunneld.status(self.name)

    def sessions(self) -> list[int]:
        """The number of its session to each hop."""
        return [hop["session"] for hop in self.status()["hops"]]

    def wait_until_clients_are_gone(self, descriptors: int, within: float) -> None:
        """And all that they held: the daemon has no more descriptors than that. Further lanes, which would stay for a
        minute, are closed by a restart."""

        def connections() -> int:
            return sum(forward["connections"] for forward in self.status()["forwards"])

        wait_until(lambda: connections() == 0, within, "no client is left")
        self.lab.tunneld.ok("restart", self.name)
        wait_until(lambda: self.lab.tunneld.descriptors() <= descriptors, 10, f"descriptors are back to {descriptors}")

    def connect(self, forward: str | None = None, timeout: float = 30) -> socket.socket:
        port = self.ports[forward] if forward else self.port
        sock = socket.create_connection(("127.0.0.1", port), timeout=patience(timeout))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


class Lab:
    def __init__(self) -> None:
        base = tempfile.gettempdir()
        self.folder = Path(tempfile.mkdtemp(prefix="tl-", dir=base if len(base) < LONGEST_FOLDER else "/tmp"))
        self.folder.chmod(0o755)  # PostgreSQL's own account must get through
        self.tunneld = Tunneld(self.folder / "user")
        self.servers: list[Server] = []
        self.keys: dict[str, Key] = {}  # a server's name to the key that it lets in
        self.hosts: dict[str, dict[str, Any]] = {}
        self.profiles: dict[str, dict[str, Any]] = {}
        self.top: dict[str, Any] = {}  # other keys of the profile file
        self._stack = ExitStack()

    def close(self) -> None:
        """tunneld first: a daemon must end well while its servers live."""
        try:
            self.tunneld.close()
        finally:
            self._stack.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self) -> str:
        """What one wants to read when a test has failed."""
        parts = [self.tunneld.log(120)]
        parts += [
            f"{server.name}'s log:\n" + "\n".join(server.log().splitlines()[-40:]) for server in self.servers
        ]
        return "\n\n".join(parts)

    # Servers. SSH servers let in a key of their own each, and become entries of `hosts:` under their names.

    def _run(self, server: Server, start: bool) -> None:
        self.servers.append(server)
        self._stack.callback(server.stop)
        if start:
            server.start()

    def _add_host(self, server: SshServer, start: bool) -> None:
        key = self.key(f"id_{server.name}")
        server.authorize(key)
        self.keys[server.name] = key
        self.hosts[server.name] = server.host(key)
        self._run(server, start)

    def sshd(
        self,
        name: str = "bastion",
        options: Sequence[str] = (),
        start: bool = True,
        host_key_types: tuple[str, ...] = ("ed25519",),
        address: str = LOOPBACK,
    ) -> Sshd:
        server = Sshd(self.folder / name, name, list(options), host_key_types, address)
        self._add_host(server, start)
        return server

    def dropbear(self, name: str = "dropbear") -> Dropbear:
        server = Dropbear(self.folder / name, name)
        self._add_host(server, True)
        return server

    def asyncssh(self, name: str = "asyncssh", behaviour: str = "good") -> AsyncsshServer:
        server = AsyncsshServer(self.folder / name, name, behaviour)
        self._add_host(server, True)
        return server

    def chain(self, length: int, options: Sequence[str] = (), address: str = LOOPBACK) -> list[Sshd]:
        """`address`: where the first is reached."""
        first = self.sshd("hop1", options, address=address)
        return [first] + [self.sshd(f"hop{number}", options) for number in range(2, length + 1)]

    def postgres(self) -> Postgres:
        server = Postgres(self.folder / "postgres")
        self._run(server, True)
        return server

    def pgbouncer(self, server: Postgres) -> PgBouncer:
        pooler = PgBouncer(self.folder / "pgbouncer", server)
        self._run(pooler, True)
        return pooler

    def agent(self, *keys: Key) -> SshAgent:
        server = SshAgent(self.folder / "agent")
        self._run(server, True)
        for key in keys:
            server.add(key)
        return server

    def slow_agent(self, agent: SshAgent, seconds: float) -> SlowAgent:
        slow = SlowAgent(agent, self.folder / "slow-agent", seconds)
        self._stack.callback(slow.stop)
        return slow

    def relay(self, server_port: int, **more: Any) -> FaultyRelay:
        relay = FaultyRelay(server_port, **more)
        self._stack.callback(relay.stop)
        return relay

    def relay_before(self, server: SshServer, **more: Any) -> FaultyRelay:
        """From the next save() on, the profiles reach this server through the relay."""
        relay = self.relay(server.port, **more)
        self.hosts[server.name]["port"] = relay.port
        return relay

    def target(self, handler: Handler, **more: Any) -> Target:
        target = Target(handler, **more)
        self._stack.callback(target.stop)
        return target

    def key(self, name: str, kind: str = "ed25519") -> Key:
        return make_key(self.folder / "keys", name, kind)

    # Profiles.

    def profile(
        self,
        name: str,
        hops: Sequence[SshServer | str],
        forwards: dict[str, Target | Postgres | str],
        **more: Any,
    ) -> Tunnel:
        """Adds a profile and writes the file. Each forward listens on 127.0.0.1 and a free port; it goes on
        to a target, or to an address as a profile writes it. `more`: other keys of the profile."""
        ports = {forward: free_port() for forward in forwards}
        self.profiles[name] = {
            "hops": [hop if isinstance(hop, str) else hop.name for hop in hops],
            "forwards": {
                forward: {"listen": f"127.0.0.1:{ports[forward]}", "connect": _address(target)}
                for forward, target in forwards.items()
            },
            **more,
        }
        self.save()
        return Tunnel(self, name, ports)

    def save(self, file: str = "lab.yaml") -> Path:
        """Writes the profile file as `hosts`, `profiles` and `top` stand now."""
        path = self.tunneld.profiles / file
        path.write_text(to_yaml({"version": 1, **self.top, "hosts": self.hosts, "profiles": self.profiles}))
        return path


def _address(target: Target | Postgres | str) -> str:
    if isinstance(target, Postgres):
        return f"127.0.0.1:{target.port}"
    return target if isinstance(target, str) else target.address
