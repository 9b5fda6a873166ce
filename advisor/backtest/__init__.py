"""What forecasts would have saved: decisions replayed on a measured trace, with past data only."""
