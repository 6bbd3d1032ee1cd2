"""Small messages and a bulk download at the same time, through two forwards of one profile (one ssh)."""
import time
from contextlib import ExitStack
from typing import Generator

from ..measure import Row, percentile, take_turns
from ..tools import Direct, DropbearClient, Tool
from ..traffic import BulkDownload, connect, round_trips_ms
from .setting import MB, hops_text, new_chain, new_lab, new_peers, new_tools

START_SECONDS = 0.2
ALONE_SECONDS = 0.4
ECHO_SECONDS = 0.8
PACED_SECONDS = 0.4
# The same for all tools: an echo without pause takes the more from a bulk stream the faster it is.
PACE = 100  # a second
WANTED_P99 = {1: "<= 0.25", 3: "<= 0.2"}


def _speed(bulk: BulkDownload, run: float) -> float:
    before, begun = bulk.bytes(), time.monotonic()
    time.sleep(run)
    return (bulk.bytes() - before) / MB / (time.monotonic() - begun)


def _echo_beside_bulk(tool: Tool) -> dict[str, float]:
    with BulkDownload(tool) as bulk:
        time.sleep(START_SECONDS)
        alone = _speed(bulk, ALONE_SECONDS)
        with connect(tool, "echo") as sock:
            round_trips_ms(sock, 3, 5)
            before, begun = bulk.bytes(), time.monotonic()
            taken = round_trips_ms(sock, 100_000, ECHO_SECONDS)
            beside = (bulk.bytes() - before) / MB / (time.monotonic() - begun)
            before, begun = bulk.bytes(), time.monotonic()
            for turn in range(round(PACE * PACED_SECONDS)):
                time.sleep(max(0.0, begun + turn / PACE - time.monotonic()))
                round_trips_ms(sock, 1, 5)
            beside_paced = (bulk.bytes() - before) / MB / (time.monotonic() - begun)
    return {
        "echo p50 ms": percentile(taken, 50),
        "echo p99 ms": percentile(taken, 99),
        "bulk alone MB/s": alone,
        "bulk beside the echo MB/s": beside,
        "bulk beside the echo as against alone": beside / alone,
        f"bulk beside {PACE} echoes a second as against alone": beside_paced / alone,
    }


def mixed() -> Generator[Row, None, None]:
    limits: dict[str, float] = {}
    for hops in (1, 3):
        with ExitStack() as stack:
            lab = new_lab(stack)
            more = [DropbearClient] if hops == 1 else []
            tools = new_tools(stack, lab, new_chain(lab, hops), new_peers(stack, "source", "echo"), more)
            if limits:  # without a tunnel there are no hops
                tools = [tool for tool in tools if not isinstance(tool, Direct)]
            for figure, medians in take_turns(tools, _echo_beside_bulk, warm_up=False).items():
                limits.setdefault(figure, medians.get("direct", 0))
                medians["direct"] = limits[figure]
                yield _row(figure, hops, medians)


def _row(figure: str, hops: int, medians: dict[str, float]) -> Row:
    if figure.endswith("as against alone"):
        return Row("mixed", f"{figure}, {hops_text(hops)}", "times", medians, ">= 0.8", "figure")
    name, _, unit = figure.rpartition(" ")
    wanted = WANTED_P99[hops] if figure == "echo p99 ms" else ""
    return Row("mixed", f"{name}, {hops_text(hops)}", unit, medians, wanted)
