"""How long a new connection takes to its first answer while a bulk download runs through the same profile (one ssh)."""
import time
from contextlib import ExitStack
from typing import Generator

from ..measure import Row, take_turns
from ..tools import Direct, Tool
from ..traffic import BulkDownload, connect, round_trips_ms
from .setting import hops_text, new_chain, new_lab, new_peers, new_tools, over_link

# After the download's beginning. tunneld logs in once more for the first, and of its own accord beside a download that goes on
# for three or four seconds.
WAITS = {"soon": 0.3, "5 s": 5.0}
CHAINS = ((1, 0), (3, 0), (3, 50))  # hops, and the round trip of the first link in ms


def _first_answer(tool: Tool, wait: float) -> dict[str, float]:
    with BulkDownload(tool):
        time.sleep(wait)
        begun = time.monotonic()
        with connect(tool, "echo") as sock:
            round_trips_ms(sock, 1, 10)
        return {"ms": (time.monotonic() - begun) * 1000}


def beside_bulk() -> Generator[Row, None, None]:
    for hops, rtt_ms in CHAINS:
        for name, wait in WAITS.items():
            with ExitStack() as stack:  # anew for each: what one connection has opened serves the next
                lab = new_lab(stack)
                forwards = new_peers(stack, "source", "echo")
                tools = new_tools(stack, lab, new_chain(lab, hops, rtt_ms), forwards)[:2]
                direct = Direct(over_link(lab, forwards, rtt_ms))
                medians = take_turns(tools, lambda tool: _first_answer(tool, wait), 1, warm_up=False)["ms"]
                medians["direct"] = _first_answer(direct, WAITS["soon"])["ms"]
                text = f"first connection {name} after the bulk has begun, {rtt_ms} ms, {hops_text(hops)}"
                yield Row("beside-bulk", text, "ms", medians, repetitions=1)
