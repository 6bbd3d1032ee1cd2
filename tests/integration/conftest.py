"""Fixtures of the integration tests: each test its own lab, a time limit for each, no leftovers after any."""
import fcntl
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from support.lab import Lab
from support.scale import patience
from support.terminal import Open, Terminal
from support.tunneld import Tunneld, binary

DEFAULT_LIMIT_SECONDS = 60
REPORTS = os.environ.get("TUNNELD_SANITIZER_REPORTS", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that must run alone come last, so that no process waits for them with others still to run."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with open(__file__) as lock:  # shared by the test processes that run side by side
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        with _limited(item):
            yield


@contextmanager
def _limited(item: pytest.Item) -> Iterator[None]:
    marker = item.get_closest_marker("limit")
    seconds = patience(marker.args[0] if marker else DEFAULT_LIMIT_SECONDS)

    def expired(*_: object) -> None:
        raise AssertionError(f"the test's limit of {seconds:.0f} s has passed")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(int(seconds))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.when == "call" and report.failed and lab is not None:
        report.sections.append(("the lab's logs", lab.logs()))


def _sanitizer_reports() -> set[Path]:
    return set(Path(REPORTS).iterdir()) if REPORTS else set()


@pytest.fixture
def lab() -> Iterator[Lab]:
    before = _sanitizer_reports()
    lab = Lab()
    try:
        yield lab
    finally:
        lab.close()
        fresh = _sanitizer_reports() - before
        assert not fresh, "\n".join(path.read_text(errors="replace") for path in sorted(fresh))


@pytest.fixture
def tunneld(lab: Lab) -> Tunneld:
    return lab.tunneld


@pytest.fixture
def terminal(lab: Lab) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_terminal(*args: str, **environment: str) -> Terminal:
        opened.append(Terminal([binary(), *args], lab.tunneld.environment | {"TERM": "xterm"} | environment))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
