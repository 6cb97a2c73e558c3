"""Exercises and quiz of chapter 9, A margin bound you can compute."""

from collections.abc import Callable

import numpy as np

from ncbook.press.classroom import (
    Choice,
    Construction,
    Exercise,
    Formula,
    Function,
    Number,
    Question,
    Wrong,
)

CHOSEN = np.linspace(0.02, 1, 50)  # the margins among which a bound may choose


def _samples() -> list[tuple[np.ndarray, np.ndarray]]:
    """Margins (n,) of three samples, the margins γ (g,) to choose from beside each."""
    chance = np.random.default_rng(0)
    drawn = ((200, 0.5, 0.2), (1000, 0.3, 0.3), (5000, 0.2, 0.1))
    return [(np.clip(chance.normal(m, s, n), -1, 1), CHOSEN) for n, m, s in drawn]


def _price(number: int, gammas: np.ndarray, factor: float = 4) -> np.ndarray:
    """What γ costs beside the images, for one of ten classes' ninety pairs, δ = 0.05."""
    step, sure = np.log(np.log2(2 / gammas)), np.log(2 * 90 / 0.05) / 2
    price: np.ndarray = factor / gammas / number**0.5 + (step / number) ** 0.5
    price += (sure / number) ** 0.5
    return price


def _slopes(margins: np.ndarray, gammas: np.ndarray) -> np.ndarray:
    """1 − margin/γ, (n, g)."""
    slopes: np.ndarray = 1 - margins[:, None] / gammas
    return slopes


def _ramped(margins: np.ndarray, gammas: np.ndarray) -> float:
    ramps = _slopes(margins, gammas).clip(0, 1).mean(0)
    return float((ramps + _price(len(margins), gammas)).min())


def _by_share(margins: np.ndarray, gammas: np.ndarray) -> float:
    shares = (margins[:, None] <= gammas).mean(0)
    return float((shares + _price(len(margins), gammas)).min())


def _unclipped(margins: np.ndarray, gammas: np.ndarray) -> float:
    ramps = _slopes(margins, gammas).clip(max=1).mean(0)
    return float((ramps + _price(len(margins), gammas)).min())


def _apart(margins: np.ndarray, gammas: np.ndarray) -> float:
    ramps = _slopes(margins, gammas).clip(0, 1).mean(0)
    return float(ramps.min() + _price(len(margins), gammas).min())


def _as_if_fixed(margins: np.ndarray, gammas: np.ndarray) -> float:
    ramps = _slopes(margins, gammas).clip(0, 1).mean(0)
    return float((ramps + _price(len(margins), gammas, factor=2)).min())


def _excess(found: np.ndarray) -> float:
    """By how much the bound exceeds the mistakes."""
    return float(found[1] - found[0])


def _is_not(constant: float, within: float = 0.04) -> Callable[[np.ndarray], bool]:
    """Whether the excess on 5,000 images isn't √(constant/10,000), three decimals given."""
    usual = (constant / 10_000) ** 0.5
    return lambda found: bool(abs(_excess(found) / usual - 1) > within)


def _ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values))


def _correlation(table: np.ndarray) -> float:
    """Rank correlation of the columns bound and error, (n, 2), without ties."""
    return float(np.corrcoef(_ranks(table[:, 0]), _ranks(table[:, 1]))[0, 1])


def _are_distinct(table: np.ndarray) -> bool:
    columns = table.reshape(-1, 2).T
    return all(len(np.unique(column)) == len(column) for column in columns)


EXERCISES = [
    Exercise(
        label="ex-09-grid",
        title="A finer grid",
        kind="derive",
        prompt=r"""
The theorem for all margins at once halves the margin from step to step. Let it be divided by $q>1$
instead, with the same share $l^{-2}$ of the failure probability for step $l$. For one pair of
classes, $r=1$ and a complexity of $1/\sqrt n$: what is now the *sum of the complexity term and the
iterated logarithm*? Give it as a formula in `q`, `g` (for $\gamma$) and `n`. Then find the best $q$
for perfect collapse with 5,000 images a class, in the form for ten classes, and say what limits it.
""",
        answer=Formula(
            "2*q/(g*sqrt(n)) + sqrt(log(log(q/g)/log(q))/n)",
            {"q": (1.1, 3), "g": (0.05, 0.3), "n": (100, 5000)},
        ),
        right="A finer grid wastes less by rounding down and pays with more steps, but steps enter "
        "through an iterated logarithm only: the best ratio is close to 1.",
        wrong=[
            Wrong(
                "4/(g*sqrt(n)) + sqrt(log(log(q/g)/log(q))/n)",
                "The number of steps follows the new grid, but the 4 is still that of halving. "
                "Which of its factors was the grid's?",
            ),
            Wrong(
                "2*q/(g*sqrt(n)) + sqrt(log(log2(2/g))/n)",
                "The complexity is that of the new grid. But how many steps of the *new* ratio lie "
                r"between $r$ and the grid point below $\gamma$?",
            ),
            Wrong(
                "q/(g*sqrt(n)) + sqrt(log(log(q/g)/log(q))/n)",
                "Rounding down costs what you say; but the bound for a fixed margin has a factor of "
                "its own, from the second sample.",
            ),
            Wrong(
                "2*q/(g*sqrt(n)) + sqrt(log(log(1/g)/log(q))/n)",
                r"The grid point that is used lies *below* $\gamma$, by a factor of up to $q$. At "
                "which step of the grid can it be, at most?",
            ),
        ],
        hints=[
            r"Let $\gamma_l=q^{-l}$. For a given $\gamma\le1$ take the grid point with "
            r"$\gamma/q\le\gamma_l<\gamma$ and put it into $\frac2{\gamma_l}\cdot\frac1{\sqrt n}$.",
            r"Then $l=\log_q(1/\gamma_l)$: write down its largest value in terms of $\gamma$, and a "
            "logarithm with base $q$ as a quotient of two logarithms.",
        ],
        solution=r"""
With $\gamma_l=r/q^l$ there is an $l$ with $\gamma/q\le\gamma_l<\gamma$, so the complexity is
$\frac{2q}\gamma\mathcal R_m$ and $l\le\log_q(qr/\gamma)$. For perfect collapse in the form of
{prf:ref}`thm-classes` the best $q$ is about 1.11, and the bound 0.784 instead of 1.016: vacuous no
more, with the union over pairs still in it. The iterated logarithm grows so slowly that one can
afford a grid that is much finer, and the factor 4 is nearly a 2. As $q\to1$ it still goes to
infinity:
""",
        code="""
import numpy as np
from scipy.optimize import minimize_scalar


def total(q, n=5000, g=(10 / 18) ** 0.5):
    step = np.log(np.log(q / g) / np.log(q))
    return 9 * (2 * q / g / n**0.5 + (step / n) ** 0.5 + (np.log(3600) / 2 / n) ** 0.5)


best = minimize_scalar(total, bounds=(1.001, 3), method="bounded")
print(best.x, best.fun, total(2))
answer = "2*q/(g*sqrt(n)) + sqrt(log(log(q/g)/log(q))/n)"
""",
    ),
    Exercise(
        label="ex-09-ramp",
        title="The ramp itself",
        kind="code",
        prompt=r"""
In the last line of the proof for a margin fixed beforehand, the share of images inside the margin
took the place of the mean ramp loss. Take the ramp loss back into the bound for all $\gamma$ at once
(does the step from one $\gamma$ to all of them survive?), and write it: `ramped(margins, gammas)`
takes the margins $\gamma_{ij}(x)$ of the $n$ images of class $i$ and the $\gamma$ to choose from, and
returns the least bound for this one of the 90 pairs of ten classes, $\delta=0.05$: mean ramp loss,
complexity $4/(\gamma\sqrt n)$, iterated logarithm and confidence $\sqrt{\log(180/\delta)/(2n)}$.
""",
        starter="""
import numpy as np


def ramped(margins, gammas):  # arrays (n,) and (g,)
    ...
""",
        answer=Function(_ramped, _samples),
        right=r"The ramp is nowhere above the step, so nothing is paid for it. On the chapter's honest "
        "last layer the total falls by about a fifth.",
        wrong=[
            Wrong(
                _by_share,
                "This counts every image inside the margin as a whole mistake: it is the bound that "
                "the package computes. The ramp counts an image in the middle of the margin half.",
            ),
            Wrong(
                _unclipped,
                r"Images far outside the margin count as less than nothing here. The ramp is 0 from "
                r"$\gamma$ on.",
            ),
            Wrong(
                _apart,
                r"You took the least mean ramp of one $\gamma$ and the least price of another. The "
                r"theorem holds for every $\gamma$, but for one at a time.",
            ),
            Wrong(
                _as_if_fixed,
                r"The least over `gammas` is a choice made after the look. Which factor did the grid "
                "add to the complexity for that?",
            ),
        ],
        hints=[
            r"In the proof, rounding $\gamma$ down to the grid used one property of the share: it "
            r"doesn't grow as $\gamma$ gets smaller. Has the mean ramp loss the same property?",
            "`(1 - margins[:, None] / gammas).clip(0, 1).mean(0)` has an entry for each of `gammas`; "
            "so have the other terms. Add, then take the least.",
        ],
        solution=r"""
$\Phi_{\gamma'}\le\Phi_\gamma$ for $\gamma'\le\gamma$, which is all that “rounding down” in the proof
of {prf:ref}`thm-uniform` used of the share. So $\hat{\mathbb E}\,\Phi_{\gamma_{ij}}(\gamma_{ij}(x))$
may stand in place of the share, at every γ. For the honest last layer of the chapter's first network
that makes the total less by about a fifth, for nothing. (With the γ that suit the ramp, which are
others.) It doesn't lower the floor under the sum over pairs. On a made-up pair:
""",
        code="""
import numpy as np


def ramped(margins, gammas):
    n = len(margins)
    ramps = (1 - margins[:, None] / gammas).clip(0, 1).mean(0)
    step, sure = np.log(np.log2(2 / gammas)), np.log(180 / 0.05) / 2
    return (ramps + 4 / gammas / n**0.5 + (step / n) ** 0.5 + (sure / n) ** 0.5).min()


margins, gammas = np.random.default_rng(0).normal(0.3, 0.2, 1000), np.linspace(0.02, 1, 50)
shares = [(margins <= g).mean() + ramped(np.ones(1000), np.array([g])) for g in gammas]
print("with the share", min(shares), "with the ramp", ramped(margins, gammas))
answer = ramped
""",
    ),
    Exercise(
        label="ex-09-holdout",
        title="The bound that nobody mentions",
        kind="experiment",
        prompt=r"""
The honest experiment set images aside. Use them in another way: leave the first network of chapter 1
as it is, with its own classifier, take 5,000 images that it never saw,
`embed_unseen(run, 5000)` from `ncbook.lab.transfer`, and bound its error by the theorem on bounded
differences directly, $\delta=0.05$. Hand in three numbers: the share of mistakes on the 5,000 images,
your bound, and the test error, `1 - run.curve("test_accuracy")[-1]`. What can the margin bound do
that this one can't?
""",
        starter="""
from ncbook.lab import profile
from ncbook.lab.transfer import embed_unseen

run = profile("laptop").train("ce")[0]
features, labels = embed_unseen(run, 5000)  # run.model().classifier reads them
""",
        answer=Construction(
            [
                (
                    lambda a: bool(((a >= 0) & (a <= 2)).all()),
                    "Shares of images and bounds on them are asked for, not counts or percentages.",
                ),
                (
                    lambda a: bool(a[0] > 0.05),
                    "So few mistakes happen only on images that the network learnt. Of those the "
                    "theorem says nothing: the network wasn't there before them.",
                ),
                (
                    lambda a: bool(a[0] > 0.5 and a[2] > 0.5),
                    "With a few hundred training images these networks get most new images wrong. "
                    "Did you hand in shares of right answers?",
                ),
                (
                    lambda a: _excess(a) > 0,
                    "The bound has to lie above the mistakes that were counted.",
                ),
                (
                    _is_not(np.log(3600)),
                    "You paid for a union over ninety pairs of classes. Here a single function is "
                    "bounded, the network's error.",
                ),
                (
                    _is_not(2 * np.log(20)),
                    r"Replacing one of $n$ images changes the mean by $1/n$. Put $\sum c_i^2$ into the "
                    "theorem once more: a factor in the exponent got lost.",
                ),
                (
                    _is_not(np.log(40)),
                    r"You split $\delta$ in two, for a deviation on either side. Only one side makes a "
                    "bound on the error wrong.",
                ),
                (
                    lambda a: not _is_not(np.log(20), 0.06)(a),
                    r"The bound exceeds the mistakes by something else than the theorem gives for one "
                    r"function, 5,000 images and $\delta=0.05$.",
                ),
                (
                    lambda a: bool(abs(a[2] - a[0]) < 0.06),
                    "The error on these images and that on the test images should be near each "
                    "other: both are strangers to the network.",
                ),
            ],
            shape=(3,),
            form="three numbers: mistakes, bound, test error",
        ),
        right="Not vacuous, and almost tight: for one function that was fixed beforehand there is no "
        "complexity to pay for.",
        wrong=[
            Wrong(
                [0.29, 0.307, 0.3],
                "With a few hundred training images these networks get most new images wrong. Did "
                "you hand in shares of right answers?",
            ),
            Wrong(
                [0.0, 0.0173, 0.7],
                "So few mistakes happen only on images that the network learnt. Of those the "
                "theorem says nothing: the network wasn't there before them.",
            ),
            Wrong(
                [0.7, 0.7 + (np.log(3600) / 10_000) ** 0.5, 0.7],
                "You paid for a union over ninety pairs of classes. Here a single function is "
                "bounded, the network's error.",
            ),
            Wrong(
                [0.7, 0.7 + (np.log(20) / 5000) ** 0.5, 0.7],
                r"Replacing one of $n$ images changes the mean by $1/n$. Put $\sum c_i^2$ into the "
                "theorem once more: a factor in the exponent got lost.",
            ),
        ],
        hints=[
            "To these images the classifier is a single fixed function. Its mean number of mistakes "
            r"changes by at most $1/n$ when one image is replaced: what is $\sum c_i^2$?",
            r"The probability of a deviation by $t$ is at most $e^{-2nt^2}$. Set it to $\delta$ and "
            "solve for $t$; the bound is the mistakes plus $t$.",
        ],
        solution=r"""
The classifier is fixed as far as these images are concerned, so its error is a single function and
its complexity is zero: error $\le$ mistakes $+\sqrt{\log(1/\delta)/(2n)}$
({prf:ref}`thm-differences`). That is not vacuous, and almost tight. The margin bound is for a
classifier that was *trained on* the images on which it is judged; when there are images to spare,
there is no need for it. Its use would be to explain: to say what about the training makes the error
small. That is why it has to be right about the order of networks, and a vacuous bound may be.
""",
        code="""
import numpy as np
from ncbook.lab import profile
from ncbook.lab.transfer import embed_unseen
import torch

run = profile("laptop").train("ce")[0]
features, labels = embed_unseen(run, 5000)
with torch.no_grad():
    mistakes = (run.model().classifier(features).argmax(1) != labels).double().mean().item()
bound = mistakes + (np.log(1 / 0.05) / (2 * len(labels))) ** 0.5
answer = [mistakes, bound, 1 - run.curve("test_accuracy")[-1]]
print(answer)
""",
    ),
    Exercise(
        label="ex-09-ruler",
        title="The sample's own ruler",
        kind="predict",
        prompt=r"""
A colleague doesn't normalise: she takes $\Lambda$ to be the largest $\lVert w_i-w_j\rVert$ of the
trained classifier, $r$ the largest margin in the whole sample, $\max\lVert h\rVert$ the length of the
longest feature in it, chooses the best $\gamma$ and uses the theorem for all margins at once. Which
of these are true?
""",
        answer=Choice(
            [
                r"$\mathcal F$ and $r$ have to be fixed before the sample, and hers aren't",
                r"$\gamma$ has to be fixed before the sample, and hers isn't",
                "when all features are multiplied by ten, her bound stays as it was",
                "when all features are multiplied by ten, her bound is ten times as large",
                "one image with a very long feature can make her bound worse for all pairs",
                r"it can be repaired by grids $1,2,4,\dots$ for $\Lambda$ and the lengths, with a "
                r"share of $\delta$ for each step",
            ],
            "acef",
        ),
        right="It isn't the scale that is wrong with her number, it is the order: first the ruler, "
        "then the sample.",
        wrong=[
            Wrong(
                "abcef",
                r"Two of your reasons say “fixed before”. For one of the quantities the theorem that "
                "she uses has already paid, with a factor and an iterated logarithm.",
            ),
            Wrong(
                "adef",
                r"The longest feature grows by ten. But so do the margins, and with them $\gamma$ and "
                "$r$. What happens to their quotients?",
            ),
            Wrong(
                "ace",
                r"For $\gamma$ a choice after the look was made good: by a grid and a share of the "
                "failure probability for each step. Would that do here as well?",
            ),
            Wrong(
                "cef",
                "Then which sentence of the theorem does she break? Read again what stands before "
                "“with probability”.",
            ),
        ],
        hints=[
            "Go through the theorem's first sentence and ask of each letter in it when it becomes "
            "known.",
            r"In $\frac4\gamma\cdot\frac{\Lambda\max\lVert h\rVert}{\sqrt m}$ and in "
            r"$\log_2(2r/\gamma)$, multiply every $h$ by ten.",
        ],
        solution=r"""
$\mathcal F$ and $r$ have to be fixed before the sample, and both now depend on it. Multiplying
features by ten multiplies margins, $r$, and $\max\lVert h\rVert$ by ten, so her bound doesn't notice
(with γ): it isn't the scale that is wrong, it is the order. One image with a huge feature changes $r$
and $\max\lVert h\rVert$ for all others. *Repair 1:* a union over scales as for γ, over
$\Lambda\in\{1,2,4,\dots\}$ and lengths $B\in\{1,2,4,\dots\}$, with $r=\Lambda B$ and another iterated
logarithm for each. That no feature *of the sample* is longer than $B$ says nothing of $\mathcal R_m$,
an average over samples; so apply the theorem to features that are shortened to length $B$ wherever
they are longer. That changes no sign, hence no error, and where $B$ is at least the longest length in
the sample it changes nothing there. *Repair 2:* the complexity of the sample at hand in place of
$\mathcal R_m$: $\hat{\mathcal R}_m(\mathcal G)$ changes by at most $1/m$ when an image is replaced,
so by {prf:ref}`thm-differences`
$\mathcal R_m(\mathcal G)\le\hat{\mathcal R}_m(\mathcal G)+\sqrt{\log(2/\delta)/(2m)}$ with probability $1-\delta/2$, and {prf:ref}`thm-deviation` becomes
$\mathbb Eg\le\hat{\mathbb E}g+2\hat{\mathcal R}_m(\mathcal G)+3\sqrt{\log(2/\delta)/(2m)}$; then
$\hat{\mathcal R}_m(\mathcal G)\le\frac\Lambda{\gamma m}\sqrt{\sum\lVert h_i\rVert^2}$ with the
sample's own lengths. Λ and $r$ have to be fixed still, or be put on a grid of scales as in repair 1.
""",
        code="""
import numpy as np

margins, longest, n = np.array([0.4, 1.0, 2.0, 3.0]), 5.0, 1000


def hers(scale):
    m, r, length = scale * margins, scale * margins.max(), scale * longest
    return min((m <= g).mean() + 4 * length / g / n**0.5 + (np.log(np.log2(2 * r / g)) / n) ** 0.5
               for g in scale * np.linspace(0.1, 3, 30))


print(hers(1), hers(10))
answer = "a" + ("c" if np.isclose(hers(1), hers(10)) else "d") + "ef"
""",
    ),
    Exercise(
        label="ex-09-free",
        title="No function of the training margins",
        kind="derive",
        prompt=r"""
Let $b$ be any function of the training margins that is, with probability 95 %, at least the test
error, *for every distribution of images and labels*. Suppose that a training method fits every
labelling, true or shuffled, of $k$ equally large classes with the same margins. How small can $b$ be,
at best, on networks that it trained on *true* labels? Give a formula in `k`. Which of the assumptions
do the networks of this chapter satisfy, and which would you give up?
""",
        answer=Formula("(k-1)/k", {"k": (2, 100)}),
        right="So no cleverer function of the training margins can do better than chance, for such a "
        "method: what it says of true labels it also says of shuffled ones.",
        wrong=[
            Wrong(
                "1/k",
                "That is how often somebody is right who knows nothing of the labels. A bound is on "
                "how often they are wrong.",
            ),
            Wrong(
                "0.95*(k-1)/k",
                "The 95 % say how often the inequality holds. Where it holds, it holds in full: it "
                "isn't an average over samples.",
            ),
            Wrong(
                "0*k",
                "On true labels alone $b$ could be as small as the error there. But $b$ sees the "
                "margins only: on what else does it have to take the same value?",
            ),
            Wrong(
                "1+0*k",
                "Nothing forces $b$ as high as that. What is the error of a classifier on labels "
                "that have nothing to do with the images?",
            ),
        ],
        hints=[
            "What is the test error of any classifier whatever where labels have been shuffled among "
            "the images?",
            "There $b$ has to be at least that large, with probability 95 %. And what does $b$ see "
            "when labels are true?",
        ],
        solution=r"""
“Every distribution” includes the one in which labels are drawn uniformly and independently of the
images. There every classifier has an error of $\frac{k-1}k$, so $b\ge\frac{k-1}k$ with probability 95
%. On true labels the margins are the same, and with them $b$, so $b\ge\frac{k-1}k$ there too. A
function of margins that is to be smaller on true labels must either fail on shuffled ones, or the
margins must differ.

In this chapter they do differ a little, by a few per cent on average: a function of margins *could*
use that, but then it would rest on how long one trains. What can be given up is “every distribution”
(a bound for natural images), “of the training margins” (something about the weights, or the way
there: shuffled labels take longer to learn), or “with the same margins” (a training method that stops
early).
""",
        code="""
import numpy as np

chance = np.random.default_rng(0)
for k in (2, 10):
    labels, answers = chance.integers(k, size=100_000), np.arange(100_000) % k
    print(k, (labels != answers).mean(), (k - 1) / k)
answer = "(k-1)/k"
""",
    ),
    Exercise(
        label="ex-09-simpson",
        title="Better everywhere, worse on the whole",
        kind="derive",
        prompt=r"""
Invent bounds and errors for three kinds of network with three seeds each such that within each kind
the bound ranks the seeds perfectly, and over all nine networks its rank correlation with the error is
at most −0.5. Hand in an array of shape (kinds, seeds, 2): bound, then error, no two bounds alike and
no two errors. Which of the two correlations, if either, is the claim “a smaller bound means a smaller
error” about? What experiment would settle it?
""",
        answer=Construction(
            [
                (
                    lambda a: bool(
                        (a[..., 0] > 0).all() and ((a[..., 1] >= 0) & (a[..., 1] <= 1)).all()
                    ),
                    "Bounds are positive, and errors lie between 0 and 1. Which stands first?",
                ),
                (
                    _are_distinct,
                    "Two of the bounds are equal, or two of the errors, so that they can't be ranked.",
                ),
                (
                    lambda a: all(_correlation(kind) > 0.99 for kind in a),
                    "In one of the kinds a larger bound goes with a smaller error: within a kind the "
                    "two have to rise together.",
                ),
                (
                    lambda a: _correlation(a.reshape(-1, 2)) <= -0.5 + 1e-9,
                    "Within the kinds it is as it should be. But over all nine the bound still goes "
                    "with the error, or hardly against it: what could the kinds' *means* do?",
                ),
            ],
            shape=(3, 3, 2),
            form="an array of shape (3, 3, 2)",
        ),
        right="Both correlations are true of the same nine networks. Neither says what would happen to "
        "one network if its bound were made smaller.",
        wrong=[
            Wrong(
                [
                    [[1, 0.1], [2, 0.2], [3, 0.3]],
                    [[4, 0.4], [5, 0.5], [6, 0.6]],
                    [[7, 0.7], [8, 0.8], [9, 0.9]],
                ],
                "Within the kinds it is as it should be. But over all nine the bound still goes with "
                "the error, or hardly against it: what could the kinds' *means* do?",
            ),
            Wrong(
                [
                    [[1, 0.9], [2, 0.8], [3, 0.7]],
                    [[4, 0.6], [5, 0.5], [6, 0.4]],
                    [[7, 0.3], [8, 0.2], [9, 0.1]],
                ],
                "In one of the kinds a larger bound goes with a smaller error: within a kind the two "
                "have to rise together.",
            ),
            Wrong(
                [
                    [[0.7, 10], [0.71, 10.1], [0.72, 10.2]],
                    [[0.6, 11], [0.61, 11.1], [0.62, 11.2]],
                    [[0.5, 12], [0.51, 12.1], [0.52, 12.2]],
                ],
                "Bounds are positive, and errors lie between 0 and 1. Which stands first?",
            ),
        ],
        hints=[
            "Nine points in a plane with the bound to the right and the error upwards: three short "
            "rising rows of three.",
            "Put the three rows on a falling line, far enough from one another.",
        ],
        solution=r"""
Let the kind with the largest bounds have the smallest errors: −0.8 over all, 1 within each. The claim
is about what happens to the error when the bound of *a* network is made smaller, so neither answers
it: kinds differ in other things than margins, and so do seeds. It would be settled by an intervention
on the margin alone, such as training to a set margin, on the same images, with everything else held
fixed, and with shuffled labels as a control.
""",
        code="""
import numpy as np
from scipy.stats import spearmanr

bound = np.array([[10, 10.1, 10.2], [11, 11.1, 11.2], [12, 12.1, 12.2]])
error = np.array([[0.70, 0.71, 0.72], [0.60, 0.61, 0.62], [0.50, 0.51, 0.52]])
print(spearmanr(bound.ravel(), error.ravel())[0], [spearmanr(b, e)[0] for b, e in zip(bound, error)])
answer = np.stack([bound, error], axis=-1)
""",
    ),
    Exercise(
        label="ex-09-frame",
        title="A frame that isn't centred",
        kind="predict",
        prompt=r"""
Contrastive networks collapse to an orthogonal frame. Compare the bound for exact collapse to one,
5,000 images a class, rows equal to the vertices, in three forms: *plain*; *with a bias*, the same for
all classes, as the weight of a constant feature of size 1; *centred*, with the rows as they are and
the features centred at $\mu_G$, which was fixed beforehand. Predict the order, then compute the
three.
""",
        answer=Choice(
            [
                "centred < plain < with a bias",
                "plain < centred < with a bias",
                "with a bias < plain < centred",
                "centred = plain < with a bias",
                "all three are equal",
            ],
            "a",
        ),
        right="The margin is an angle at the origin, so it depends on where the origin of the features "
        "is put. It has to be put there before the sample is seen.",
        wrong=[
            Wrong(
                "e",
                "The distances between classes are the same in all three. But these margins are "
                "cosines: which length divides them?",
            ),
            Wrong(
                "d",
                "Centring leaves every $(w_i-w_j)\\cdot(\\mu_i-\\mu_j)$ as it is. Does it leave the "
                "lengths of the features?",
            ),
            Wrong(
                "b",
                "A centred orthogonal frame is a simplex about the origin, up to its scale. How do "
                "the angles between its vertices compare with right ones?",
            ),
            Wrong(
                "c",
                "A constant feature makes every $h$ longer, and as all biases are equal it makes no "
                "normal longer. What does that do to a cosine?",
            ),
        ],
        hints=[
            r"For rows $e_i$ and features $e_i$: what is $(e_i-e_j)\cdot e_i/\sqrt2$?",
            "A constant feature changes the length of $h$ only. Centring takes away the part that "
            "all features share: what is left is shorter, and is a simplex.",
        ],
        solution=r"""
Rows $e_i$ and features $e_i$: $\gamma=\frac{1}{\sqrt2}=0.707$ against the simplex's 0.745, so every
complexity term is larger by $\sqrt{k/(k-1)}=1.054$. A constant feature makes $h$ longer by $\sqrt2$
and, as all biases are equal, the normals no longer: $\gamma=\frac12$. Centring turns the frame into
the simplex. The totals are 1.059, 1.382 and 1.016. The margin depends on where the origin of the
features is put. It has to be put there before the sample is seen.
""",
        code="""
from ncbook import margins
import torch

n, frame = 5000, torch.eye(10).double()
y = torch.arange(10).repeat_interleave(n)
long, rows = torch.cat([frame, torch.ones(10, 1)], 1), torch.cat([frame, torch.zeros(10, 1)], 1)
totals = {}
for form, h, w in (("plain", frame, frame), ("bias", long, rows), ("centred", frame - 0.1, frame)):
    cosine = (w[0] - w[1]) @ h[0] / (w[0] - w[1]).norm() / h[0].norm()
    totals[form] = margins.margin_bound(h[y], y, w, float(cosine) * (1 - 1e-9)).total
print(totals)
answer = {("centred", "plain", "bias"): "a"}[tuple(sorted(totals, key=totals.get))]
""",
    ),
    Exercise(
        label="ex-09-lookup",
        title="Two classes refute it sooner",
        kind="experiment",
        prompt=r"""
The lookup table shows that the formula is false for features that were learnt from the sample, with
ten classes and 5,000 images of each. Two classes need far fewer. Let labels be coin flips, let every
image of the sample be sent to $+1$ or $-1$, whichever its label is, and let the rows of the classifier
be $+1$ and $-1$. With $\gamma$ as large as it may be and $\delta=0.05$: from how many images *a class*
on is `margins.margin_bound(...).total` below the true error? To within five images.
""",
        answer=Number(122.5, relative=0, absolute=6.7),  # 121 − 5 to 128 + 1, from a grid
        right="A hundred and some images with random labels are enough: a number that proved to be below "
        "the error, for a sample without anything to learn in it.",
        wrong=[
            Wrong(
                31,
                "Here the number falls below 1. But what is the error on coin flips?",
            ),
            Wrong(
                64,
                "That many are enough for the complexity term alone. The confidence is in the total "
                "as well.",
            ),
            Wrong(
                46,
                r"This is for a $\gamma$ that was fixed beforehand, without the factor for choosing "
                "it. `margin_bound` is uniform in the margins.",
            ),
            Wrong(
                242,
                "Are these the images of both classes together? The bound divides by the number in "
                "each.",
            ),
        ],
        hints=[
            "With one image as like as the other: what is the error of any classifier on coin flips? "
            "And which terms of the bound are left when every image has the margin 1?",
            r"`h = torch.tensor([[1.0], [-1.0]])[y]` with `y` of each class `n` times; $\gamma$ a hair "
            "below 1, so that no image is inside. Let `n` run.",
        ],
        solution=r"""
With $k=2$ and all margins equal to 1 there is one pair for each class, the share is 0 and the iterated
logarithm is $\log\log_2 2=0$. What is left is $\frac4{\sqrt n}+\sqrt{\log(80)/(2n)}=5.48/\sqrt n$,
which is below the true error of $\frac12$ from 121 images on (from 128 if γ is taken from a grid whose
largest value below 1 is 0.99). Nothing is wrong with the arithmetic. What fails is “fixed before the
sample”: the table's features were made for these images, and {prf:ref}`thm-classes` isn't about them.
""",
        code="""
from ncbook import margins
import torch

corners = torch.tensor([[1.0], [-1.0]]).double()


def total(n):
    y = torch.arange(2).repeat_interleave(n)
    return margins.margin_bound(corners[y], y, corners, 1 - 1e-9).total


answer = next(n for n in range(2, 1000) if total(n) < 0.5)
print(answer, total(answer))
""",
    ),
]

QUIZ = [
    Question(
        "The formula of this chapter, computed on the very images from which a network was learnt, gives "
        "0.4. What do you know of its test error?",
        {
            "Nothing yet: the theorem is for features that were there before the images": "A lookup "
            "table has such a number and is wrong nine times in ten."
        },
        {
            "It is at most 0.4 for 95 % of the samples that could have been drawn": "That would be the "
            "theorem; but its first condition, features before images, isn't met.",
            "It is at most 0.4 if no training image is inside its margin": "The share of images is one "
            "of the terms. That it is zero doesn't repair the order of the quantifiers.",
            "It is lower than that of every network with a larger number": "Not even as a tendency: over "
            "kinds of networks the chapter found none.",
        },
    ),
    Question(
        r"You look at the margins of the sample and only then choose $\gamma$. What has the theorem for "
        "all margins at once paid for that?",
        {
            "A complexity term twice as large, for rounding down to a grid": "The 2 of a fixed margin "
            "became a 4.",
            "An iterated logarithm, for the number of steps of the grid": "So small that a finer grid "
            "would have been cheaper.",
        },
        {
            r"A union over all images, one choice of $\gamma$ for each": "The union is over steps of the "
            "grid; no image chooses.",
            r"Nothing, since $\gamma$ is no part of the classifier": "Nine promises of 95 % aren't one of "
            "95 %: the chapter counts how often one of them fails.",
        },
    ),
    Question(
        "The honest bound of a trained layer is twice as large as that of a list of classes which looks at "
        "no image. What follows?",
        {
            "That a smaller sum over pairs needn't go with a smaller error": "The "
            "list gives half of the pairs up and wins the others by wide margins."
        },
        {
            "That the theorem is false for one of the two classifiers": "Both numbers are true: both are "
            "above the errors.",
            "That the list generalises better than the trained layer does": "It is wrong nine times in "
            "ten, on images seen and unseen.",
            "That the trained layer has overfitted the images it was given": "It has the smaller error on "
            "images that neither has seen.",
        },
    ),
    Question(
        "Within a run the bound falls together with the test error. Which controls can tell whether it "
        "knows anything about the error?",
        {
            "The clock and the training loss, which fall as well": "If they do as well as the bound, a "
            "common trend is all that was seen.",
            "A network on shuffled labels, whose error can't fall": "Its margins grow all the same.",
        },
        {
            r"The same bound with a smaller $\delta$": "That moves the number by a little, the same at "
            "every epoch.",
            "More measurements of the same run, in between": "They follow the same trend. What is "
            "missing isn't points but something that the trend doesn't explain.",
        },
    ),
    Question(
        "Features are collapsed to an orthogonal frame, all training images right. What makes the "
        "complexity term of the bound smaller?",
        {
            "Centring the features at the frame's centre, fixed beforehand": "It makes right angles "
            "obtuse: the frame becomes a simplex about the origin."
        },
        {
            "Multiplying all features by ten": "Margins here are cosines. Scale was divided out.",
            "Appending a constant feature for a bias": "That makes features longer and no margin wider.",
            "Turning features and rows of the classifier together": "No inner product changes, so no "
            "margin does.",
        },
    ),
    Question(
        "Class means of learnt images lie outside the radius that Hoeffding's inequality promises, for "
        "every class. What failed?",
        {
            "The assumption that the features were there before the images": "For strangers to the same "
            "features the radius holds."
        },
        {
            "The constant in the radius, which is too small for 64 dimensions": "The proposition has no "
            "dimension in it, and strangers keep to it.",
            "The inequality itself, which is for numbers and not for vectors": "It was proved for the "
            "length of the deviation, by bounded differences.",
            "The number of images, which is too small for a mean to settle": "The radius takes the "
            "number into account, and as many strangers, or fewer, keep to it.",
        },
    ),
]
