"""What the grid will emit in the next hours, from what was known at the time, with intervals."""
