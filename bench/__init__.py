"""Benchmarks: each writes JSON to bench/results with machine, versions, seed and command. None is a test."""
