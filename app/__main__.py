"""`python -m app`: the command line, started in a way that no trainer imports again."""

from app.cli.commands import main

if __name__ == "__main__":
    main()
