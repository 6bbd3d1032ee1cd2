"""What a person is told when something fails, and that mending it is enough."""
from .lab import Lab, Tunnel
from .transfers import assert_echoes
from .tunneld import Outcome


def assert_error(
    outcome: Outcome, code: str, *words: str, hop: int = 0, of: int = 0, profile: str = "demo"
) -> None:
    """The error stands in the output: its stable code, the profile, the hop, a fix, and these words."""
    text = outcome.text
    assert f"error[{code}]:" in text, outcome
    assert f"profile: {profile}" in text, outcome
    if hop:
        assert f"hop {hop} of {of}" in text, outcome
    assert "  fix:  " in text, outcome
    for word in words:
        assert word in text, f"{word!r} is missing:\n{outcome}"


def assert_works_after_mending(lab: Lab, tunnel: Tunnel, pid: int) -> None:
    """The same daemon brings the profile up (it echoes) as if nothing had been."""
    tunnel.up()
    assert_echoes(tunnel)
    assert lab.tunneld.pid == pid
