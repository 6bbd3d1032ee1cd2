"""A long first link: what windows and round trips make of it."""
import socket
import time
from contextlib import ExitStack
from typing import Generator

from ..measure import Row, take_turns
from ..peers import PIECE, endless
from ..tools import Direct, Tool, memory_bytes
from ..traffic import connect, round_trips_ms, upload
from .setting import MB, hops_text, new_chain, new_lab, new_peers, new_tools, over_link

UPLOAD = {20: 48 * MB, 100: 5 * MB}  # by the link's round trip, as all below
RAMP = {20: 25, 100: 8}  # round trips
SETTLE_SECONDS = 1.5  # the daemon trims its memory half a second after a client has left
WANTED = {("download", 100, 1): ">= 4.5", ("download", 100, 3): ">= 5"}
WANTED |= {("upload", rtt_ms, hops): ">= 1" for rtt_ms in (20, 100) for hops in (1, 3)}


def _download(tool: Tool, rtt_ms: int) -> dict[str, float]:
    """The speed that it reaches; windows grow step by step, and some round trips are left for that. What a large window
    lets through comes in bursts: it is averaged over as many again."""
    ramp = RAMP[rtt_ms] * rtt_ms / 1000
    with connect(tool, "source") as sock:
        sock.sendall(endless())
        buffer = bytearray(PIECE)
        begun, counted = time.monotonic(), 0
        while (now := time.monotonic()) < begun + 2 * ramp:
            got = sock.recv_into(buffer, PIECE, socket.MSG_TRUNC)
            assert got, "the source has gone"
            counted += got if now > begun + ramp else 0
        return {"MB/s": counted / MB / (now - begun - ramp)}


def _upload(tool: Tool, rtt_ms: int) -> dict[str, float]:
    with connect(tool, "sink") as sock:
        begun = time.monotonic()
        moved = upload(sock, UPLOAD[rtt_ms])
        return {"MB/s": moved / MB / (time.monotonic() - begun)}


def _query(tool: Tool, rtt_ms: int) -> dict[str, float]:
    """Over a connection that stands."""
    with connect(tool, "echo") as sock:
        round_trips_ms(sock, 1, 1)
        return {"ms": round_trips_ms(sock, 1, 10)[0]}


MEASURES = {"download": _download, "upload": _upload, "query": _query}


def _kept(tools: list[Tool], before: dict[str, int]) -> dict[str, float]:
    """How much more memory each holds once it has had time to give it back."""
    time.sleep(SETTLE_SECONDS)
    return {tool.name: (memory_bytes(tool.pids()) - before[tool.name]) / MB for tool in tools}


def _over_link(part: str, rtt_ms: int, hops: int, limits: dict[str, dict[str, float]]) -> Generator[Row, None, None]:
    """`limits`: without a tunnel, by what is measured; filled in here the first time."""
    with ExitStack() as stack:
        lab = new_lab(stack)
        forwards = new_peers(stack, "source", "sink", "echo")
        tools = new_tools(stack, lab, new_chain(lab, hops, rtt_ms), forwards)[:2]
        if not limits:
            direct = Direct(over_link(lab, forwards, rtt_ms))
            for what, measure in MEASURES.items():
                limits[what] = measure(direct, rtt_ms)
        before = {tool.name: memory_bytes(tool.pids()) for tool in tools}
        for what, measure in MEASURES.items():
            taken = take_turns(tools, lambda tool: measure(tool, rtt_ms), warm_up=False)
            for unit, medians in taken.items():
                text = f"{what}, {hops_text(hops)}"
                medians["direct"] = limits[what][unit]
                wanted = WANTED.get((what, rtt_ms, hops), "")
                yield Row(part, text, unit, medians, wanted)
            if what == "download" and rtt_ms == 100:
                text = f"memory kept after downloads, {hops_text(hops)}"
                yield Row(part, text, "MB", _kept(tools, before), "<= 2", "figure", 1)


def _wan(part: str, rtt_ms: int) -> Generator[Row, None, None]:
    limits: dict[str, dict[str, float]] = {}
    for hops in (1, 3):
        yield from _over_link(part, rtt_ms, hops, limits)


def wan_20ms() -> Generator[Row, None, None]:
    yield from _wan("wan-20ms", 20)


def wan_100ms() -> Generator[Row, None, None]:
    yield from _wan("wan-100ms", 100)
