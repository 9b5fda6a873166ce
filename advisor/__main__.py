"""`python -m carbon_advisor.advisor` is the command `advisor`."""

from carbon_advisor.advisor.cli.main import main

if __name__ == "__main__":
    main()
