"""Fitting and judging the forecasts on public traces."""
