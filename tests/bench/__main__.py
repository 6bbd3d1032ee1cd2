"""Runs parts, prints each row as soon as it is there, and writes them down. Parts that are not run keep their rows."""
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from support.openssh_client import CIPHER
from support.tunneld import binary

from .measure import REPETITIONS, Row
from .parts import PARTS, WAN_REPETITIONS

FOLDER = Path(__file__).parent
JSON_FILE = FOLDER / "results.json"
TABLE_FILE = FOLDER / "RESULTS.md"


def _versions() -> dict[str, str]:
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.strip()
    tunneld = subprocess.run([binary(), "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return {"tunneld": tunneld, "ssh": ssh}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _cells(row: Row) -> list[str]:
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    verdict = {True: "yes", False: "**no**", None: ""}[row.holds]
    values = [_number(row.medians[tool]) if tool in row.medians else "" for tool in ("tunneld", "ssh", "direct")]
    return [row.part, f"{row.what}, {row.unit}", *values, ratio, row.wanted, verdict]


def _table(rows: list[Row], versions: dict[str, str]) -> str:
    head = ["part", "what", "tunneld", "ssh", "direct", "tunneld / ssh", "wanted", "holds"]
    lines = [
        "# tunneld and OpenSSH's client, side by side",
        "",
        "Made by `tests/bench/run`. Both tools stand over the same sshd servers on one machine and are measured in turn;",
        f"each figure is the median of {REPETITIONS} (wan: {WAN_REPETITIONS}). Only the ratios mean something on another machine. `ssh` is one",
        f"`ssh -N -L ... -J ...` with tunneld's cipher ({CIPHER}); `direct` is without any tunnel.",
        "",
        *(f"- {name}: {version}" for name, version in versions.items()),
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _earlier() -> list[Row]:
    if not JSON_FILE.exists():
        return []
    return [Row(**row) for row in json.loads(JSON_FILE.read_text())["rows"]]


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no such part: {' '.join(unknown)}; there are: {' '.join(PARTS)}", file=sys.stderr)
        return 2
    rows = {name: [row for row in _earlier() if row.part == name] for name in PARTS}
    for name in names or PARTS:
        begun = time.monotonic()
        rows[name] = []
        for row in PARTS[name]():
            rows[name].append(row)
            print("  ".join(cell for cell in _cells(row) if cell), flush=True)
        print(f"-- {name}: {time.monotonic() - begun:.0f} s", flush=True)
    every = [row for part in rows.values() for row in part]
    versions = _versions()
    JSON_FILE.write_text(
        json.dumps({"schema": 1, "versions": versions, "rows": [asdict(row) for row in every]}, indent=1) + "\n"
    )
    TABLE_FILE.write_text(_table(every, versions))
    return 0


sys.exit(main(sys.argv[1:]))
