"""Engines: existing schedulers that take a job and run it."""
