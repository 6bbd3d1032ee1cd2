"""Bulk streams, one at a time."""
import itertools
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from ..measure import Row, take_turns
from ..peers import discard
from ..tools import DropbearClient, OpensshDefault, Tool, cpu_seconds
from ..traffic import connect, upload
from .setting import GB, MB, hops_text, new_chain, new_lab, new_peers, new_tools

BULK = {1: 90 * MB, 2: 55 * MB, 3: 35 * MB}  # by hops: a fifth to half a second each
# Through each instance in each direction, and not counted: ssh is several times slower with its first 30 MB, as it grows its
# buffers.
WARM_UP = 30 * MB
PART = {DropbearClient: 5}  # it is several times slower, and a part of the bytes tells as much
TURNS = 6  # one differs from the next by a third, with any tool, as the scheduler places the processes
# Of each tool. One session is faster than another for as long as it stands, by up to a sixth, with any tool: its sshd
# takes that much less time for the same bytes.
INSTANCES = 2
WANTED = {"up": (">= 1.3", ">= 1.3", ">= 1.5"), "down": (">= 1.1", ">= 1.2", ">= 1.3")}
WANTED_CPU = ("<= 0.75", "<= 0.65", "<= 0.6")


def _bulk(tool: Tool, direction: str, count: int) -> dict[str, float]:
    pids = tool.pids()
    with connect(tool, {"up": "sink", "down": "source"}[direction]) as sock:
        before, begun = cpu_seconds(pids), time.monotonic()
        if direction == "up":
            moved = upload(sock, count)
        else:
            sock.sendall(b"%d\n" % count)
            moved = discard(sock)
            assert moved == count, f"{moved} bytes have come of {count}"
        seconds, spent = time.monotonic() - begun, cpu_seconds(pids) - before
    figures = {"MB/s": moved / MB / seconds}
    if pids:
        figures["CPU s/GB"] = spent / (moved / GB)
    return figures


class _InTurn:
    """Instances of one tool, each of which is measured every so many turns."""

    def __init__(self, instances: Sequence[Tool]) -> None:
        self.name = instances[0].name
        self._next = itertools.cycle(instances)

    def next(self) -> Tool:
        return next(self._next)


def throughput() -> Generator[Row, None, None]:
    for hops in (1, 2, 3):
        with ExitStack() as stack:
            forwards = new_peers(stack, "source", "sink")
            more = [OpensshDefault, DropbearClient] if hops == 1 else [OpensshDefault]
            sets = []
            for _ in range(INSTANCES):
                lab = new_lab(stack)
                sets.append(new_tools(stack, lab, new_chain(lab, hops), forwards, more))
            tools = [_InTurn(instances) for instances in zip(*sets)]

            def measure(in_turn: _InTurn) -> dict[str, float]:
                tool = in_turn.next()
                return _bulk(tool, direction, BULK[hops] // PART.get(type(tool), 1))

            for direction in ("up", "down"):
                for tool in itertools.chain(*sets):
                    _bulk(tool, direction, WARM_UP // PART.get(type(tool), 1))
                taken = take_turns(tools, measure, TURNS, warm_up=False)
                for unit, medians in taken.items():
                    bound = WANTED[direction][hops - 1] if unit == "MB/s" else WANTED_CPU[hops - 1]
                    yield Row("throughput", f"{direction}, {hops_text(hops)}", unit, medians, bound, repetitions=TURNS)
