"""What connections that stand and do nothing cost those that work."""
import socket
from contextlib import ExitStack
from typing import Generator

from ..measure import Row, percentile, take_turns
from ..tools import Direct, Tool, memory_bytes
from ..traffic import connect, hold_open, round_trips_ms
from .setting import new_chain, new_lab, new_peers, new_tools

COUNTS = (0, 500, 1000, 4000)
# At 16 ms a round trip, ssh makes some forty of them in its time.
MOST_TRIPS = 500
SECONDS = 0.6
KIB = 1024


def _echo(tool: Tool) -> dict[str, float]:
    with connect(tool, "echo") as sock:
        round_trips_ms(sock, 3, 5)  # the connection's making is not meant
        taken = round_trips_ms(sock, MOST_TRIPS, SECONDS)
        return {"p50 ms": percentile(taken, 50), "p99 ms": percentile(taken, 99)}


class _Held:
    """The idle connections of a tool, and what they take."""

    def __init__(self, stack: ExitStack, tool: Tool) -> None:
        self.tool = tool
        self._stack = stack
        self._sockets: list[socket.socket] = []
        self._before = memory_bytes(tool.pids())

    def raise_to(self, count: int) -> None:
        fresh = hold_open(self.tool, "echo", count - len(self._sockets))
        for sock in fresh:
            self._stack.callback(sock.close)
        self._sockets += fresh

    def kib_each(self) -> float:
        return (memory_bytes(self.tool.pids()) - self._before) / KIB / len(self._sockets)


def idle() -> Generator[Row, None, None]:
    with ExitStack() as stack:
        lab = new_lab(stack)
        tools = new_tools(stack, lab, new_chain(lab, 1), new_peers(stack, "echo"))
        alone: dict[str, float] = {}
        held: list[_Held] = []
        for count in COUNTS:
            for each in held:
                each.raise_to(count)
            for unit, medians in take_turns(tools, _echo).items():
                wanted = "<= 0.125" if (count, unit) == (4000, "p50 ms") else ""
                yield Row("idle", f"echo with {count:,} idle, 1 hop", unit, medians, wanted)
                if unit == "p50 ms":
                    alone = alone or medians
                    now = medians
            if count == 0:
                held = [_Held(stack, tool) for tool in tools if not isinstance(tool, Direct)]
                continue
            times = {each.tool.name: now[each.tool.name] / alone[each.tool.name] for each in held}
            most = max(COUNTS)
            text = f"echo p50 with {count:,} idle as against none, 1 hop"
            yield Row("idle", text, "times", times, "<= 3" if count == most else "", "figure")
            memory = {each.tool.name: each.kib_each() for each in held}
            text = f"memory with {count:,} idle, 1 hop"
            yield Row("idle", text, "KiB a connection", memory, "<= 16" if count == most else "", "figure", 1)
