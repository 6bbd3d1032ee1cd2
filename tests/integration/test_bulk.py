"""Much of everything: bytes over many rekeys, connections one by one and at once."""
import hashlib
import socket
import threading

import pytest
from support import targets
from support.lab import Lab
from support.scale import MB, scaled
from support.stream import pattern_bytes, receive_all, receive_exactly
from support.transfers import assert_moves_both_ways
from support.wait import wait_until

REKEY_BYTES = scaled(normal=500 * MB, small=150 * MB, full=2_500 * MB)
SEQUENTIAL = {1: scaled(normal=2_000, small=500), 2: scaled(normal=5_000, small=1_000, full=20_000)}
AT_ONCE = scaled(normal=500, small=200)


@pytest.mark.limit(240)
@pytest.mark.sanitized
def test_gigabytes_each_way_through_two_hops_survive_a_rekey_every_16_mb(lab: Lab) -> None:
    tunnel = lab.profile(
        "demo", lab.chain(2, ["RekeyLimit 16M"]), {"bulk": lab.target(targets.both_ways(REKEY_BYTES))}
    )
    tunnel.up()
    assert_moves_both_ways(tunnel, REKEY_BYTES)
    assert tunnel.status()["reconnects"] == 0


# OpenSSH's own client needs a minute for 20 MB at the first of these.
@pytest.mark.parametrize("limit, count", [("256K", 3 * MB), ("1M", 40 * MB)])
def test_very_frequent_rekeys_lose_nothing(lab: Lab, limit: str, count: int) -> None:
    tunnel = lab.profile(
        "demo", lab.chain(2, [f"RekeyLimit {limit}"]), {"bulk": lab.target(targets.both_ways(count))}
    )
    tunnel.up()
    assert_moves_both_ways(tunnel, count)
    assert tunnel.status()["reconnects"] == 0


@pytest.mark.limit(240)
@pytest.mark.sanitized
# One hop alone answers so fast that the next channel is confirmed while the one before it is being closed.
@pytest.mark.parametrize("hops", [1, 2])
def test_thousands_of_connections_one_after_another_all_work_and_leave_no_descriptor(lab: Lab, hops: int) -> None:
    tunnel = lab.profile("demo", lab.chain(hops), {"echo": lab.target(targets.echo)})
    tunnel.up()
    before = lab.tunneld.descriptors()
    for number in range(SEQUENTIAL[hops]):
        message = number.to_bytes(8, "big")
        with tunnel.connect() as client:
            client.sendall(message)
            assert receive_exactly(client, 8) == message
    wait_until(lambda: lab.tunneld.descriptors() <= before, 10, f"descriptors are back to {before}")
    assert tunnel.status()["forwards"][0]["total"] == SEQUENTIAL[hops]


@pytest.mark.sanitized
def test_500_connections_at_once_all_work_and_leave_no_descriptor(lab: Lab) -> None:
    target = lab.target(targets.digest_of_request)
    tunnel = lab.profile("demo", lab.chain(2), {"digest": target})
    tunnel.up()
    before = lab.tunneld.descriptors()
    request = pattern_bytes(100_000)
    clients = [tunnel.connect() for _ in range(AT_ONCE)]
    wait_until(lambda: target.open_connections == AT_ONCE, 20, "all connections stand at once")
    for number, client in enumerate(clients):
        client.sendall(number.to_bytes(8, "big"))
    senders = [threading.Thread(target=_send_rest, args=(client, request), daemon=True) for client in clients]
    for sender in senders:
        sender.start()
    for number, client in enumerate(clients):
        expected = hashlib.sha256(number.to_bytes(8, "big") + request).hexdigest()
        assert receive_all(client).decode() == expected
        client.close()
    tunnel.wait_until_clients_are_gone(before, 10)


def _send_rest(client: socket.socket, request: bytes) -> None:
    client.sendall(request)
    client.shutdown(socket.SHUT_WR)


def test_a_connection_over_the_limit_is_reset_and_the_others_live(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd()], {"echo": lab.target(targets.echo)}, max_connections=10)
    tunnel.up()
    clients = [tunnel.connect() for _ in range(10)]
    for client in clients:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    with pytest.raises(ConnectionError), tunnel.connect() as one_more:
        one_more.sendall(b"x")
        assert one_more.recv(1) != b"", "closed without a reset"
    for client in clients:
        client.sendall(b"y")
        assert client.recv(1) == b"y"
        client.close()
