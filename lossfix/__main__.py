"""`python -m lossfix` is `lossfix`."""

from lossfix.cli.main import main

if __name__ == "__main__":
    main()
