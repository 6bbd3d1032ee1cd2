"""What a server sends last counts, however close behind it the end follows. The daemon is stopped meanwhile, so that it
finds everything at once."""
import signal
import socket
from typing import Callable

import pytest
from support import proc, targets
from support.lab import Lab
from support.process import children_of, descendants_of, send_signal
from support.stream import receive_all
from support.wait import wait_until, wait_until_steady

REPLY = b"x" * 20_000


def _while_stopped(lab: Lab, port: int, do: Callable[[], None]) -> None:
    """`port`: of the server whose words are to wait, unread, in the daemon's socket."""
    pid = lab.tunneld.pid
    send_signal(pid, signal.SIGSTOP)
    try:
        do()
        wait_until_steady(lambda: proc.unread_bytes(port))
    finally:
        send_signal(pid, signal.SIGCONT)


@pytest.mark.sanitized
@pytest.mark.parametrize("hops", [1, 2])
def test_a_reply_that_comes_together_with_the_end_of_its_session_arrives_whole(lab: Lab, hops: int) -> None:
    chain = lab.chain(hops)
    with socket.create_server(("127.0.0.1", 0)) as target:
        tunnel = lab.profile("demo", chain, {"target": f"127.0.0.1:{target.getsockname()[1]}"})
        tunnel.up()
        with tunnel.connect() as client:
            served, _ = target.accept()
            client.shutdown(socket.SHUT_WR)
            assert served.recv(1) == b""

            def reply_and_die() -> None:
                sessions = descendants_of(chain[-1].pid)
                with served:
                    served.sendall(REPLY)
                wait_until(lambda: proc.unread_bytes(chain[0].port) > len(REPLY), 5, "the reply waits")
                wait_until_steady(lambda: proc.unread_bytes(chain[0].port))
                for pid in sessions:
                    send_signal(pid, signal.SIGKILL)
                wait_until(lambda: children_of(chain[-1].pid) == [], 5, "the last hop's sessions are gone")

            _while_stopped(lab, chain[0].port, reply_and_die)
            assert receive_all(client) == REPLY


@pytest.mark.sanitized
def test_a_reset_does_not_hide_what_the_server_said_before_it(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        bastion = lab.sshd("bastion")
        lab.hosts["bastion"]["port"] = port = server.getsockname()[1]
        lab.profile("demo", [bastion], {"echo": lab.target(targets.echo)})
        lab.tunneld.ok("daemon")
        up = lab.tunneld.start("up", "demo")
        connection, _ = server.accept()

        def speak_and_reset() -> None:
            # A socket that is closed with something unread resets the connection: our identification, in this case.
            wait_until(lambda: connection.recv(1, socket.MSG_PEEK) != b"", 5, "its identification has come")
            connection.sendall(b"Exceeded MaxStartups\r\n")
            connection.close()

        wait_until(lambda: connection.recv(1, socket.MSG_PEEK) != b"", 5, "its identification has come")
        _while_stopped(lab, port, speak_and_reset)
        out, err = up.communicate(timeout=30)
        assert up.returncode == 9, err
        assert "it said: Exceeded MaxStartups" in err
