"""The decisions: estimate, recommend, compare, and the command line over them."""
