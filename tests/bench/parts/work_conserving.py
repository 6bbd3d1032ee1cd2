"""Where more than one process is always ready, under a scheduler that lets no processor idle while one of them waits.

The kernel's usual one may: it often wakes a process where its waker runs, and leaves it there. Then the figures tell where it
has put whom as much as they tell of the tools. Real-time processes are pushed and pulled to any processor that is free
(sched(7)); here all are such, of one priority, the servers and peers too. It is another scheduler in more than that: nobody is
interrupted by who wakes up. So this says how much of a figure is the scheduler's, not what a user sees.
"""
import os
from contextlib import contextmanager
from typing import Generator, Iterator

from ..measure import Row, Unavailable
from .queries import latency
from .throughput import throughput

PART = "work-conserving"
CLIENTS = 16


@contextmanager
def _round_robin() -> Iterator[None]:
    """For this thread and all that it starts meanwhile."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError as error:
        raise Unavailable("SCHED_RR is for root (CAP_SYS_NICE)") from error
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def work_conserving() -> Generator[Row, None, None]:
    with _round_robin():
        yield from throughput(PART, ["down"])
        yield from latency(PART, CLIENTS, all_hops=(2, 3))
