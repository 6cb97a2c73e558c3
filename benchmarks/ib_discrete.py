"""information_curve against plain Blahut–Arimoto loops, one β and one start after another.

    python benchmarks/ib_discrete.py [--json PATH]

The loops iterate the self-consistent equations in NumPy as a textbook has them, from as many starts
at each β as the curve has (the identity and random encoders), until p(t|x) changes by less than
1e-10, 20,000 updates at most, and keep the best. Joints are drawn from a Dirichlet distribution of
concentration 0.3; 100 values of β from 1.05 to 50. Both must agree on the Lagrangian at every β,
or the loops have missed something, which is said. To be reached: 10 times the speed at |X| = 8,
|Y| = 4, and no β at which the loops find anything better by 1e-9 nats.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a script too

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr, softmax

from benchmarks.measuring import Figures, Work, json_path, median_seconds, report, save
from ncbook.ib import information_curve

SIZES = {(4, 4): 3, (8, 4): 3, (16, 8): 1}  # |X|, |Y| and how often each is timed
BETAS = np.geomspace(1.05, 50, 100)
STARTS, UPDATES, TOLERANCE = 7, 20_000, 1e-10
Array = NDArray[np.float64]


def random_joint(inputs: int, outputs: int) -> Array:
    draws = np.random.default_rng(0).dirichlet(np.full(inputs * outputs, 0.3))
    return draws.reshape(inputs, outputs)


def loops(joint: Array) -> Array:
    """The least Lagrangian found at each β."""
    generator = np.random.default_rng(0)
    size = len(joint)
    best = np.zeros(len(BETAS))  # of the trivial solution
    for i, beta in enumerate(BETAS):
        random = [generator.dirichlet(np.ones(size), size).T for _ in range(STARTS - 1)]
        for start in (np.eye(size), *random):
            best[i] = min(best[i], lagrangian(joint, rested(joint, start, beta), beta))
    return best


def rested(joint: Array, encoder: Array, beta: float) -> Array:
    """Blahut–Arimoto: encoder (T, X) in, encoder out."""
    p_x = joint.sum(1)
    channel = joint / p_x[:, None]
    for _ in range(UPDATES):
        encoder = encoder[encoder @ p_x > 1e-100]  # clusters that died
        weights = encoder @ p_x
        decoder = encoder @ joint / weights[:, None]
        divergence = rel_entr(channel[None], decoder[:, None]).sum(2)  # (T, X)
        updated = softmax(np.log(weights)[:, None] - beta * divergence, axis=0)
        change = abs(updated - encoder).max()
        encoder = updated
        if change < TOLERANCE:
            break
    return encoder


def lagrangian(joint: Array, encoder: Array, beta: float) -> float:
    p_x, p_y = joint.sum(1), joint.sum(0)
    weights, outputs = encoder @ p_x, encoder @ joint
    complexity = (rel_entr(encoder, weights[:, None]) @ p_x).sum()
    return float(complexity - beta * rel_entr(outputs, np.outer(weights, p_y)).sum())


def compare(joint: Array, rounds: int) -> tuple[dict[str, float], Array]:
    """Seconds of both, and by how much the loops' Lagrangian is above that of the curve, (B,)."""
    found: dict[str, Array] = {}
    works: dict[str, Work] = {
        "ncbook": lambda: found.update(curve=information_curve(joint, BETAS).objective),
        "loops": lambda: found.update(loops=loops(joint)),
    }
    seconds = median_seconds(works, rounds)
    return seconds, found["loops"] - found["curve"]


def main(arguments: list[str] | None = None) -> None:
    path = json_path(__doc__, arguments)
    figures: dict[str, Figures] = {}
    for (inputs, outputs), rounds in SIZES.items():
        seconds, missed = compare(random_joint(inputs, outputs), rounds)
        assert missed.min() > -1e-9, missed.min()
        size = f"|X| = {inputs}, |Y| = {outputs}"
        figures[size] = {"seconds": seconds}
        print(f"{size}: the loops miss up to {missed.max():.2g} nats")
    report(f"Information curves at {len(BETAS)} β", figures)
    save(figures, path)


if __name__ == "__main__":
    main()
