"""Neural collapse, measured and explained: the package behind *Neural Collapse, Executed*.

The theory wing (``geometry``, ``collapse``, ``supcon``, ``ufm``, ``batching``) computes and does
nothing else. ``lab`` trains networks and keeps their runs, ``press`` turns runs and notebooks into
the book.
"""

import os

# Two OpenMP threads that spin while they wait starve each other on a busy machine (slowdowns of up
# to 100 times were measured); sleeping costs nothing noticeable. OpenMP reads this once, when torch
# loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.6.0"
