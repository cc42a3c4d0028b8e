"""`python -m omniwatt` is the console script."""

from omniwatt.cli import main

if __name__ == "__main__":
    main()
