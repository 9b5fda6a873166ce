"""The facts: the bundled catalogue, each figure with its source. Files only, no logic."""
