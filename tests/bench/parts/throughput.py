"""Bulk streams, one at a time."""
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from support.process import Server, descendants_of

from ..measure import Row, Taken, add_turns, medians_of
from ..peers import discard
from ..tools import DropbearClient, OpensshDefault, Tool, cpu_seconds, machine_seconds
from ..traffic import connect, upload
from .setting import GB, MB, hops_text, new_chain, new_lab, new_peers, new_tools

BULK = {1: 120 * MB, 2: 70 * MB, 3: 40 * MB}  # by hops: an eighth to half a second each
# Through each session in each direction, and not counted: ssh is several times slower with its first 30 MB, as it grows its
# buffers.
WARM_UP = 30 * MB
PART = {DropbearClient: 5}  # it is several times slower, and a part of the bytes tells as much
# One session is faster than another for as long as it stands, by up to a sixth, with any tool: its sshd takes that much
# less time for the same bytes. So there are as many of each tool as the time allows, one after the other.
LEAST_SESSIONS = 2
SECONDS = 9  # for a number of hops, in one direction
TURNS = 3  # with each session: one differs from the next by a third, as the scheduler places the processes
WANTED = {"up": (">= 1.3", ">= 1.3", ">= 1.5"), "down": (">= 1.1", ">= 1.2", ">= 1.3")}
WANTED_CPU = ("<= 0.75", "<= 0.65", "<= 0.6")


# What a stream cannot be faster than: one sshd is one thread, and the processors are there for all.
BUSY = {"busiest sshd": "the busiest sshd, of its time", "processors": "all processors, of their time"}


def _bulk(tool: Tool, direction: str, count: int, servers: Sequence[Server] = ()) -> dict[str, float]:
    pids = tool.pids()
    sessions = set().union(*(descendants_of(server.pid) for server in servers))
    with connect(tool, {"up": "sink", "down": "source"}[direction]) as sock:
        sessions_before = {pid: cpu_seconds({pid}) for pid in sessions}
        before, machine_before, begun = cpu_seconds(pids), machine_seconds(), time.monotonic()
        if direction == "up":
            moved = upload(sock, count)
        else:
            sock.sendall(b"%d\n" % count)
            moved = discard(sock)
            assert moved == count, f"{moved} bytes have come of {count}"
        seconds, spent = time.monotonic() - begun, cpu_seconds(pids) - before
        busy, idle = (after - earlier for after, earlier in zip(machine_seconds(), machine_before))
        busiest = max((cpu_seconds({pid}) - spent for pid, spent in sessions_before.items()), default=0.0)
    figures = {"MB/s": moved / MB / seconds}
    if pids:
        figures["CPU s/GB"] = spent / (moved / GB)
        figures["busiest sshd"] = busiest / seconds
        figures["processors"] = busy / (busy + idle)
    return figures


def _add_session(taken: dict[str, Taken], hops: int, forwards: dict[str, str]) -> None:
    """One session of each tool, over servers of their own."""
    with ExitStack() as stack:
        lab = new_lab(stack)
        more = [OpensshDefault, DropbearClient] if hops == 1 else [OpensshDefault]
        chain = new_chain(lab, hops)
        tools = new_tools(stack, lab, chain, forwards, more)
        for direction in taken:
            for tool in tools:
                _bulk(tool, direction, WARM_UP // PART.get(type(tool), 1))
            add_turns(
                taken[direction],
                tools,
                lambda tool: _bulk(tool, direction, BULK[hops] // PART.get(type(tool), 1), chain),
                TURNS,
            )


def throughput(
    part: str = "throughput", directions: Sequence[str] = ("up", "down")
) -> Generator[Row, None, None]:
    most = SECONDS * len(directions)
    for hops in (1, 2, 3):
        taken: dict[str, Taken] = {direction: {} for direction in directions}
        sessions, begun = 0, time.monotonic()
        with ExitStack() as stack:
            forwards = new_peers(stack, "source", "sink")
            while sessions < LEAST_SESSIONS or (time.monotonic() - begun) * (sessions + 1) / sessions <= most:
                _add_session(taken, hops, forwards)
                sessions += 1
        for direction in taken:
            for unit, medians in medians_of(taken[direction]).items():
                what = f"{direction}, {hops_text(hops)}"
                if unit in BUSY:
                    yield Row(part, what, BUSY[unit], medians, repetitions=sessions * TURNS)
                    continue
                bound = WANTED[direction][hops - 1] if unit == "MB/s" else WANTED_CPU[hops - 1]
                yield Row(part, what, unit, medians, bound, repetitions=sessions * TURNS)
