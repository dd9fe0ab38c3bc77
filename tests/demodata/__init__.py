"""Years of a large office, made up in minutes: for benchmarks and tests only."""
