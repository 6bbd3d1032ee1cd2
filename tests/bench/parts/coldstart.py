"""From the command to the first byte that has gone there and back. The relay that delays is before the first hop, and counts
how often that answers; it accepts by itself, so the round trip of the TCP connection is not counted, of no tool."""
import socket
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from support.faulty_relay import FaultyRelay
from support.lab import Lab, Tunnel
from support.sshd import SshServer

from ..measure import Medians, Row, take_turns
from ..tools import openssh_client
from .setting import hops_text, new_chain, new_lab, new_peers

RTT_MS = 50
LIMIT_SECONDS = 30
POLL_SECONDS = 0.001


def _first_byte(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as sock:
            sock.sendall(b"x")
            return sock.recv(1) == b"x"
    except ConnectionError:
        return False


class _Watch:
    """From now on, over this link."""

    def __init__(self, relay: FaultyRelay) -> None:
        self.relay, self.begun, self.answers = relay, time.monotonic(), relay.answers

    def until_first_byte(self, port: int) -> dict[str, float]:
        while not _first_byte(port):
            assert time.monotonic() < self.begun + LIMIT_SECONDS, "no byte has come back"
            time.sleep(POLL_SECONDS)
        return {"ms": (time.monotonic() - self.begun) * 1000, "round trips": self.relay.answers - self.answers}


class _Tunneld:
    """`tunneld up` with no daemon running."""

    name = "tunneld"

    def __init__(self, tunnel: Tunnel, relay: FaultyRelay) -> None:
        self.tunnel = tunnel
        self.relay = relay

    def start(self) -> dict[str, float]:
        watch = _Watch(self.relay)
        up = self.tunnel.lab.tunneld.start("up", self.tunnel.name)
        try:
            taken = watch.until_first_byte(self.tunnel.port)
            _, said = up.communicate(timeout=LIMIT_SECONDS)
            assert up.returncode == 0, said
        finally:
            up.kill()
            up.communicate()
        self.tunnel.lab.tunneld.shutdown()
        return taken


class _Openssh:
    name = "ssh"

    def __init__(
        self, lab: Lab, chain: Sequence[SshServer], forwards: dict[str, str], relay: FaultyRelay
    ) -> None:
        self.client = openssh_client(lab, chain, forwards)
        self.relay = relay

    def start(self) -> dict[str, float]:
        watch = _Watch(self.relay)
        try:
            self.client.launch()
            return watch.until_first_byte(self.client.ports["echo"])
        finally:
            self.client.stop()


class _Direct:
    """Only the connection to the far end, over the same link."""

    name = "direct"

    def __init__(self, relay: FaultyRelay) -> None:
        self.relay = relay

    def start(self) -> dict[str, float]:
        return _Watch(self.relay).until_first_byte(self.relay.port)


def _over_link(rtt_ms: int, hops: int) -> Medians:
    with ExitStack() as stack:
        lab = new_lab(stack)
        forwards = new_peers(stack, "echo")
        chain = new_chain(lab, hops)
        relay, direct = lab.relay_before(chain[0]), lab.relay(int(forwards["echo"].rpartition(":")[2]))
        for each in (relay, direct):
            each.delay(rtt_ms / 2000)
        tunnel = lab.profile("cold", chain, dict(forwards))
        starts = [_Openssh(lab, chain, forwards, relay), _Tunneld(tunnel, relay), _Direct(direct)]
        return take_turns(starts, lambda each: each.start())


def coldstart() -> Generator[Row, None, None]:
    for hops in (1, 3):
        near, far = (_over_link(rtt_ms, hops) for rtt_ms in (0, RTT_MS))
        yield Row("coldstart", f"first byte, 0 ms, {hops_text(hops)}", "ms", near["ms"])
        wanted = "<= 0.8" if hops == 3 else ""
        yield Row("coldstart", f"first byte, {RTT_MS} ms, {hops_text(hops)}", "ms", far["ms"], wanted)
        yield Row("coldstart", f"to the first byte, {hops_text(hops)}", "round trips", far["round trips"])
