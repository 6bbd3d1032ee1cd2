"""Bytes changed on the way: the session ends, and no wrong byte is ever delivered."""
import pytest
from support import targets
from support.lab import Lab
from support.scale import MB, scaled
from support.stream import pattern_bytes
from support.transfers import echoes
from support.wait import wait_until

CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"]
FLIPS = scaled(normal=10, small=3)


@pytest.mark.sanitized
@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_bit_flipped_on_the_wire_ends_the_session_with_no_wrong_byte(lab: Lab, cipher: str) -> None:
    server = lab.sshd()
    lab.hosts["bastion"]["ciphers"] = [cipher]
    relay = lab.relay_before(server)
    count = 5 * MB
    tunnel = lab.profile(
        "demo",
        [server],
        {"bulk": lab.target(targets.source(count)), "echo": lab.target(targets.echo)},
        reconnect={"initial_delay": "50ms"},
    )
    tunnel.ports = {"echo": tunnel.ports["echo"], "bulk": tunnel.ports["bulk"]}
    tunnel.up()
    expected = pattern_bytes(count)
    for number in range(FLIPS):
        session = tunnel.status()["hops"][0]["session"]
        received = bytearray()
        relay.flip_bit("down", 1000 + number * 300_007)  # all may have passed a moment after connect()
        cut = False
        try:
            with tunnel.connect("bulk") as client:  # which may be cut before connect() returns
                while piece := client.recv(1 << 20):
                    received += piece
        except ConnectionError:
            cut = True
        assert received == expected[: len(received)]
        # The first comes together with the server's answer: the client is served by the next session then, and whole.
        assert cut or (number == 0 and len(received) == count), "the flipped bit went unseen"
        wait_until(lambda: echoes(tunnel), 10, "the chain is rebuilt")
        assert tunnel.status()["hops"][0]["session"] != session
