"""Fitting the power model of servers on SPECpower results, and judging it."""
