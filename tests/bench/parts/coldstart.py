"""From the command to the first byte that has gone there and back. The relay that delays is before the first hop and
accepts by itself, so the round trip of that TCP connection is not among those counted, of no tool."""
import socket
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from support.lab import Lab, Tunnel
from support.sshd import SshServer

from ..measure import Row, take_turns
from ..tools import Direct, openssh_client
from .setting import hops_text, new_chain, new_lab, new_peers, over_link

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


def _ms_until_first_byte(begun: float, port: int) -> float:
    while not _first_byte(port):
        assert time.monotonic() < begun + LIMIT_SECONDS, "no byte has come back"
        time.sleep(POLL_SECONDS)
    return (time.monotonic() - begun) * 1000


class _Tunneld:
    """`tunneld up` with no daemon running."""

    name = "tunneld"

    def __init__(self, tunnel: Tunnel) -> None:
        self.tunnel = tunnel

    def ms(self) -> float:
        begun = time.monotonic()
        up = self.tunnel.lab.tunneld.start("up", self.tunnel.name)
        try:
            taken = _ms_until_first_byte(begun, self.tunnel.port)
            _, said = up.communicate(timeout=LIMIT_SECONDS)
            assert up.returncode == 0, said
        finally:
            up.kill()
            up.communicate()
        self.tunnel.lab.tunneld.shutdown()
        return taken


class _Openssh:
    name = "ssh"

    def __init__(self, lab: Lab, chain: Sequence[SshServer], forwards: dict[str, str]) -> None:
        self.client = openssh_client(lab, chain, forwards)

    def ms(self) -> float:
        begun = time.monotonic()
        try:
            self.client.launch()
            return _ms_until_first_byte(begun, self.client.ports["echo"])
        finally:
            self.client.stop()


class _Direct:
    """Only the connection to the far end, over the same link."""

    name = "direct"

    def __init__(self, port: int) -> None:
        self.port = port

    def ms(self) -> float:
        return _ms_until_first_byte(time.monotonic(), self.port)


def _over_link(rtt_ms: int, hops: int) -> dict[str, float]:
    with ExitStack() as stack:
        lab = new_lab(stack)
        forwards = new_peers(stack, "echo")
        chain = new_chain(lab, hops, rtt_ms)
        tunnel = lab.profile("cold", chain, dict(forwards))
        direct = Direct(over_link(lab, forwards, rtt_ms))
        starts = [_Openssh(lab, chain, forwards), _Tunneld(tunnel), _Direct(direct.ports["echo"])]
        return take_turns(starts, lambda start: {"ms": start.ms()})["ms"]


def coldstart() -> Generator[Row, None, None]:
    for hops in (1, 3):
        near, far = (_over_link(rtt_ms, hops) for rtt_ms in (0, RTT_MS))
        yield Row("coldstart", f"first byte, 0 ms, {hops_text(hops)}", "ms", near)
        wanted = "<= 0.8" if hops == 3 else ""
        yield Row("coldstart", f"first byte, {RTT_MS} ms, {hops_text(hops)}", "ms", far, wanted)
        trips = {name: (far[name] - near[name]) / RTT_MS for name in far}
        yield Row("coldstart", f"to the first byte, {hops_text(hops)}", "round trips", trips)
