"""Who on this machine may use a listener."""
import os
import subprocess

import pytest
from support import targets
from support.lab import Lab
from support.transfers import assert_echoes, echoes, end_of_new_client
from support.wait import wait_until

NOBODY = "65534"
CLIENT = """
import socket, sys
client = socket.socket()
client.settimeout(20)
try:
    client.connect(("127.0.0.1", int(sys.argv[1])))
    client.sendall(b"x")
    print("answered" if client.recv(1) == b"x" else "ended")
except ConnectionResetError:
    print("reset")
"""


def as_nobody(port: int) -> str:
    """What a client under another user meets."""
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    done = subprocess.run(
        [
            *sudo,
            "setpriv",
            f"--reuid={NOBODY}",
            f"--regid={NOBODY}",
            "--clear-groups",
            "/usr/bin/python3",
            "-c",
            CLIENT,
            str(port),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.sanitized
def test_a_client_of_another_user_is_reset_and_never_reaches_the_target(lab: Lab) -> None:
    target = lab.target(targets.echo)
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": target})
    tunnel.up()
    assert as_nobody(tunnel.port) == "reset"
    assert target.accepted == 0
    assert_echoes(tunnel)
    wait_until(
        lambda: lab.tunneld.last_error("demo")["code"] == "E-PEER-NOT-ALLOWED", 2, "status tells of it"
    )


def test_a_client_of_another_user_is_reset_while_the_chain_is_down_too(lab: Lab) -> None:
    server = lab.sshd()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    server.kill()
    wait_until(lambda: tunnel.status()["state"] == "backing_off", 5, "the loss is seen")
    assert as_nobody(tunnel.port) == "reset"


@pytest.mark.parametrize("access", ["any", ["nobody"]])
def test_access_lets_others_in_when_the_profile_says_so(lab: Lab, access: str | list[str]) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}, access=access)
    tunnel.up()
    assert as_nobody(tunnel.port) == "answered"
    assert_echoes(tunnel)


def test_such_a_client_is_told_of_while_the_profile_waits_for_its_first_client(lab: Lab) -> None:
    """Also after an error of the chain, which has been mended since."""
    server = lab.sshd(start=False)
    tunnel = lab.profile(
        "demo", [server], {"echo": lab.target(targets.echo)}, on_demand=True, idle_timeout="1s", hold_timeout="1s"
    )
    tunnel.up()
    end_of_new_client(tunnel, 3)
    assert lab.tunneld.last_error("demo")["code"] == "E-CONNECTION-REFUSED"
    server.start()
    wait_until(lambda: echoes(tunnel), 10, "it serves")
    wait_until(lambda: server.sessions() == 0, 5, "the chain is closed for want of clients")
    assert tunnel.status()["state"] == "up"
    assert as_nobody(tunnel.port) == "reset"
    assert lab.tunneld.last_error("demo")["code"] == "E-PEER-NOT-ALLOWED"
