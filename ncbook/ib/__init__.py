"""The information bottleneck: what T must keep of X to say as much as it can about Y.

L = I(X;T) − β I(T;Y), in nats. Finite alphabets: Blahut–Arimoto (``blahut_arimoto``, ``anneal``,
``information_curve``) and the β at which solutions change (``stability_threshold``, ``onset``,
``splitting_betas``). Gaussian variables have a closed form (``GaussianBottleneck``, and
``MetaGaussianBottleneck`` on normal scores), whose transitions collapse moves to β = 1
(``view_critical_beta``).
"""

from ncbook.ib.critical import label_critical_beta, view_critical_beta
from ncbook.ib.curve import InformationCurve, anneal, information_curve
from ncbook.ib.discrete import DiscreteBottleneck, blahut_arimoto
from ncbook.ib.gaussian import GaussianBottleneck, gaussian_information
from ncbook.ib.identifiability import linear_errors, linear_r2, procrustes_distance
from ncbook.ib.information import entropy, mutual_information
from ncbook.ib.metagaussian import MetaGaussianBottleneck, normal_scores
from ncbook.ib.significance import CorrelationTest, permutation_null
from ncbook.ib.transitions import (
    maximal_correlation,
    onset,
    splitting_betas,
    stability_threshold,
)

__all__ = [
    "CorrelationTest",
    "DiscreteBottleneck",
    "GaussianBottleneck",
    "InformationCurve",
    "MetaGaussianBottleneck",
    "anneal",
    "blahut_arimoto",
    "entropy",
    "gaussian_information",
    "information_curve",
    "label_critical_beta",
    "linear_errors",
    "linear_r2",
    "maximal_correlation",
    "mutual_information",
    "normal_scores",
    "onset",
    "permutation_null",
    "procrustes_distance",
    "splitting_betas",
    "stability_threshold",
    "view_critical_beta",
]
