"""Local addresses that cannot be listened on."""
import os
import socket
from pathlib import Path

import pytest
from support import targets
from support.expect import assert_error, assert_works_after_mending
from support.lab import Lab, Tunnel
from support.ports import answers
from support.transfers import assert_echoes
from support.wait import wait_until

FAILED = 1
PORT_TAKEN = 10
UNPRIVILEGED_START = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
# What lets root listen anywhere and write everywhere.
WITHOUT_PRIVILEGES = (
    ["setpriv", "--bounding-set=-net_bind_service,-dac_override,-dac_read_search", "--inh-caps=-all"]
    if os.getuid() == 0
    else []
)


def echo_tunnel(lab: Lab) -> Tunnel:
    return lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)})


def listen_on(lab: Lab, address: str) -> None:
    lab.profiles["demo"]["forwards"]["echo"]["listen"] = address
    lab.save()


@pytest.mark.sanitized
def test_a_taken_port_is_named_with_its_owner_and_free_again_it_works(lab: Lab) -> None:
    tunnel = echo_tunnel(lab)
    tunnel.up()
    lab.tunneld.ok("down", "demo")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", tunnel.port))
        squatter.listen()
        outcome = tunnel.fails(PORT_TAKEN)
        name = Path("/proc/self/comm").read_text().strip()
        assert_error(outcome, "E-PORT-IN-USE", f"127.0.0.1:{tunnel.port}", str(os.getpid()), name)
        assert "forward echo" in outcome.text, outcome
        assert "--port echo=N" in outcome.text, outcome
        tunnel.up("--port", "echo=0")  # not the one that it had
        lab.tunneld.ok("down", "demo")
    assert_works_after_mending(lab, tunnel, lab.tunneld.pid)


def test_a_port_that_the_system_chose_is_kept_unless_it_is_taken(lab: Lab) -> None:
    tunnel = echo_tunnel(lab)
    listen_on(lab, "127.0.0.1:0")

    def port_after_up() -> int:
        tunnel.up()
        return int(tunnel.status()["forwards"][0]["listen"].rpartition(":")[2])

    first = port_after_up()
    lab.tunneld.ok("down", "demo")
    assert port_after_up() == first
    lab.tunneld.ok("down", "demo")
    with socket.create_server(("127.0.0.1", first)):
        assert port_after_up() != first


def test_a_port_that_another_profile_holds_is_named(lab: Lab) -> None:
    tunnel = echo_tunnel(lab)
    tunnel.up()
    other = lab.profile("other", ["bastion"], {"further": lab.target(targets.echo)})
    lab.profiles["other"]["forwards"]["further"]["listen"] = f"127.0.0.1:{tunnel.port}"
    lab.save()
    outcome = other.fails(PORT_TAKEN)
    assert_error(outcome, "E-PORT-IN-USE", f"127.0.0.1:{tunnel.port}", str(lab.tunneld.pid), profile="other")
    assert "tunneld down demo" in outcome.text and "--port further=N" in outcome.text, outcome
    with socket.create_server(("127.0.0.2", tunnel.port)):
        lab.profiles["other"]["forwards"]["further"]["listen"] = f"127.0.0.2:{tunnel.port}"
        lab.save()
        outcome = other.fails(PORT_TAKEN)
        assert "tunneld down demo" not in outcome.text and str(os.getpid()) in outcome.text, outcome
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_an_address_of_another_machine(lab: Lab) -> None:
    tunnel = echo_tunnel(lab)
    listen_on(lab, f"192.0.2.1:{tunnel.port}")
    assert_error(tunnel.fails(FAILED), "E-ADDRESS-NOT-LOCAL", "192.0.2.1")
    pid = lab.tunneld.pid
    listen_on(lab, f"127.0.0.1:{tunnel.port}")
    assert_works_after_mending(lab, tunnel, pid)


def test_a_port_below_1024_without_permission(lab: Lab) -> None:
    """Where the system opens low ports to everyone (some containers), the same profile has to come up."""
    tunnel = echo_tunnel(lab)
    low = next(port for port in range(1023, 600, -1) if not answers(port))
    listen_on(lab, f"127.0.0.1:{low}")
    if UNPRIVILEGED_START > low:
        outcome = lab.tunneld.fails(FAILED, "up", "demo", prefix=WITHOUT_PRIVILEGES)
        assert_error(outcome, "E-PORT-PERMISSION", f"127.0.0.1:{low}", "1024")
    else:
        lab.tunneld.up("demo", prefix=WITHOUT_PRIVILEGES)
    pid = lab.tunneld.pid
    listen_on(lab, f"127.0.0.1:{tunnel.port}")
    assert_works_after_mending(lab, tunnel, pid)


def test_a_unix_path_in_a_folder_that_may_not_be_written(lab: Lab) -> None:
    tunnel = echo_tunnel(lab)
    folder = lab.folder / "locked"
    folder.mkdir(mode=0o500)
    listen_on(lab, f"unix:{folder}/echo.sock")
    outcome = lab.tunneld.fails(FAILED, "up", "demo", prefix=WITHOUT_PRIVILEGES)
    assert_error(outcome, "E-PORT-PERMISSION", f"{folder}/echo.sock")
    pid = lab.tunneld.pid
    listen_on(lab, f"127.0.0.1:{tunnel.port}")
    assert_works_after_mending(lab, tunnel, pid)


def test_a_failed_profile_leaves_nothing_behind(lab: Lab) -> None:
    """Two forwards, one address taken: the other is not left listening, nor is the chain left standing."""
    server = lab.sshd()
    echo = lab.target(targets.echo)
    tunnel = lab.profile("demo", [server], {"one": echo, "two": echo})
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", tunnel.ports["two"]))
        squatter.listen()
        tunnel.fails(PORT_TAKEN)
    assert not answers(tunnel.ports["one"])
    assert lab.tunneld.ps()["profiles"] == []
    wait_until(lambda: server.sessions() == 0, 5, "no session is left at the bastion")
