"""The parts of the benchmark. Each sets up labs of its own, gives its rows one by one, and takes under a minute."""
from typing import Callable, Generator

from ..measure import Row
from .beside_bulk import beside_bulk
from .coldstart import coldstart
from .hot import hot
from .idle import idle
from .many import many
from .mixed import mixed
from .queries import answers, churn, latency_1_client, latency_16_clients, pooled_churn
from .throughput import throughput
from .wan import wan_20ms, wan_100ms, wan_tcp, wan_tcp_buffers
from .work_conserving import work_conserving

PARTS: dict[str, Callable[[], Generator[Row, None, None]]] = {
    "throughput": throughput,
    "latency-1-client": latency_1_client,
    "latency-16-clients": latency_16_clients,
    "work-conserving": work_conserving,
    "churn": churn,
    "pooled-churn": pooled_churn,
    "answers": answers,
    "wan-20ms": wan_20ms,
    "wan-100ms": wan_100ms,
    "wan-tcp": wan_tcp,
    "wan-tcp-buffers": wan_tcp_buffers,
    "idle": idle,
    "mixed": mixed,
    "beside-bulk": beside_bulk,
    "many": many,
    "coldstart": coldstart,
    "hot": hot,
}
