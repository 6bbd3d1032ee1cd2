"""pgbench: small queries, over connections that stand (latency) or each over one of its own (churn). And what has longer
answers: larger results, pg_dump."""
import re
import subprocess
import time
from contextlib import ExitStack
from typing import Generator, Sequence

from support.pgbouncer import PgBouncer
from support.postgres import Postgres, client_environment, psql

from ..measure import Row, Taken, add_turns, medians_of, take_turns
from ..tools import DropbearClient, OpensshDefault, Tool
from .setting import MakeTool, hops_text, new_chain, new_lab, new_tools

PGBENCH = "/usr/bin/pgbench"
PG_DUMP = "/usr/bin/pg_dump"
# How long one measurement takes with ssh, as far as a first one tells, that does not count. A new server process is slow
# with its first hundreds of queries, with any tool: where a bound is near there are more of them.
SECONDS = 0.3
# A session is faster or slower than the next by a sixth for as long as it stands, with any tool.
SESSIONS, TURNS = 3, 2
# Queries, by clients.
LATENCY_WARM_UP = {1: 200, 16: 60}
WARM_UP = {"churn": {1: 3, 4: 3}, "pooled-churn": {1: 20, 4: 5}}
ALL_HOPS = (1, 2, 3)
LATENCY_WANTED = {(1, 2): ">= 1.2", (1, 3): ">= 1.2", (16, 2): ">= 1.4", (16, 3): ">= 1.4"}
# Of a hundredth of the table: a new server process would else be measured while it maps the rest, page by page.
SCALE = ("-D", "scale=0.01")
LATENCY_SECONDS = dict.fromkeys(LATENCY_WANTED, 0.7)
CHURN_WANTED = {(clients, hops): bound for hops in ALL_HOPS for clients, bound in ((1, ">= 0.9"), (4, ">= 4"))}
ANSWER_BYTES = (50_000, 200_000)
ANSWERS = 10
DUMPED_TABLES = 10


def _fill(server: Postgres) -> None:
    subprocess.run(
        [PGBENCH, "-i", "-q", "-s", "1"],
        env=client_environment("127.0.0.1", server.port),
        capture_output=True,
        check=True,
    )


def _pgbench(tool: Tool, clients: int, queries: int, *options: str) -> dict[str, float]:
    command = [PGBENCH, "-n", "-c", str(clients), "-j", "1", "-t", str(queries), *options]
    environment = client_environment("127.0.0.1", tool.ports["postgres"])
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert done.returncode == 0 and found, f"{tool.name}: {done.stdout}{done.stderr}"
    return {"tps": float(found[1])}


def _over_hops(
    hops: int, server: Postgres | PgBouncer, stack: ExitStack, more: Sequence[MakeTool] = ()
) -> list[Tool]:
    lab = new_lab(stack)
    forwards = {"postgres": f"127.0.0.1:{server.port}"}
    more = [*more, DropbearClient] if hops == 1 else more
    return new_tools(stack, lab, new_chain(lab, hops), forwards, more)


def _queries(
    part: str,
    server: Postgres | PgBouncer,
    wanted: dict[tuple[int, int], str],
    warm_up: dict[int, int],
    *options: str,
    seconds: dict[tuple[int, int], float] = {},
    more: Sequence[MakeTool] = (),
    all_hops: Sequence[int] = ALL_HOPS,
) -> Generator[Row, None, None]:
    """`wanted` and `seconds`: by clients and hops."""
    for hops in all_hops:
        taken: dict[int, Taken] = {clients: {} for clients in warm_up}
        for _ in range(SESSIONS):
            with ExitStack() as stack:
                *tools, direct = _over_hops(hops, server, stack, more)
                for clients, fewest in warm_up.items():
                    rates = {tool.name: _pgbench(tool, clients, fewest, *options)["tps"] for tool in tools}
                    queries = max(fewest, round(rates["ssh"] * seconds.get((clients, hops), SECONDS) / clients))
                    run = lambda tool: _pgbench(tool, clients, queries, *options)
                    add_turns(taken[clients], tools, run, TURNS)
                    add_turns(taken[clients], [direct], run, 1)
        for clients in taken:
            what = f"{clients} client{'s' if clients > 1 else ''}, {hops_text(hops)}"
            medians = medians_of(taken[clients])["tps"]
            yield Row(part, what, "tps", medians, wanted.get((clients, hops), ""), repetitions=SESSIONS * TURNS)


def latency(
    part: str, clients: int, more: Sequence[MakeTool] = (), all_hops: Sequence[int] = ALL_HOPS
) -> Generator[Row, None, None]:
    with ExitStack() as stack:
        server = new_lab(stack).postgres()
        _fill(server)
        warm_up = {clients: LATENCY_WARM_UP[clients]}
        options = ("-S", *SCALE)
        yield from _queries(
            part, server, LATENCY_WANTED, warm_up, *options, seconds=LATENCY_SECONDS, more=more, all_hops=all_hops
        )


def latency_1_client() -> Generator[Row, None, None]:
    yield from latency("latency-1-client", 1, [OpensshDefault])


def latency_16_clients() -> Generator[Row, None, None]:
    yield from latency("latency-16-clients", 16, [OpensshDefault])


def churn() -> Generator[Row, None, None]:
    with ExitStack() as stack:
        server = new_lab(stack).postgres()
        _fill(server)
        yield from _queries("churn", server, CHURN_WANTED, WARM_UP["churn"], "-S", "-C")


def pooled_churn() -> Generator[Row, None, None]:
    """Where a server that starts a process for each connection would be the limit."""
    with ExitStack() as stack:
        lab = new_lab(stack)
        server = lab.postgres()
        _fill(server)
        pooled = lab.pgbouncer(server)
        yield from _queries("pooled-churn", pooled, CHURN_WANTED, WARM_UP["pooled-churn"], "-S", "-C")


def _pg_dump(tool: Tool) -> dict[str, float]:
    environment = client_environment("127.0.0.1", tool.ports["postgres"])
    begun = time.monotonic()
    subprocess.run([PG_DUMP], env=environment, capture_output=True, timeout=60, check=True)
    return {"s": time.monotonic() - begun}


def answers() -> Generator[Row, None, None]:
    """One client, whose results are longer than a packet of TCP or SSH."""
    with ExitStack() as stack:
        lab = new_lab(stack)
        server = lab.postgres()
        for number in range(DUMPED_TABLES):
            rows = "SELECT id, repeat('x', 50) AS text FROM generate_series(1, 200) AS id"
            psql("127.0.0.1", server.port, f"CREATE TABLE t{number} AS {rows}")
        for hops in ALL_HOPS:
            with ExitStack() as inner:
                tools = _over_hops(hops, server, inner)
                for count in ANSWER_BYTES:
                    script = lab.folder / f"{count}.sql"
                    script.write_text(f"SELECT repeat('x', {count});\n")
                    medians = take_turns(tools, lambda tool: _pgbench(tool, 1, ANSWERS, "-f", str(script)))["tps"]
                    yield Row("answers", f"{count // 1000} kB, {hops_text(hops)}", "tps", medians)
                medians = take_turns(tools, _pg_dump)["s"]
                yield Row("answers", f"pg_dump of {DUMPED_TABLES} tables, {hops_text(hops)}", "s", medians)
