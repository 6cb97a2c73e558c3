"""Margins: how far samples are from being mistaken, what that proves, and which frame to aim at.

Measured per pair of classes (``pairwise_margins``, ``MarginStatistics``); the classifier with the
largest (``hard_margin_svm``) and the path of cross-entropy that leads to it (``regularised_ce``); a
bound on the error with every constant (``margin_bound``, ``rademacher_estimate``); alignments of
classes with the vertices of a frame (``assignment``, ``permutation_as_rotation``), and frames for
more classes than a simplex ETF has room for (``spherical_code``).
"""

from ncbook.margins.alignment import (
    aligned,
    assignment,
    best_rotation,
    permutation_as_rotation,
    permuted,
    random_rotation,
)
from ncbook.margins.bound import MarginBound, best_gamma, margin_bound
from ncbook.margins.codes import largest_cosine, rankin_bound, spherical_code, welch_bound
from ncbook.margins.pairwise import MarginStatistics, pairwise_margins
from ncbook.margins.path import angle, regularised_ce
from ncbook.margins.rademacher import RademacherEstimate, rademacher_estimate
from ncbook.margins.svm import SVMSolution, hard_margin_svm

__all__ = [
    "MarginBound",
    "MarginStatistics",
    "RademacherEstimate",
    "SVMSolution",
    "aligned",
    "angle",
    "assignment",
    "best_gamma",
    "best_rotation",
    "hard_margin_svm",
    "largest_cosine",
    "margin_bound",
    "pairwise_margins",
    "permutation_as_rotation",
    "permuted",
    "rademacher_estimate",
    "random_rotation",
    "rankin_bound",
    "regularised_ce",
    "spherical_code",
    "welch_bound",
]
