"""``ncbook claims``."""


def claims() -> None:
    "x"
