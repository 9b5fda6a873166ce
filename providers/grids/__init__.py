"""Grids: current, past and forecast carbon intensity of a zone."""
