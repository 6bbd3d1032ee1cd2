"""Many profiles behind the same two bastions; with ssh, which knows no profiles, as many of it."""
import socket
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from support.lab import Lab
from support.ports import answers
from support.process import descendants_of
from support.sshd import Sshd, SshServer
from support.wait import wait_until

from ..measure import Row, take_turns
from ..tools import cpu_seconds, memory_bytes, openssh_client
from .setting import MB, new_chain, new_lab, new_peers

# By the number of profiles. A hundred ssh would take the whole minute.
REPETITIONS = {1: 5, 20: 5, 100: 1}
OPENSSH_COUNTS = (1, 20)
IDLE_SECONDS = 10
ALIVE_SECONDS = 4  # its own interval is longer than what is watched; what it does then must be seen
SETTLE_SECONDS = 0.8  # the daemon gives back half a second after it has come up, or a client has left, what it does not need
LIMIT_SECONDS = 60
WANTED_UP, WANTED_LOGINS, WANTED_PSS = {20: "<= 0.2"}, {20: "<= 1"}, {20: "<= 0.0666"}
WANTED_IDLE = {100: "<= 0.5"}


def _echo_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x", "the echo has gone"


def _logins(server: Sshd) -> int:
    return server.log().count("Accepted publickey")


def _until_all_answer(ports: Sequence[int]) -> None:
    for port in ports:
        wait_until(lambda: answers(port), LIMIT_SECONDS, f"port {port} answers")


class _Tunneld:
    """A user of his own: a daemon with these profiles only."""

    name = "tunneld"

    def __init__(self, lab: Lab, chain: Sequence[SshServer], forwards: dict[str, str], count: int) -> None:
        self.lab = lab
        tunnels = [lab.profile(f"many-{number}", chain, dict(forwards)) for number in range(count)]
        self.ports = [tunnel.port for tunnel in tunnels]

    def up(self) -> None:
        """With no daemon running."""
        self.lab.tunneld.up("many-*", f"--wait={LIMIT_SECONDS}s", timeout=LIMIT_SECONDS)
        _until_all_answer(self.ports)

    def down(self) -> None:
        self.lab.tunneld.shutdown()

    def pids(self) -> set[int]:
        return {self.lab.tunneld.pid}


class _Openssh:
    """One ssh for each, started as a script would: all at once."""

    name = "ssh"

    def __init__(self, lab: Lab, chain: Sequence[SshServer], forwards: dict[str, str], count: int) -> None:
        self.clients = [openssh_client(lab, chain, forwards, f"ssh-{number}") for number in range(count)]
        self.ports = [port for client in self.clients for port in client.ports.values()]

    def up(self) -> None:
        for client in self.clients:
            client.launch()
        for client in self.clients:
            client.wait_ready()

    def down(self) -> None:
        for client in self.clients:
            client.stop()

    def pids(self) -> set[int]:
        return {each for client in self.clients for each in {client.pid} | descendants_of(client.pid)}


def _bring_up(user: _Tunneld | _Openssh, bastion: Sshd) -> dict[str, float]:
    """Stays up."""
    user.down()
    before, begun = _logins(bastion), time.monotonic()
    user.up()
    return {"s": time.monotonic() - begun, "logins": _logins(bastion) - before}


def _idle_percent(users: Sequence[_Tunneld | _Openssh]) -> dict[str, float]:
    """Of a core. All at the same time: who is idle disturbs nobody."""
    pids = {user.name: user.pids() for user in users}
    before = {name: cpu_seconds(each) for name, each in pids.items()}
    time.sleep(IDLE_SECONDS)
    return {name: (cpu_seconds(each) - before[name]) / IDLE_SECONDS * 100 for name, each in pids.items()}


def _memory_alone(users: Sequence[_Tunneld | _Openssh]) -> dict[str, float]:
    """Each while the others are down: they would take their share of the pages of libraries. After a client of each profile.
    Leaves all up."""
    taken: dict[str, float] = {}
    for user in users:
        for each in users:
            each.down()
        user.up()
        time.sleep(SETTLE_SECONDS)
        for port in user.ports:
            _echo_once(port)
        time.sleep(SETTLE_SECONDS)
        taken[user.name] = memory_bytes(user.pids()) / MB
    for user in users[:-1]:
        user.up()
    return taken


def _profiles(count: int) -> Generator[Row, None, None]:
    text = f"{count} profile{'s' if count > 1 else ''}, 2 hops"
    with ExitStack() as stack:
        lab = new_lab(stack)
        chain = new_chain(lab, 2)
        for hop in chain:
            lab.hosts[hop.name]["server_alive_interval"] = f"{ALIVE_SECONDS}s"
        forwards = new_peers(stack, "echo")
        users: list[_Tunneld | _Openssh] = [_Tunneld(lab, chain, forwards, count)]
        if count in OPENSSH_COUNTS:
            users.insert(0, _Openssh(lab, chain, forwards, count))
        for user in users:
            stack.callback(user.down)

        turns = REPETITIONS[count]
        taken = take_turns(users, lambda user: _bring_up(user, chain[0]), turns, warm_up=False)
        wanted = WANTED_UP.get(count, "")
        yield Row("many", f"until all are up, {text}", "s", taken["s"], wanted, repetitions=turns)
        wanted = WANTED_LOGINS.get(count, "")
        yield Row("many", f"at the first bastion, {text}", "logins", taken["logins"], wanted, "figure", turns)

        memory = _memory_alone(users)
        yield Row("many", f"PSS, alone, each has been used, {text}", "MB", memory, WANTED_PSS.get(count, ""), repetitions=1)
        wanted, idle = WANTED_IDLE.get(count, ""), f"idle for {IDLE_SECONDS} s, tunneld with a ping every {ALIVE_SECONDS} s, {text}"
        yield Row("many", idle, "% of a core", _idle_percent(users), wanted, "figure", 1)


def many() -> Generator[Row, None, None]:
    for count in REPETITIONS:
        yield from _profiles(count)
