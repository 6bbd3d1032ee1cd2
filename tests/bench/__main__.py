"""Runs parts, prints each row as soon as it is there, and writes them down. Parts that are not run, or fail, keep
the rows that they had."""
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
import traceback
from contextlib import closing, contextmanager
from datetime import date
from typing import Any, Iterator

from support.tunneld import binary

from . import report
from .measure import Row, Unavailable
from .parts import PARTS

PROMISED_SECONDS = 60
LIMIT_SECONDS = 240  # a part that hangs has failed
MOST_SAID = 6000  # characters of a failure; it may come with whole logs


def _versions() -> dict[str, str]:
    def said(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        return next(iter((done.stdout + done.stderr).splitlines()), "").strip()

    def commit() -> str:
        try:
            done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
        except FileNotFoundError:
            return "unknown"
        return done.stdout.strip() or "unknown"

    def library(name: str) -> str:
        done = subprocess.run(["ldd", binary()], capture_output=True, text=True)
        found = re.search(rf"{name}\.so\S* => (\S+)", done.stdout)
        return os.path.basename(os.path.realpath(found[1])) if found else ""

    return {
        "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} processors",
        "tunneld": f"{said(binary(), '--version')}, commit {commit()}, {library('libssh')}",
        "ssh": said("ssh", "-V"),
        "dbclient": said("dbclient", "-V"),
    }


def _prepare() -> None:
    """The first Ctrl-C or SIGTERM unwinds, and so ends whatever was started; more of them do not disturb that. The
    servers inherit as many descriptors as may be had."""

    def unwind(number: int, _: Any) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, unwind)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _limited(name: str) -> Iterator[None]:
    def expired(*_: Any) -> None:
        raise TimeoutError(f"{name} has not ended within {LIMIT_SECONDS} s")

    handler, left = signal.signal(signal.SIGALRM, expired), signal.alarm(LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(left)
        signal.signal(signal.SIGALRM, handler)


def _measure(name: str) -> tuple[list[Row], float]:
    """And how many seconds it has taken."""
    begun, rows = time.monotonic(), []
    with _limited(name), closing(PARTS[name]()) as part:
        for row in part:
            rows.append(row)
            print(report.line(row), flush=True)
    seconds = time.monotonic() - begun
    late = f", more than the {PROMISED_SECONDS} s it may take" if seconds > PROMISED_SECONDS else ""
    print(f"-- {name}: {seconds:.0f} s{late}", flush=True)
    return rows, seconds


def _selected(name: str) -> list[str]:
    """`wan` is all that there is of it."""
    return [part for part in PARTS if part == name or part.startswith(name + "-")]


def main(names: list[str]) -> int:
    unknown = [name for name in names if not _selected(name)]
    if unknown:
        print(f"no such part: {' '.join(unknown)}; there are: {' '.join(PARTS)}", file=sys.stderr)
        return 2
    _prepare()
    rows = {name: [row for row in report.earlier() if row.part == name] for name in PARTS}
    versions, runs, failed = _versions(), report.earlier_runs(), []
    for name in [part for each in names for part in _selected(each)] or PARTS:
        try:
            rows[name], seconds = _measure(name)
            runs[name] = {"date": date.today().isoformat(), "seconds": round(seconds), "of": versions}
        except Unavailable as reason:
            print(f"-- {name}: not measured, its earlier rows stay: {reason}", flush=True)
        except Exception as error:
            print("".join(traceback.format_exception(error))[:MOST_SAID], file=sys.stderr)
            print(f"-- {name}: FAILED, its earlier rows stay", flush=True)
            failed.append(name)
        shown = [part for part in PARTS if rows[part]]
        report.write(
            [row for part in shown for row in rows[part]], {part: runs[part] for part in shown if part in runs}
        )
    if failed:
        print(f"FAILED: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
