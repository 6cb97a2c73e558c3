"""``ncbook run`` and ``ncbook build``."""


def run() -> None:
    "x"


def build() -> None:
    "x"
