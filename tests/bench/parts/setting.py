"""What parts are set up with. Everything goes on the part's stack, which ends it however the part ends."""
from contextlib import ExitStack
from typing import Callable, Sequence

from support.lab import Lab
from support.sshd import LOOPBACK, SshServer

from ..peers import Peer
from ..tools import Direct, Openssh, Tool, Tunneld

MB = 1_000_000
GB = 1000 * MB
LINK_CHUNKS = 4096  # a link holds what its speed and its delay make; the relay must not be the limit
# dbclient asks for compression wherever it is offered, and zeros compress well.
SERVER_OPTIONS = ("Compression no",)
MakeTool = Callable[[Lab, Sequence[SshServer], dict[str, str]], Tool]


def new_lab(stack: ExitStack) -> Lab:
    lab = Lab()
    stack.callback(lab.close)
    return lab


def new_peer(stack: ExitStack, kind: str, host: str = LOOPBACK) -> Peer:
    peer = Peer(kind, host)
    stack.callback(peer.stop)
    return peer


def new_peers(stack: ExitStack, *kinds: str, host: str = LOOPBACK) -> dict[str, str]:
    """As forwards: the kind's name to its address."""
    return {kind: new_peer(stack, kind, host).address for kind in kinds}


def new_chain(lab: Lab, hops: int, rtt_ms: float = 0, address: str = LOOPBACK) -> list[SshServer]:
    """`rtt_ms`: of a link to the first hop, made by a relay; `address`: where that is."""
    chain: list[SshServer] = list(lab.chain(hops, SERVER_OPTIONS, address))
    if rtt_ms:
        lab.relay_before(chain[0], queue_chunks=LINK_CHUNKS).delay(rtt_ms / 2000)
    return chain


def over_link(lab: Lab, forwards: dict[str, str], rtt_ms: float) -> dict[str, str]:
    """The same targets behind a link with that round trip each: what new_chain()'s is to a tunnel."""
    relays = {
        name: lab.relay(int(address.rpartition(":")[2]), queue_chunks=LINK_CHUNKS)
        for name, address in forwards.items()
    }
    for relay in relays.values():
        relay.delay(rtt_ms / 2000)
    return {name: f"127.0.0.1:{relay.port}" for name, relay in relays.items()}


def new_tools(
    stack: ExitStack,
    lab: Lab,
    chain: Sequence[SshServer],
    forwards: dict[str, str],
    more: Sequence[MakeTool] = (),
) -> list[Tool]:
    """ssh, tunneld, `more` and no tunnel over the same servers, standing at the same time; each rests while another
    is measured."""
    tools: list[Tool] = []
    for make in (Openssh, Tunneld, *more):
        tools.append(make(lab, chain, forwards))
        stack.callback(tools[-1].stop)
    return [*tools, Direct(forwards)]


def hops_text(count: int) -> str:
    return f"{count} hop{'s' if count > 1 else ''}"
