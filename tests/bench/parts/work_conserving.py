"""Where more than one process is always ready, under a scheduler that leaves no processor idle while one of them waits.

The kernel's usual one may: it wakes a process where its waker runs, and some virtual machines' kernels pack what runs on
few processors. Then the figures are of where it has put whom as much as of the tools. Real-time processes of one priority
are pushed and pulled to any processor that is free (sched(7), SCHED_RR); here all are such, the servers too.
"""
import os
from contextlib import contextmanager
from typing import Generator, Iterator

from ..measure import Row
from .queries import WARM_UP, latency
from .throughput import throughput

PART = "work-conserving"
CLIENTS = 16


@contextmanager
def _round_robin() -> Iterator[None]:
    """For this process and all that it starts."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def work_conserving() -> Generator[Row, None, None]:
    with _round_robin():
        yield from throughput(PART, ["down"])
        yield from latency(PART, {CLIENTS: WARM_UP["latency"][CLIENTS]}, (2, 3))
