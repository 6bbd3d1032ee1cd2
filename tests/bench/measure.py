"""Taking turns: A B A B, medians, and what a row promises."""
import math
import statistics
from dataclasses import dataclass
from typing import Callable, Protocol, Sequence, TypeVar

REPETITIONS = 5


class Named(Protocol):
    name: str


class Unavailable(Exception):
    """A part cannot be measured here, for this reason."""


Subject = TypeVar("Subject", bound=Named)


@dataclass
class Row:
    """One line of the table. `wanted`: a comparison and a bound, on what `bounds` says: the ratio of tunneld's figure
    to ssh's, or tunneld's figure itself. `repetitions`: how many measurements the medians are of."""

    part: str
    what: str
    unit: str
    medians: dict[str, float]
    wanted: str = ""
    bounds: str = "ratio"  # or "figure"
    repetitions: int = REPETITIONS

    @property
    def ratio(self) -> float | None:
        return self.ratio_to("ssh")

    def ratio_to(self, tool: str) -> float | None:
        if "tunneld" not in self.medians or not self.medians.get(tool):
            return None
        return self.medians["tunneld"] / self.medians[tool]

    @property
    def holds(self) -> bool | None:
        return self.holds_against("ssh")

    def holds_against(self, tool: str) -> bool | None:
        value = self.ratio_to(tool) if self.bounds == "ratio" else self.medians.get("tunneld")
        if not self.wanted or value is None:
            return None
        comparison, bound = self.wanted.split()
        return value >= float(bound) if comparison == ">=" else value <= float(bound)


Medians = dict[str, dict[str, float]]  # by figure, then by tool
Taken = dict[str, dict[str, list[float]]]  # the same, before


def take_turns(
    subjects: Sequence[Subject],
    measure: Callable[[Subject], dict[str, float]],
    repetitions: int = REPETITIONS,
    warm_up: bool = True,
) -> Medians:
    """`warm_up`: a first round that does not count."""
    taken: Taken = {}
    if warm_up:
        add_turns({}, subjects, measure, 1)
    add_turns(taken, subjects, measure, repetitions)
    return medians_of(taken)


def add_turns(
    taken: Taken, subjects: Sequence[Subject], measure: Callable[[Subject], dict[str, float]], repetitions: int
) -> None:
    for _ in range(repetitions):
        for subject in subjects:
            for figure, value in measure(subject).items():
                taken.setdefault(figure, {}).setdefault(subject.name, []).append(value)


def medians_of(taken: Taken) -> Medians:
    return {
        figure: {name: statistics.median(values) for name, values in by_name.items()}
        for figure, by_name in taken.items()
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that is not below `percent` of them."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
