"""Waiting for something without guessing how long it takes."""
import time
from typing import Callable, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.01  # the shortest pause


def wait_until(condition: Callable[[], T], within: float = 10, what: str = "") -> T:
    """Polls until `condition` gives something true, and returns it; AssertionError after `within` seconds.

    `what` completes the sentence "never came true: ...".
    """
    deadline = time.monotonic() + within
    while True:
        asked = time.monotonic()
        value = condition()
        now = time.monotonic()
        if value:
            return value
        if now >= deadline:
            raise AssertionError(f"never came true within {within} s: {what or condition}; last: {value!r}")
        time.sleep(max(POLL_SECONDS, min(now - asked, deadline - now)))  # leaves half of a processor to what is waited for


def wait_until_steady(value: Callable[[], float], for_seconds: float = 1, within: float = 30) -> float:
    """Polls until the value has not grown for a while, and returns it: a stream has come to a stand."""
    best, since, deadline = value(), time.monotonic(), time.monotonic() + within
    while time.monotonic() - since < for_seconds:
        assert time.monotonic() < deadline, f"still growing after {within} s: {best}"
        time.sleep(POLL_SECONDS)
        if (now := value()) > best:
            best, since = now, time.monotonic()
    return best


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started
