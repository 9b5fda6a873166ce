"""Where a run's figures go: files, Prometheus, OpenTelemetry, logging, and others' packages.

Each output is one file, imported only by who chose it; `registry.py` names them.
"""
