"""Chains of every length and kind: the bytes arrive whole, and each hop is entered with its own key."""
import pytest
from support import targets
from support.keys import certify_user
from support.lab import Lab
from support.scale import MB, patience, scaled
from support.sshd import USER
from support.transfers import assert_echoes, assert_moves_both_ways
from support.wait import wait_until

BULK = scaled(normal=100 * MB, small=20 * MB)


@pytest.mark.sanitized
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_chain_moves_100_mb_each_way_whole_with_a_key_of_its_own_for_each_hop(
    lab: Lab, length: int
) -> None:
    hops = lab.chain(length)
    tunnel = lab.profile("demo", hops, {"bulk": lab.target(targets.both_ways(BULK))})
    tunnel.up()
    assert_moves_both_ways(tunnel, BULK)
    status = tunnel.status()
    assert [hop["name"] for hop in status["hops"]] == [hop.name for hop in hops]
    assert {hop["state"] for hop in status["hops"]} == {"ready"}
    for hop in hops:
        assert f"Accepted publickey for {USER}" in hop.log()
        assert lab.keys[hop.name].fingerprint in hop.log()


@pytest.mark.sanitized
def test_dropbear_is_a_bastion(lab: Lab) -> None:
    hops = [lab.dropbear(), lab.sshd("inner")]
    tunnel = lab.profile("demo", hops, {"bulk": lab.target(targets.both_ways(BULK))})
    tunnel.up()
    assert_moves_both_ways(tunnel, BULK)


def test_dropbear_is_the_last_hop(lab: Lab) -> None:
    tunnel = lab.profile("demo", [lab.sshd(), lab.dropbear()], {"bulk": lab.target(targets.both_ways(BULK))})
    tunnel.up()
    assert_moves_both_ways(tunnel, BULK)


@pytest.mark.limit(120)
@pytest.mark.parametrize("place", ["first", "last"])
def test_asyncssh_is_a_hop(lab: Lab, place: str) -> None:
    hops = [lab.asyncssh(), lab.sshd()]
    count = scaled(normal=100 * MB, small=5 * MB)
    tunnel = lab.profile(
        "demo", hops if place == "first" else hops[::-1], {"bulk": lab.target(targets.both_ways(count))}
    )
    tunnel.up()
    assert_moves_both_ways(tunnel, count)


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", ["sshd", "dropbear", "asyncssh"])
def test_every_server_answers_keepalives_and_none_ends_the_session_over_them(lab: Lab, kind: str) -> None:
    server = getattr(lab, kind)()
    lab.hosts[server.name] |= {"server_alive_interval": "1s"}
    relay = lab.relay_before(server)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    seen = set()

    def answered() -> bool:
        seen.add(relay.passed["down"])
        return len(seen) >= 4

    wait_until(answered, patience(15), "three keepalives were answered")
    assert tunnel.status()["reconnects"] == 0
    assert tunnel.status()["hops"][0]["rtt_ms"] is not None
    assert_echoes(tunnel)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_each_kind_of_user_key_and_host_key_works(lab: Lab, kind: str) -> None:
    server = lab.sshd(host_key_types=(kind,))
    key = lab.key("id_other", kind)
    server.authorized_keys.write_text("")
    server.authorize(key)
    lab.hosts["bastion"]["identity_file"] = str(key.path)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    assert_echoes(tunnel)


@pytest.mark.parametrize("place", ["named", "beside the key"])
def test_a_certificate_opens_a_hop_that_knows_only_the_authority(lab: Lab, place: str) -> None:
    authority = lab.key("authority")
    server = lab.sshd(options=[f"TrustedUserCAKeys {authority.public_path}"])
    server.forbid_all()
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.fails(7)
    certificate = certify_user(authority, lab.keys["bastion"], USER)
    if place == "named":
        certificate = certificate.rename(lab.folder / "bastion-cert.pub")
        lab.hosts["bastion"]["certificate_file"] = str(certificate)
        lab.save()
    assert certificate.name in tunnel.up().text
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_the_agent_of_the_caller_opens_a_hop(lab: Lab) -> None:
    server = lab.sshd()
    agent = lab.agent(lab.keys["bastion"])
    for name in ("identity_file", "identities_only"):
        del lab.hosts["bastion"][name]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    lab.tunneld.fails(7, "up", "demo")
    lab.tunneld.up("demo", environment={"SSH_AUTH_SOCK": str(agent.socket)})
    assert_echoes(tunnel)


@pytest.mark.sanitized
def test_a_caller_without_an_agent_takes_none_away_and_none_is_held_after_the_log_in(lab: Lab) -> None:
    server = lab.sshd()
    agent = lab.slow_agent(lab.agent(lab.keys["bastion"]), 0)
    for name in ("identity_file", "identities_only"):
        del lab.hosts["bastion"][name]
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", environment={"SSH_AUTH_SOCK": str(agent.socket)})
    assert agent.signatures == 1
    wait_until(lambda: agent.clients == 0, 5, "the agent's connection is closed")
    lab.tunneld.ok("exec", "demo", "--", "true")
    gone = {"SSH_AUTH_SOCK": str(lab.folder / "gone")}
    lab.tunneld.ok("exec", "demo", "--", "true", environment=gone)  # nor does exec with another one
    tunnel.up()
    before = tunnel.sessions()
    server.kill_sessions()
    wait_until(lambda: tunnel.status()["state"] == "up" and tunnel.sessions() != before, patience(10), "it is back")
    assert_echoes(tunnel)


def test_the_agent_that_the_host_names_opens_a_hop(lab: Lab) -> None:
    server = lab.sshd()
    agent = lab.agent(lab.keys["bastion"])
    for name in ("identity_file", "identities_only"):
        del lab.hosts["bastion"][name]
    lab.hosts["bastion"]["identity_agent"] = str(agent.socket)
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    assert_echoes(tunnel)


def test_identities_only_keeps_the_agents_other_keys_back(lab: Lab) -> None:
    server = lab.sshd(options=["MaxAuthTries 3"])
    agent = lab.agent(*(lab.key(f"other{number}") for number in range(5)), lab.keys["bastion"])
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    lab.tunneld.up("demo", environment={"SSH_AUTH_SOCK": str(agent.socket)})
    assert_echoes(tunnel)
    assert "Failed publickey" not in server.log()


def test_no_agent_is_forwarded_and_unasked_channels_are_refused(lab: Lab) -> None:
    server = lab.asyncssh(behaviour="unasked")
    tunnel = lab.profile("demo", [server], {"echo": lab.target(targets.echo)})
    tunnel.up()
    assert_echoes(tunnel)
    for kind in ("forwarded-tcpip", "auth-agent", "x11"):
        wait_until(
            lambda: f"unasked {kind}: refused" in server.log(), 5, f"{kind} is refused: {server.log()}"
        )
    assert ": accepted" not in server.log()
