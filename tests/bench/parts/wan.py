"""A long first link: what windows and round trips make of it.

Twice: through a relay that ends each TCP connection and holds whatever is under way, so that nothing but SSH limits a stream; and
with TCP from end to end, where the kernels do as well, and where it counts when an acknowledgement is sent."""
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable, Generator, Sequence

from support.long_network import FAR, LongNetwork

from ..measure import Row, Unavailable, take_turns
from ..peers import PIECE, endless
from ..tools import Direct, Tool, memory_bytes
from ..traffic import connect, round_trips_ms, upload
from .setting import MB, hops_text, new_chain, new_lab, new_peers, new_tools, over_link

FIRST = 10 * MB
SETTLE_SECONDS = 1.5  # the daemon gives memory back half a second after it has come up, or a client has left


@dataclass(frozen=True)
class _Link:
    rtt_ms: int
    ramp: int  # round trips in which a stream has reached its speed
    upload: int  # bytes


SHORT, LONG = _Link(20, 25, 48 * MB), _Link(100, 7, 5 * MB)
LONG_TCP = _Link(100, 8, 6 * MB)
USUAL_BUFFER, LARGE_BUFFER = 4 << 20, 64 << 20  # bytes; the first is what Linux has if nobody has changed it

Measure = Callable[[Tool, _Link], dict[str, float]]
Wanted = dict[tuple[str, int], str]  # by what is measured, and hops
DOWNLOAD: Wanted = {("download at its speed", 1): ">= 4.5", ("download at its speed", 3): ">= 5"}
UPLOAD: Wanted = {("upload", hops): ">= 1" for hops in (1, 3)}


def _download(tool: Tool, link: _Link) -> dict[str, float]:
    """From the connection on, and the speed that it reaches: windows grow step by step, and some round trips are left for
    that. What a large window lets through comes in bursts: it is averaged over as many again."""
    ramp = link.ramp * link.rtt_ms / 1000
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


def _upload(tool: Tool, link: _Link) -> dict[str, float]:
    with connect(tool, "sink") as sock:
        begun = time.monotonic()
        moved = upload(sock, link.upload)
        return {"upload MB/s": moved / MB / (time.monotonic() - begun)}


def _query(tool: Tool, _: _Link) -> dict[str, float]:
    """Over a connection that stands."""
    with connect(tool, "echo") as sock:
        round_trips_ms(sock, 1, 1)
        return {"query ms": round_trips_ms(sock, 1, 10)[0]}


ALL: Sequence[Measure] = (_download, _upload, _query)
BULK: Sequence[Measure] = (_download, _upload)  # a query has no part in what the kernels hold


def _limits(direct: Tool, link: _Link, measures: Sequence[Measure]) -> dict[str, float]:
    return {figure: value for measure in measures for figure, value in measure(direct, link).items()}


def _rows(
    part: str, link: _Link, hops: int, tools: list[Tool], measures: Sequence[Measure], limits: dict[str, float], wanted: Wanted
) -> Generator[Row, None, None]:
    """`limits`: without a tunnel, by what is measured."""
    for measure in measures:
        taken = take_turns(tools, lambda tool: measure(tool, link), warm_up=False)
        for figure, medians in taken.items():
            what, _, unit = figure.rpartition(" ")
            medians["direct"] = limits[figure]
            yield Row(part, f"{what}, {hops_text(hops)}", unit, medians, wanted.get((what, hops), ""))


def _kept(tools: list[Tool], before: dict[str, int]) -> dict[str, float]:
    """How much more memory each holds once it has had time to give it back."""
    time.sleep(SETTLE_SECONDS)
    return {tool.name: (memory_bytes(tool.pids()) - before[tool.name]) / MB for tool in tools}


def _through_relay(part: str, link: _Link, wanted: Wanted) -> Generator[Row, None, None]:
    limits: dict[str, float] = {}
    for hops in (1, 3):
        with ExitStack() as stack:
            lab = new_lab(stack)
            forwards = new_peers(stack, "source", "sink", "echo")
            tools = new_tools(stack, lab, new_chain(lab, hops, link.rtt_ms), forwards)[:2]
            limits = limits or _limits(Direct(over_link(lab, forwards, link.rtt_ms)), link, ALL)
            time.sleep(SETTLE_SECONDS)
            before = {tool.name: memory_bytes(tool.pids()) for tool in tools}
            yield from _rows(part, link, hops, tools, ALL, limits, wanted)
            text = f"memory kept after all that, {hops_text(hops)}"
            yield Row(part, text, "MB", _kept(tools, before), "<= 2", "figure", 1)


def _end_to_end(
    part: str, link: _Link, send_buffer: int, measures: Sequence[Measure], wanted: Wanted
) -> Generator[Row, None, None]:
    limits: dict[str, float] = {}
    for hops in (1, 3):
        with ExitStack() as stack:
            try:
                network = stack.enter_context(LongNetwork(link.rtt_ms / 1000, send_buffer))
            except OSError as error:
                raise Unavailable(f"needs to be root on Linux, to make network namespaces ({error})")
            with network.far():
                lab = new_lab(stack)
                forwards = new_peers(stack, "source", "sink", host=FAR)
                chain = new_chain(lab, hops, address=FAR)
            tools = new_tools(stack, lab, chain, forwards)[:2]
            limits = limits or _limits(Direct(forwards, FAR), link, measures)
            yield from _rows(part, link, hops, tools, measures, limits, wanted)


def wan_20ms() -> Generator[Row, None, None]:
    yield from _through_relay("wan-20ms", SHORT, UPLOAD)


def wan_100ms() -> Generator[Row, None, None]:
    yield from _through_relay("wan-100ms", LONG, DOWNLOAD | UPLOAD)


def wan_tcp() -> Generator[Row, None, None]:
    """The far end's kernel holds as much for a connection as Linux lets it: its socket limits a download before any window does."""
    yield from _end_to_end("wan-tcp", LONG_TCP, USUAL_BUFFER, BULK, UPLOAD)


def wan_tcp_buffers() -> Generator[Row, None, None]:
    """Somebody has raised that."""
    yield from _end_to_end("wan-tcp-buffers", LONG_TCP, LARGE_BUFFER, (_download,), DOWNLOAD)
