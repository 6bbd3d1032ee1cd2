"""Taking turns: A B A B, medians, and ratios of what was measured in the same minutes."""
import statistics
from dataclasses import dataclass
from typing import Callable, Sequence

from .tools import Tool

REPETITIONS = 5


@dataclass
class Row:
    """One line of the table. `wanted`: the ratio to ssh that the tool promises, with its comparison."""

    part: str
    what: str
    unit: str
    medians: dict[str, float]
    wanted: str = ""

    @property
    def ratio(self) -> float | None:
        if "ssh" not in self.medians or not self.medians["ssh"]:
            return None
        return self.medians["tunneld"] / self.medians["ssh"]

    @property
    def holds(self) -> bool | None:
        if not self.wanted or self.ratio is None:
            return None
        comparison, bound = self.wanted.split()
        return self.ratio >= float(bound) if comparison == ">=" else self.ratio <= float(bound)


def take_turns(
    tools: Sequence[Tool], measure: Callable[[Tool], dict[str, float]], repetitions: int = REPETITIONS
) -> dict[str, dict[str, float]]:
    """Medians by figure, then by tool. The first round warms up and does not count."""
    taken: dict[str, dict[str, list[float]]] = {}
    for repetition in range(repetitions + 1):
        for tool in tools:
            for figure, value in measure(tool).items():
                if repetition > 0:
                    taken.setdefault(figure, {}).setdefault(tool.name, []).append(value)
    return {
        figure: {tool: statistics.median(values) for tool, values in by_tool.items()}
        for figure, by_tool in taken.items()
    }
