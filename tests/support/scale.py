"""How much the tests move. TUNNELD_TEST_SCALE: small (sanitizers), normal (the default), full (by hand)."""
import os
from typing import TypeVar

T = TypeVar("T")
SCALES = ("small", "normal", "full")
SCALE = os.environ.get("TUNNELD_TEST_SCALE", "normal")
MB = 1_000_000
MIB = 1 << 20


def scaled(normal: T, small: T, full: T | None = None) -> T:
    """The figure for this run; `full` is `normal` where a longer run would show nothing more."""
    assert SCALE in SCALES, f"TUNNELD_TEST_SCALE={SCALE}: known are {', '.join(SCALES)}"
    if SCALE == "small":
        return small
    return full if SCALE == "full" and full is not None else normal


def patience(seconds: float) -> float:
    """A time limit that is no pass figure of its own: sanitized code gets four times as long."""
    return seconds * (4 if SCALE == "small" else 1)
