"""The rows as people and programs read them: RESULTS.md and results.json."""
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from support.openssh_client import CIPHER, KEY_EXCHANGE

from .measure import Row

# By part: when it was measured, how long that took, and of what.
Runs = dict[str, dict[str, Any]]

FOLDER = Path(__file__).parent
JSON_FILE = FOLDER / "results.json"
TABLE_FILE = FOLDER / "RESULTS.md"
TOOLS = ("tunneld", "ssh", "ssh default", "dbclient", "direct")
HEAD = ["part", "what", *TOOLS, "tunneld / ssh", "/ ssh default", "wanted", "holds", "of"]
TEXT = f"""# tunneld and OpenSSH's client, side by side

Made by `tests/bench/run`. The tools stand over the same sshd servers on one machine (for throughput and small queries
over several sets of them) and are measured in turn; each figure is the median of as many measurements as the column `of`
says (`direct`: 3 for small queries, 1 over a long link; of `mixed` for all numbers of hops the same). Only the ratios mean
something on another machine.

- `ssh`: `ssh -N -L ... -J ...` with the algorithms that tunneld asks for first ({CIPHER},
  {KEY_EXCHANGE}), so that tools are compared and not ciphers
- `ssh default`: the same with the algorithms it prefers itself
- `dbclient`: `dbclient -N -L ...` over one hop, with the cipher and the window that it prefers; the servers offer it no
  compression, which it would ask for
- `direct`: without any tunnel, the limit
- `wanted` bounds the ratio to `ssh`, or where it says "itself" tunneld's own figure; what `holds` only against
  `ssh default` is marked so
- `wan-tcp`: TCP from end to end, where in `wan-20ms` and `wan-100ms` a relay ends it. The server's kernel holds then what it
  sends until we acknowledge it: by default up to 4 MiB of its memory (the last number of net.ipv4.tcp_wmem), which limits
  every download over a link of 100 ms to 28 MB/s. `wan-tcp-buffers`: with 64 MiB. Our kernel takes in up to 32 MiB
  (net.ipv4.tcp_rmem); where it allows less, that is the limit. `direct` is none here: it begins a connection for each
  measurement, with TCP's slow start, and the tunnels' connections stand
- `work-conserving`: everything under SCHED_RR, which lets no processor idle while a process waits. The kernel's usual
  scheduler may, and which tool that costs more depends on the machine.
"""


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(row: Row) -> list[str]:
    ratios = [f"{ratio:.3g}" if ratio is not None else "" for ratio in (row.ratio, row.ratio_to("ssh default"))]
    verdict = {True: "yes", False: "**no**", None: ""}[row.holds]
    if row.holds is False and row.bounds == "ratio" and row.holds_against("ssh default"):
        verdict += ", against the default yes"
    wanted = f"itself {row.wanted}" if row.bounds == "figure" and row.wanted else row.wanted
    values = [number(row.medians[tool]) if tool in row.medians else "" for tool in TOOLS]
    return [row.part, f"{row.what}, {row.unit}", *values, *ratios, wanted, verdict, str(row.repetitions)]


def line(row: Row) -> str:
    """For the terminal, as soon as the row is there."""
    named = [f"{tool} {number(row.medians[tool])}" for tool in TOOLS if tool in row.medians]
    ratio, _, wanted, verdict = cells(row)[-5:-1]
    shown = [f"{row.part}: {row.what}, {row.unit}:", *named, f"ratio {ratio}" if ratio else ""]
    if verdict:
        shown.append(f"(wanted {wanted}: {verdict.replace('*', '')})")
    return "  ".join(filter(None, shown))


def table(rows: list[Row], runs: Runs) -> str:
    lines = [
        TEXT,
        "| " + " | ".join(HEAD) + " |",
        "|" + "---|" * len(HEAD),
        *("| " + " | ".join(cells(row)) + " |" for row in rows),
        "",
    ]
    together: dict[str, list[str]] = {}
    for part, run in runs.items():
        measured = f"Measured on {run['date']}: {'; '.join(run['of'].values())}"
        together.setdefault(measured, []).append(f"{part} {run['seconds']} s")
    lines += [f"- {measured}: {', '.join(parts)}." for measured, parts in together.items()]
    return "\n".join(lines) + "\n"


def _earlier() -> dict[str, Any]:
    return json.loads(JSON_FILE.read_text()) if JSON_FILE.exists() else {}


def earlier() -> list[Row]:
    return [Row(**row) for row in _earlier().get("rows", [])]


def earlier_runs() -> Runs:
    return _earlier().get("runs", {})


def write(rows: list[Row], runs: Runs) -> None:
    document = {"schema": 2, "runs": runs, "rows": [asdict(row) for row in rows]}
    JSON_FILE.write_text(json.dumps(document, indent=1) + "\n")
    TABLE_FILE.write_text(table(rows, runs))
