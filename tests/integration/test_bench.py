"""The benchmark's own machinery: figures are worth nothing if turns, medians or verdicts are wrong."""
from dataclasses import dataclass, replace

import pytest
from bench import __main__ as bench
from bench import report
from bench.measure import Row, Unavailable, percentile, take_turns
from bench.parts import PARTS

ROW = Row("part", "what", "ms", {"tunneld": 2.0, "ssh": 8.0, "direct": 1.0})


@dataclass
class Clock:
    """A subject that shows another time at each look."""

    name: str
    shown: list[float]


def test_the_tools_take_turns_and_the_first_round_does_not_count() -> None:
    looked: list[str] = []

    def look(clock: Clock) -> dict[str, float]:
        looked.append(clock.name)
        return {"ms": clock.shown.pop(0)}

    clocks = [Clock("a", [99, 3, 1, 2]), Clock("b", [99, 6, 5, 40])]
    assert take_turns(clocks, look, repetitions=3) == {"ms": {"a": 2, "b": 6}}
    assert looked == ["a", "b"] * 4


def test_without_a_warm_up_every_round_counts() -> None:
    clock = Clock("a", [1, 3])
    assert take_turns([clock], lambda each: {"ms": each.shown.pop(0)}, 2, warm_up=False) == {"ms": {"a": 2}}


@pytest.mark.parametrize(
    "wanted, bounds, holds",
    [
        ("<= 0.25", "ratio", True),
        ("<= 0.2", "ratio", False),
        (">= 0.25", "ratio", True),
        (">= 0.3", "ratio", False),
        ("<= 2", "figure", True),
        ("<= 1.9", "figure", False),
        (">= 2", "figure", True),
        ("", "ratio", None),
        ("", "figure", None),
    ],
)
def test_a_bound_is_on_the_ratio_or_on_the_figure_itself(wanted: str, bounds: str, holds: bool | None) -> None:
    assert replace(ROW, wanted=wanted, bounds=bounds).holds is holds


def test_nothing_to_compare_with_is_no_verdict() -> None:
    alone = replace(ROW, medians={"tunneld": 2.0}, wanted="<= 1")
    assert alone.ratio is None and alone.holds is None
    assert replace(alone, medians={"tunneld": 2.0, "ssh": 0.0}).ratio is None
    assert replace(alone, bounds="figure").holds is False


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(200, 0, -1)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 100, 198, 200]
    assert percentile([7.0], 99) == 7


def test_the_table_has_a_cell_for_each_column() -> None:
    row = replace(ROW, wanted="<= 1", bounds="figure")
    assert len(report.cells(row)) == len(report.HEAD)
    assert "| part | what, ms | 2 | 8 |  |  | 1 | 0.25 |  | itself <= 1 | **no** | 5 |" in report.table([row], {})


def test_a_part_that_fails_is_named_keeps_its_rows_and_does_not_stop_the_others(monkeypatch, capsys) -> None:
    ended: list[str] = []

    def broken():
        try:
            yield ROW
            raise AssertionError("the echo has gone")
        finally:
            ended.append("broken")

    fresh, old = replace(ROW, part="good"), replace(ROW, part="broken", unit="s")
    written: list[list[Row]] = []
    monkeypatch.setattr(bench, "PARTS", {"broken": broken, "good": lambda: (row for row in [fresh])})
    monkeypatch.setattr(bench, "_versions", dict)
    monkeypatch.setattr(bench, "_prepare", lambda: None)
    monkeypatch.setattr(report, "earlier", lambda: [old, replace(fresh, unit="s")])
    monkeypatch.setattr(report, "write", lambda rows, runs: written.append(rows))
    assert bench.main([]) == 1
    assert written[-1] == [old, fresh] and ended == ["broken"]
    assert "FAILED: broken" in capsys.readouterr().err


def test_a_part_that_cannot_be_measured_here_says_why_and_keeps_its_rows(monkeypatch, capsys) -> None:
    def barred():
        raise Unavailable("it is for root")
        yield ROW

    written: list[tuple[list[Row], report.Runs]] = []
    monkeypatch.setattr(bench, "PARTS", {"part": barred})
    monkeypatch.setattr(bench, "_versions", dict)
    monkeypatch.setattr(bench, "_prepare", lambda: None)
    monkeypatch.setattr(report, "earlier", lambda: [ROW])
    monkeypatch.setattr(report, "earlier_runs", lambda: {"part": {"date": "yesterday"}})
    monkeypatch.setattr(report, "write", lambda rows, runs: written.append((rows, runs)))
    assert bench.main([]) == 0
    assert written == [([ROW], {"part": {"date": "yesterday"}})]
    assert "part: not measured, its earlier rows stay: it is for root" in capsys.readouterr().out


def test_the_table_tells_when_and_of_what_a_part_was_measured() -> None:
    run = {"date": "2026-01-02", "seconds": 7, "of": {"tunneld": "tunneld 1", "ssh": "OpenSSH 9"}}
    runs = {"part": run, "other": {**run, "seconds": 8}, "old": {**run, "date": "2025-01-02"}}
    text = report.table([ROW], runs)
    assert "- Measured on 2026-01-02: tunneld 1; OpenSSH 9: part 7 s, other 8 s.\n" in text
    assert "- Measured on 2025-01-02: tunneld 1; OpenSSH 9: old 7 s.\n" in text


def test_an_unknown_part_is_refused_with_those_there_are(capsys) -> None:
    assert bench.main(["wann"]) == 2
    assert " ".join(PARTS) in capsys.readouterr().err


def test_a_part_is_also_named_by_what_it_belongs_to(monkeypatch) -> None:
    ran: list[str] = []

    def part(name: str):
        return lambda: (ran.append(name) or row for row in [replace(ROW, part=name)])

    monkeypatch.setattr(bench, "PARTS", {name: part(name) for name in ("wan-20ms", "wan-100ms", "wander")})
    monkeypatch.setattr(bench, "_versions", dict)
    monkeypatch.setattr(bench, "_prepare", lambda: None)
    monkeypatch.setattr(report, "earlier", list)
    monkeypatch.setattr(report, "write", lambda rows, runs: None)
    assert bench.main(["wan"]) == 0 and ran == ["wan-20ms", "wan-100ms"]
