"""Sections of scripts/bench_accuracy.py: each module's `table` returns its lines."""
