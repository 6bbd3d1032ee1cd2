"""The main job: PostgreSQL behind two hops."""
import re
import subprocess

import pytest
from support.lab import Lab, Tunnel
from support.postgres import ROLE, Postgres, client_environment, psql
from support.scale import scaled

PGBENCH_SECONDS = scaled(normal=5, small=2, full=30)
PGBENCH = "/usr/bin/pgbench"


@pytest.fixture
def database(lab: Lab) -> tuple[Postgres, Tunnel]:
    server = lab.postgres()
    tunnel = lab.profile("prod-db", lab.chain(2), {"postgres": server})
    tunnel.up()
    return server, tunnel


@pytest.mark.sanitized
def test_psql_reads_a_row_through_two_hops(database: tuple[Postgres, Tunnel]) -> None:
    _, tunnel = database
    assert psql("127.0.0.1", tunnel.port, "select current_user, 6 * 7") == f"{ROLE}|42"


def test_psql_gets_a_large_result_whole(database: tuple[Postgres, Tunnel]) -> None:
    server, tunnel = database
    query = "select md5(i::text) from generate_series(1, 200000) i"
    assert psql("127.0.0.1", tunnel.port, query) == psql("127.0.0.1", server.port, query)


@pytest.mark.limit(180)
@pytest.mark.sanitized
@pytest.mark.parametrize("new_connection_each", [False, True])
def test_pgbench_with_16_clients_meets_no_error(
    database: tuple[Postgres, Tunnel], new_connection_each: bool
) -> None:
    server, tunnel = database
    subprocess.run(
        [PGBENCH, "-i", "-q", "-s", "1"],
        check=True,
        env=client_environment("127.0.0.1", server.port),
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    more = ["-C"] if new_connection_each else []
    done = subprocess.run(
        [PGBENCH, "-n", "-S", "-c", "16", "-j", "2", "-T", str(PGBENCH_SECONDS), *more],
        env=client_environment("127.0.0.1", tunnel.port),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    text = done.stdout + done.stderr
    print(text)
    assert done.returncode == 0, text
    assert "error" not in text.lower() and "aborted" not in text, text
    assert re.search(r"number of failed transactions: 0 ", text), text
