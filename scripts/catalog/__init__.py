"""The parts of scripts/build_catalog.py: one module per subject of the bundled catalogue."""
