"""Where a forward can listen and go on to."""
import os
import socket
import stat
import threading

import pytest
from support import targets
from support.lab import Lab, Tunnel
from support.ports import free_port
from support.stream import receive_exactly
from support.transfers import assert_echoes, assert_moves_both_ways
from support.wait import wait_until

IPV6_LOOPBACK = os.path.exists("/proc/net/if_inet6") and "lo" in open("/proc/net/if_inet6").read().split()


def one_forward(lab: Lab, forward: dict[str, str] | str) -> Tunnel:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": "127.0.0.1:9"})
    lab.profiles["demo"]["forwards"]["echo"] = forward
    lab.save()
    return tunnel


@pytest.mark.sanitized
def test_a_unix_socket_leads_to_a_tcp_target_and_only_its_owner_may_use_it(lab: Lab) -> None:
    path = lab.folder / "private" / "deeper" / "echo.sock"
    tunnel = one_forward(lab, {"listen": f"unix:{path}", "connect": lab.target(targets.echo).address})
    tunnel.up()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"hello")
        assert receive_exactly(client, 5) == b"hello"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    lab.tunneld.ok("down", "demo")
    assert not path.exists()


@pytest.mark.parametrize("others_folder", [False, True])
def test_a_unix_socket_that_others_could_replace_is_not_opened(lab: Lab, others_folder: bool) -> None:
    path = lab.folder / "shared" / "echo.sock"
    path.parent.mkdir()
    if others_folder:
        os.chown(path.parent, 65534, 65534)
    else:
        path.parent.chmod(0o777)
    tunnel = one_forward(lab, {"listen": f"unix:{path}", "connect": lab.target(targets.echo).address})
    outcome = tunnel.fails(1)
    assert "error[E-LISTEN-FAILED]" in outcome.err and "others could replace the socket" in outcome.err, outcome
    os.chown(path.parent, 0, 0)
    path.parent.chmod(0o1777)  # as /tmp: who owns it alone may rename it
    tunnel.up()


def test_what_has_taken_the_place_of_a_unix_socket_is_left_alone(lab: Lab) -> None:
    path = lab.folder / "echo.sock"
    tunnel = one_forward(lab, {"listen": f"unix:{path}", "connect": lab.target(targets.echo).address})
    tunnel.up()
    path.rename(path.with_name("moved"))
    path.write_text("somebody else's")
    lab.tunneld.ok("down", "demo")
    assert path.read_text() == "somebody else's"


def test_a_unix_socket_left_by_a_killed_daemon_is_taken_over(lab: Lab) -> None:
    path = lab.folder / "echo.sock"
    tunnel = one_forward(lab, {"listen": f"unix:{path}", "connect": lab.target(targets.echo).address})
    tunnel.up()
    lab.tunneld.kill_daemon()
    assert path.exists()
    tunnel.up()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"x")
        assert client.recv(1) == b"x"


@pytest.mark.sanitized
def test_a_tcp_port_leads_to_a_unix_socket_behind_the_chain(lab: Lab) -> None:
    count = 10_000_000
    target = lab.target(targets.both_ways(count), unix_path=lab.folder / "target.sock")
    tunnel = lab.profile("demo", lab.chain(2), {"bulk": target})
    tunnel.up()
    assert_moves_both_ways(tunnel, count)


def test_localhost_listens_on_both_address_families(lab: Lab) -> None:
    port = free_port()
    tunnel = one_forward(lab, {"listen": f"localhost:{port}", "connect": lab.target(targets.echo).address})
    tunnel.up()
    for address in ["127.0.0.1"] + (["::1"] if IPV6_LOOPBACK else []):
        with socket.create_connection((address, port), timeout=20) as client:
            client.sendall(b"hello")
            assert receive_exactly(client, 5) == b"hello"


def test_an_ssh_style_string_is_a_forward(lab: Lab) -> None:
    port = free_port()
    target = lab.target(targets.echo)
    tunnel = one_forward(lab, f"{port}:127.0.0.1:{target.port}")
    tunnel.up()
    tunnel.ports["echo"] = port
    assert_echoes(tunnel)


def test_port_0_is_chosen_by_the_system_and_stays_while_the_daemon_lives(lab: Lab) -> None:
    tunnel = one_forward(lab, {"listen": "127.0.0.1:0", "connect": lab.target(targets.echo).address})
    tunnel.up()
    listen = tunnel.status()["forwards"][0]["listen"]
    host, port = listen.rsplit(":", 1)
    assert host == "127.0.0.1" and int(port) > 0
    tunnel.ports["echo"] = int(port)
    assert_echoes(tunnel)
    lab.tunneld.ok("restart", "demo")
    assert tunnel.status()["forwards"][0]["listen"] == listen
    assert_echoes(tunnel)
    with tunnel.connect() as client:
        tunnel.up()  # asks for nothing new
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        down = lab.tunneld.start("down", "demo", "--drain=20s")
        wait_until(lambda: tunnel.status()["state"] == "draining", 5, "it waits for the client")
        tunnel.up()
        down.communicate(timeout=20)
        assert down.returncode != 0, "it is up again"
    assert tunnel.status()["forwards"][0]["listen"] == listen
    with tunnel.connect() as client:
        tunnel.up("--port", f"echo={port}")  # which it has
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    lab.tunneld.ok("down", "demo")
    tunnel.up()
    assert tunnel.status()["forwards"][0]["listen"] == listen


def test_the_command_line_can_choose_the_port(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.ports["echo"] = free_port()
    tunnel.up("--port", f"echo={tunnel.port}")
    assert_echoes(tunnel)


def test_several_forwards_of_a_profile_share_its_chain(lab: Lab) -> None:
    server = lab.sshd()
    names = ["one", "two", "three"]
    tunnel = lab.profile("demo", [server], {name: lab.target(targets.echo) for name in names})
    tunnel.up()
    threads = [threading.Thread(target=assert_echoes, args=(tunnel, name)) for name in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [forward["total"] for forward in tunnel.status()["forwards"]] == [1, 1, 1]
    assert server.sessions() == 1


def test_the_counters_tell_what_passed(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})
    tunnel.up()
    with tunnel.connect() as client:
        client.sendall(b"x" * 1000)
        receive_exactly(client, 1000)
        forward = tunnel.status()["forwards"][0]
        assert (forward["connections"], forward["total"], forward["held"]) == (1, 1, 0)
        assert (forward["bytes_in"], forward["bytes_out"]) == (1000, 1000)
        assert forward["state"] == "listening" and forward["type"] == "local"
