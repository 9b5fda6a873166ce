"""The command line: one thin file per command; `main` turns errors into one line and a code."""
