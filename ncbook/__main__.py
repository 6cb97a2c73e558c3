"""``python -m ncbook``: the command line where its script isn't on the path."""

from ncbook.cli import main

if __name__ == "__main__":
    main()
