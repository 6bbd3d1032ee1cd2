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
RAMP = {20: 25, 100: 7}  # round trips
FIRST = 10 * MB
SETTLE_SECONDS = 1.5  # the daemon gives memory back half a second after it has come up, or a client has left
WANTED = {("download at its speed", 100, 1): ">= 4.5", ("download at its speed", 100, 3): ">= 5"}
WANTED |= {("upload", rtt_ms, hops): ">= 1" for rtt_ms in (20, 100) for hops in (1, 3)}


def _download(tool: Tool, rtt_ms: int) -> dict[str, float]:
    """From the connection on, and the speed that it reaches: windows grow step by step, and some round trips are left for
    that. What a large window lets through comes in bursts: it is averaged over as many again."""
    ramp = RAMP[rtt_ms] * rtt_ms / 1000
    begun, first, came, counted = time.monotonic(), 0.0, 0, 0
    with connect(tool, "source") as sock:
        sock.sendall(endless())
        buffer = bytearray(PIECE)
        while (now := time.monotonic()) < begun + 2 * ramp:
            got = sock.recv_into(buffer, PIECE, socket.MSG_TRUNC)
            assert got, "the source has gone"
            if now > begun + ramp:
                counted += got
            came += got
            if not first and came >= FIRST:
                first = time.monotonic() - begun
        assert first, f"{came} bytes have come"
        return {"download at its speed MB/s": counted / MB / (now - begun - ramp), "download of 10 MB ms": first * 1000}


def _upload(tool: Tool, rtt_ms: int) -> dict[str, float]:
    with connect(tool, "sink") as sock:
        begun = time.monotonic()
        moved = upload(sock, UPLOAD[rtt_ms])
        return {"upload MB/s": moved / MB / (time.monotonic() - begun)}


def _query(tool: Tool, rtt_ms: int) -> dict[str, float]:
    """Over a connection that stands."""
    with connect(tool, "echo") as sock:
        round_trips_ms(sock, 1, 1)
        return {"query ms": round_trips_ms(sock, 1, 10)[0]}


MEASURES = (_download, _upload, _query)


def _kept(tools: list[Tool], before: dict[str, int]) -> dict[str, float]:
    """How much more memory each holds once it has had time to give it back."""
    time.sleep(SETTLE_SECONDS)
    return {tool.name: (memory_bytes(tool.pids()) - before[tool.name]) / MB for tool in tools}


def _over_link(part: str, rtt_ms: int, hops: int, limits: dict[str, float]) -> Generator[Row, None, None]:
    """`limits`: without a tunnel, by what is measured; filled in here the first time."""
    with ExitStack() as stack:
        lab = new_lab(stack)
        forwards = new_peers(stack, "source", "sink", "echo")
        tools = new_tools(stack, lab, new_chain(lab, hops, rtt_ms), forwards)[:2]
        if not limits:
            direct = Direct(over_link(lab, forwards, rtt_ms))
            for measure in MEASURES:
                limits |= measure(direct, rtt_ms)
        time.sleep(SETTLE_SECONDS)
        before = {tool.name: memory_bytes(tool.pids()) for tool in tools}
        for measure in MEASURES:
            taken = take_turns(tools, lambda tool: measure(tool, rtt_ms), warm_up=False)
            for figure, medians in taken.items():
                what, _, unit = figure.rpartition(" ")
                medians["direct"] = limits[figure]
                yield Row(part, f"{what}, {hops_text(hops)}", unit, medians, WANTED.get((what, rtt_ms, hops), ""))
        text = f"memory kept after all that, {hops_text(hops)}"
        yield Row(part, text, "MB", _kept(tools, before), "<= 2", "figure", 1)


def _wan(part: str, rtt_ms: int) -> Generator[Row, None, None]:
    limits: dict[str, float] = {}
    for hops in (1, 3):
        yield from _over_link(part, rtt_ms, hops, limits)


def wan_20ms() -> Generator[Row, None, None]:
    yield from _wan("wan-20ms", 20)


def wan_100ms() -> Generator[Row, None, None]:
    yield from _wan("wan-100ms", 100)
