"""Unconstrained features: the supervised contrastive loss over the features themselves.

UFM⁺ asks for ‖h_i‖ = 1 and h_i ≥ 0 entrywise, as after a ReLU; UFM leaves the sign free. Both
minima are known (``lower_bound``, ``class_geometry``), so ``solve_ufm`` returns its features with
a certificate of how far from the minimum they are.
"""

from ncbook.ufm.bounds import ClassGeometry, class_geometry, lower_bound
from ncbook.ufm.solver import UFMSolution, solve_ufm

__all__ = ["ClassGeometry", "UFMSolution", "class_geometry", "lower_bound", "solve_ufm"]
