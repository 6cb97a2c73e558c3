"""What is shown while chapters execute, each in a thread of its own."""

import threading
from typing import cast

from ncbook.press.kernel import Execution
from ncbook.press.progress import Watch


class Ending:
    """An execution that ends in the moment in which it is looked at."""

    code_cells, code_cell = 2, 1

    def __init__(self) -> None:
        self.looked_at, self.over = threading.Event(), threading.Event()

    def look(self) -> None:
        self.looked_at.set()
        self.over.wait(0.5)  # in vain if the end waits for the look, as it should


def test_a_chapter_may_end_while_it_is_looked_at() -> None:
    watch, ending, begun = Watch(), Ending(), threading.Event()

    def chapter() -> None:
        with watch.following("01-first", cast(Execution, ending)):
            begun.set()
            ending.looked_at.wait()
        ending.over.set()

    thread = threading.Thread(target=chapter)
    thread.start()
    begun.wait()
    watch.look()
    thread.join()
    assert ending.over.is_set()
