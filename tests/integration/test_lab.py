"""The lab itself: what the other tests rely on, shown with OpenSSH's own client."""
import socket
import subprocess
from typing import Iterator

import pytest
from support import targets
from support.dbclient import Dbclient
from support.lab import Lab
from support.ports import answers, free_port
from support.postgres import psql
from support.sshd import USER, SshServer
from support.scale import MB
from support.stream import ends_with, pattern_digest, receive_digest, receive_exactly, send_pattern
from support.wait import Stopwatch, wait_until


@pytest.fixture
def ssh_forward(lab: Lab) -> Iterator[object]:
    """Starts `ssh -N -L` through one server and gives the local port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(server: SshServer, target_port: int) -> int:
        port = free_port()
        options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
        ]
        started.append(
            subprocess.Popen(
                [
                    "ssh",
                    "-F",
                    "none",
                    "-N",
                    *(f"-o{each}" for each in options),
                    "-i",
                    str(lab.keys[server.name].path),
                    "-p",
                    str(server.port),
                    "-L",
                    f"127.0.0.1:{port}:127.0.0.1:{target_port}",
                    f"{USER}@127.0.0.1",
                ],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/bin:/bin"},
            )
        )
        wait_until(lambda: answers(port), 20, "ssh listens")
        return port

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", ["sshd", "dropbear", "asyncssh"])
def test_each_ssh_server_forwards_for_openssh_client(lab: Lab, ssh_forward, kind: str) -> None:
    server = getattr(lab, kind)()
    target = lab.target(targets.both_ways(1_000_000))
    with socket.create_connection(("127.0.0.1", ssh_forward(server, target.port)), timeout=20) as client:
        send_pattern(client, 500_000)
        client.shutdown(socket.SHUT_WR)
        assert receive_digest(client, 1_000_000) == (1_000_000, pattern_digest(1_000_000))
        assert receive_exactly(client, 64).decode() == pattern_digest(500_000)


def test_dropbears_client_forwards(lab: Lab) -> None:
    server, target = lab.sshd(), lab.target(targets.echo)
    client = Dbclient(lab.folder / "dbclient", server, lab.keys[server.name], {"echo": target.address}, server.port)
    client.start()
    try:
        with socket.create_connection(("127.0.0.1", client.ports["echo"]), timeout=20) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
    finally:
        client.stop()


def test_killing_an_sshd_ends_its_sessions_and_frees_its_port(lab: Lab, ssh_forward) -> None:
    server = lab.sshd()
    target = lab.target(targets.echo)
    with socket.create_connection(("127.0.0.1", ssh_forward(server, target.port)), timeout=20) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert server.sessions() == 1
        server.kill()
        assert ends_with(client, 5) in ("eof", "reset")
    assert not answers(server.port)
    server.start()
    assert server.sessions() == 0


def test_postgres_answers_a_query(lab: Lab) -> None:
    assert psql("127.0.0.1", lab.postgres().port, "select 6 * 7") == "42"


def test_relay_delays_each_way(lab: Lab) -> None:
    relay = lab.relay(lab.target(targets.echo).port)
    relay.delay(0.2)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client:
        watch = Stopwatch()
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert 0.4 <= watch.seconds < 1


def test_relay_counts_round_trips(lab: Lab) -> None:
    answer = 4 * MB  # in many reads
    relay = lab.relay(lab.target(targets.answers(answer)).port)
    with socket.create_connection(("127.0.0.1", relay.port)) as client:
        for count in range(1, 4):
            client.sendall(b"?")
            receive_exactly(client, answer)
            assert relay.answers == count


def test_relay_in_a_blackhole_keeps_the_connection_and_loses_nothing(lab: Lab) -> None:
    relay = lab.relay(lab.target(targets.echo).port)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        relay.blackhole()
        client.sendall(b"b")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        relay.blackhole(False)
        client.settimeout(5)
        assert client.recv(1) == b"b"


def test_relay_cuts_with_a_reset_and_can_refuse(lab: Lab) -> None:
    relay = lab.relay(lab.target(targets.echo).port)
    client = socket.create_connection(("127.0.0.1", relay.port), timeout=5)
    client.sendall(b"a")
    assert client.recv(1) == b"a"
    relay.cut()
    assert ends_with(client, 5) == "reset"
    client.close()
    relay.refuse()
    assert not answers(relay.port)
    relay.refuse(False)
    assert answers(relay.port)


def test_relay_flips_exactly_one_bit(lab: Lab) -> None:
    relay = lab.relay(lab.target(targets.echo).port)
    relay.flip_bit("up", 100)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=5) as client:
        client.sendall(bytes(300))
        assert receive_exactly(client, 300) == bytes(100) + b"\1" + bytes(199)


def test_relay_is_fast_and_whole_when_it_is_told_nothing(lab: Lab) -> None:
    count = 200_000_000
    relay = lab.relay(lab.target(targets.source(count)).port)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=20) as client:
        watch = Stopwatch()
        assert receive_digest(client) == (count, pattern_digest(count))
    assert count / watch.seconds > 50_000_000
