"""Everything at once, at random: clients of four profiles that share hops, faults, and commands. No test of one cause finds
what two do together. The seed is in the output; the times of others are not, so that the same seed is another run."""
import hashlib
import random
import signal
import socket
import threading
import time
from collections import Counter
from typing import Callable

import pytest
from support import targets
from support.faulty_relay import FaultyRelay
from support.lab import Lab, Tunnel
from support.process import alive, children_of, kill_tree, send_signal
from support.scale import MB, patience, scaled
from support.stream import pattern_digest, receive_all, receive_digest, receive_exactly, reset
from support.transfers import assert_echoes
from support.wait import wait_until

SECONDS = scaled(normal=8, small=12, full=240)
CLIENTS = 12
STREAM = 20 * MB
EXPECTED_EXITS = {0, 3, 9, 124, 130}  # fine; not up; a hop is out of reach, or was for too long; an `up` ended the `down`


class Storm:
    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self.seed = seed
        self.over = threading.Event()
        self.wrong: list[str] = []
        self.happened: Counter[str] = Counter()
        options = ("MaxStartups 200", "MaxSessions 500")
        self.hops = [lab.sshd(name, options) for name in "abc"]
        for host in lab.hosts.values():
            host |= {"server_alive_interval": "2s", "server_alive_count_max": 3, "connect_timeout": "3s"}
        self.relay: FaultyRelay = lab.relay_before(self.hops[0])
        forwards = {
            "echo": lab.target(targets.echo),
            "stream": lab.target(targets.source(STREAM)),
            "digest": lab.target(targets.digest_of_request),
        }
        a, b, c = self.hops
        self.tunnels: list[Tunnel] = [
            lab.profile("one", [a], forwards),
            lab.profile("two", [a, b], forwards),
            lab.profile("three", [a, b, c], forwards),
            lab.profile("other", [a, c], forwards, on_demand=True, idle_timeout="2s"),
        ]
        tasks = [(self._clients, CLIENTS), (self._faults, 1), (self._commands, 2)]
        self.threads = [
            threading.Thread(target=self._run, args=(task, number)) for task, count in tasks for number in range(count)
        ]

    def rage(self, seconds: float) -> None:
        for thread in self.threads:
            thread.start()
        self.over.wait(seconds)  # or until something is wrong
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.relay.blackhole(False)
        self.relay.strand(False)
        self.relay.refuse(False)
        self.relay.stall_new(False)
        self.relay.delay(0)

    def _run(self, task: Callable[[random.Random], None], number: int) -> None:
        try:
            task(random.Random(f"{self.seed} {task.__name__} {number}"))
        except Exception as error:
            self._is_wrong(f"{task.__name__}: {error!r}")

    def _is_wrong(self, what: str) -> None:
        self.wrong.append(what)
        self.over.set()

    def _clients(self, chance: random.Random) -> None:
        kinds: dict[str, Callable[[socket.socket, random.Random], str]] = {
            "echo": self._talk,
            "stream": self._download,
            "digest": self._upload,
        }
        while not self.over.is_set():
            tunnel, kind = chance.choice(self.tunnels), chance.choice(["echo", "echo", "stream", "digest"])
            try:
                with tunnel.connect(kind, timeout=60) as client:  # it may be held again and again
                    mistake = kinds[kind](client, chance)
                    if mistake:
                        self._is_wrong(f"{kind} of {tunnel.name}: {mistake}")
                    if chance.random() < 0.2:
                        reset(client)
                self.happened[f"{kind} served"] += 1
            except TimeoutError:
                self._is_wrong(f"{kind} of {tunnel.name}: neither served nor reset")
            except OSError as ended:  # reset: the client knows
                self.happened[f"{kind}: {type(ended).__name__}"] += 1
                time.sleep(0.05)

    def _talk(self, client: socket.socket, chance: random.Random) -> str:
        for _ in range(chance.randrange(1, 40)):
            message = chance.randbytes(chance.choice([1, 100, 5000, 50_000]))
            client.sendall(message)
            if receive_exactly(client, len(message)) != message:
                return "another echo has come"
            time.sleep(chance.choice([0, 0, 0.05]))
        return ""

    def _download(self, client: socket.socket, chance: random.Random) -> str:
        if chance.random() < 0.3:
            receive_exactly(client, 1)  # and leaves in the middle
            return ""
        count, digest = receive_digest(client)
        return "" if digest == pattern_digest(STREAM) else f"it has ended in order after {count} bytes"

    def _upload(self, client: socket.socket, chance: random.Random) -> str:
        message = chance.randbytes(chance.randrange(1, 2 * MB))
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)
        answer = receive_all(client).decode()
        return "" if answer == hashlib.sha256(message).hexdigest() else f"the target answers {answer!r}"

    def _faults(self, chance: random.Random) -> None:

        def session() -> int | None:
            sessions = children_of(chance.choice(self.hops).pid)
            return chance.choice(sessions) if sessions else None

        def kill() -> None:
            if pid := session():
                kill_tree(pid)

        def halt() -> None:
            if pid := session():
                send_signal(pid, signal.SIGSTOP)
                self.over.wait(chance.uniform(0, 3))
                send_signal(pid, signal.SIGCONT)

        def for_a_while(switch: Callable[[bool], None]) -> Callable[[], None]:
            def fault() -> None:
                switch(True)
                self.over.wait(chance.uniform(0, 3))
                switch(False)

            return fault

        faults = {
            "kill": kill,
            "halt": halt,
            "cut": self.relay.cut,
            "blackhole": for_a_while(self.relay.blackhole),
            "strand": for_a_while(self.relay.strand),
            "refuse": for_a_while(self.relay.refuse),
            "stall": for_a_while(self.relay.stall_new),
            "delay": for_a_while(lambda on: self.relay.delay(0.03 if on else 0)),
        }
        while not self.over.wait(chance.uniform(0, 2)):
            name = chance.choice(list(faults))
            self.happened[name] += 1
            faults[name]()

    def _commands(self, chance: random.Random) -> None:
        tunneld = self.lab.tunneld
        while not self.over.wait(chance.uniform(0, 1.5)):
            name = chance.choice(self.tunnels).name
            command = chance.choice(
                [
                    ["up", name],
                    ["restart", name],
                    ["down", name, "--drain=0s"],
                    ["down", name, "--drain=1s"],
                    ["exec", name, "--", "true"],
                    ["status", name],
                    ["ps", "--json"],
                    ["interrupted up"],
                ]
            )
            self.happened[command[0]] += 1
            if command[0] == "interrupted up":
                up = tunneld.start("up", *(tunnel.name for tunnel in self.tunnels))
                time.sleep(chance.uniform(0, 1))
                up.send_signal(signal.SIGINT)
                up.communicate(timeout=60)
                continue
            outcome = tunneld.run(*command)
            if outcome.code not in EXPECTED_EXITS:
                self._is_wrong(str(outcome))
            if command[0] == "down":
                tunneld.run("up", name)


@pytest.mark.sanitized
@pytest.mark.limit(SECONDS + 100)
def test_a_storm_of_clients_faults_and_commands_does_no_lasting_harm(lab: Lab) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    storm = Storm(lab, seed)
    lab.tunneld.up(*(tunnel.name for tunnel in storm.tunnels))
    daemon = lab.tunneld.pid
    storm.rage(SECONDS)
    print(dict(sorted(storm.happened.items())))
    assert not storm.wrong
    assert alive(daemon), "it has not survived"
    lab.tunneld.up(*(tunnel.name for tunnel in storm.tunnels))
    for tunnel in storm.tunnels:
        assert_echoes(tunnel, "echo")
    lab.tunneld.ok("down", "--all")
    assert lab.tunneld.pid == daemon and lab.tunneld.ps()["profiles"] == []
    wait_until(lambda: sum(hop.sessions() for hop in storm.hops) == 0, patience(10), "no session is left")
