"""Planning: which start, and which offer and start together. Pure functions over arrays."""
