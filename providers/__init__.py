"""The world outside: clouds that rent machines, feeds that know grids, engines that run jobs."""
