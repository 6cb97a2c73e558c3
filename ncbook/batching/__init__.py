"""Batches: samplers that plan them, and the graph that tells which features a plan forces."""

from ncbook.batching.graph import InteractionGraph, interaction_graph
from ncbook.batching.samplers import (
    BatchBinding,
    BatchPlan,
    ClassBalanced,
    Fixed,
    Reshuffled,
    Sharded,
)

__all__ = [
    "BatchBinding",
    "BatchPlan",
    "ClassBalanced",
    "Fixed",
    "InteractionGraph",
    "Reshuffled",
    "Sharded",
    "interaction_graph",
]
