"""Pure code of the daemon, in ns: tests/bench/hot_paths.cpp, under Google Benchmark."""
import json
import os
import subprocess
from typing import Generator

from ..measure import REPETITIONS, Row

MIN_SECONDS = 0.1  # of each repetition


def hot() -> Generator[Row, None, None]:
    program = os.environ.get("TUNNELD_HOT_PATHS", "")
    assert os.access(program, os.X_OK), f"TUNNELD_HOT_PATHS={program!r} is not a program; tests/bench/run sets it"
    command = [program, "--benchmark_format=json", f"--benchmark_repetitions={REPETITIONS}"]
    command += ["--benchmark_report_aggregates_only=true", f"--benchmark_min_time={MIN_SECONDS}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for each in json.loads(done.stdout)["benchmarks"]:
        assert not each.get("error_occurred"), f"{each['name']}: {each['error_message']}"
        if each["aggregate_name"] == "median":
            yield Row("hot", each["run_name"], each["time_unit"], {"tunneld": each["cpu_time"]})
