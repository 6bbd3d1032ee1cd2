"""The benchmark; tests/bench/run starts it."""
