"""Waiting for something without guessing how long it takes."""
import time
from typing import Callable, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.01


def wait_until(condition: Callable[[], T], within: float = 10, what: str = "") -> T:
    """Polls until `condition` gives something true, and returns it; AssertionError after `within` seconds.

    `what` completes the sentence "never came true: ...".
    """
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"never came true within {within} s: {what or condition}; last: {value!r}")
        time.sleep(POLL_SECONDS)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
