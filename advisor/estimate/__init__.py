"""Estimates: energy and emissions of a workload measured here on a machine there."""
