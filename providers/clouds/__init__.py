"""Clouds: regions, offers, prices and quotas; later launch, find, collect and terminate."""
