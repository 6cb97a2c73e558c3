"""Exercises and quiz of chapter 1, What collapses."""

import numpy as np
import torch
from torch import Tensor

from ncbook import collapse
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


def _clouds() -> list[tuple[Tensor, Tensor]]:
    """Three small sets of features (n, d) and labels (n,), with even and uneven classes."""
    chance = torch.Generator().manual_seed(0)
    made = []
    for counts, dim in (((30, 30, 30), 6), ((60, 10, 20), 5), ((12, 12), 4)):
        labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        means = 2 * torch.randn(len(counts), dim, generator=chance, dtype=torch.float64)
        spread = torch.linspace(0.2, 1.0, len(counts), dtype=torch.float64)[labels, None]
        noise = torch.randn(len(labels), dim, generator=chance, dtype=torch.float64)
        made.append((means[labels] + spread * noise, labels))
    return made


def _nc1(features: Tensor, labels: Tensor) -> float:
    return collapse.nc1_variants(features, labels)["nc1"]


def _nc1_undivided(features: Tensor, labels: Tensor) -> float:
    return collapse.nc1_variants(features, labels)["undivided"]


def _nc1_pooled(features: Tensor, labels: Tensor) -> float:
    return collapse.nc1_variants(features, labels)["pooled"]


def _trace_quotient(features: Tensor, labels: Tensor) -> float:
    return collapse.nc1_variants(features, labels)["trace_quotient"]


def _nc1_unbiased(features: Tensor, labels: Tensor) -> float:
    """Covariances as `torch.cov` gives them, divided by n - 1."""
    own = [features[labels == c] for c in labels.unique()]
    within = torch.stack([torch.cov(x.T) for x in own]).mean(0)  # (d, d)
    means = torch.stack([x.mean(0) for x in own])  # (k, d)
    return _against(within, means - means.mean(0))


def _nc1_about_all(features: Tensor, labels: Tensor) -> float:
    """The means seen from the mean of all samples."""
    own = [features[labels == c] for c in labels.unique()]
    within = torch.stack([torch.cov(x.T, correction=0) for x in own]).mean(0)
    return _against(within, torch.stack([x.mean(0) for x in own]) - features.mean(0))


def _against(within: Tensor, means: Tensor) -> float:
    between = means.T @ means / len(means)  # (d, d)
    return float(torch.trace(within @ torch.linalg.pinv(between, rtol=1e-9))) / len(means)


def _lengths(points: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.linalg.norm(points - points.mean(0), axis=1)
    return lengths


def _are_apart(points: np.ndarray) -> bool:
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)  # (5, 5)
    return bool(distances[~np.eye(len(points), dtype=bool)].min() > 1e-3 * distances.max())


def _are_equally_long(points: np.ndarray) -> bool:
    lengths = _lengths(points)
    return bool(np.ptp(lengths) < 1e-3 * lengths.max())


EXERCISES = [
    Exercise(
        label="ex-01-isotropic",
        title="What NC1 measures",
        kind="derive",
        prompt=r"""
Class means form a simplex ETF of $k$ classes whose centred rows have length $\ell$; within classes
the noise is isotropic with variance $\sigma^2$ in each of the $d$ directions. Find NC1 as a formula
in `k`, `l` (for $\ell$) and `sigma`. On the way, find CDNV too: which of the two grows when useless
dimensions are added?
""",
        answer=Formula(
            "(k-1)**2/k * sigma**2/l**2", {"k": (2, 20), "l": (0.5, 3), "sigma": (0.1, 2)}
        ),
        right=r"It has no $d$ in it: NC1 looks only along the span of the means, so dimensions that "
        "the means don't use cost nothing. CDNV counts them all.",
        wrong=[
            Wrong(
                "(k-1)**2 * sigma**2/l**2",
                r"The trace is there. Look again at what stands before it in this book's definition: "
                "by that factor two papers' NC1 can differ.",
            ),
            Wrong(
                "(k-1)/k * sigma**2/l**2",
                r"You gave each direction of the means the variance $\ell^2$. That is the variance of "
                r"all of them together, $\operatorname{tr}\Sigma_B$; over how many directions is it "
                "spread?",
            ),
            Wrong(
                "(k-1) * sigma**2/l**2",
                r"Count the directions in which the means differ: how large is the rank of "
                r"$\Sigma_B$, and so the trace of $\Sigma_W\Sigma_B^\dagger$?",
            ),
            Wrong(
                "sigma**2/l**2",
                "This compares one direction of noise with the whole length of a mean. Both have to "
                r"be taken direction by direction: what is $\Sigma_B$?",
            ),
        ],
        hints=[
            r"$\Sigma_B = \frac1k\tilde M^\top\tilde M$. Its trace is the mean squared length of the "
            "centred means, and for an ETF it is the same in every direction of their span.",
            r"The span has $k-1$ directions, so $\Sigma_B$ has variance $\ell^2/(k-1)$ in each, and "
            r"$\Sigma_B^\dagger$ has its inverse there and 0 elsewhere.",
        ],
        solution=r"""
For an ETF with rows of length $\ell$, $\Sigma_B = \frac1k\tilde M^\top\tilde M$ has trace $\ell^2$
spread evenly over $k-1$ directions, so each has variance $b = \ell^2/(k-1)$, and
$\operatorname{tr}(\Sigma_W\Sigma_B^\dagger)/k = \frac{k-1}{k}\sigma^2/b =
\frac{(k-1)^2}{k}\,\sigma^2/\ell^2$. For CDNV, $\operatorname{tr}\operatorname{Cov}_a = d\sigma^2$ and
$\lVert\mu_a-\mu_b\rVert^2 = 2\ell^2\,(1 + \frac1{k-1}) = 2\ell^2\frac{k}{k-1}$, so each pair, and
with it CDNV, gives $\frac{2d\sigma^2}{2\cdot 2\ell^2 k/(k-1)} = \frac{k-1}{k}\,
\frac{d\sigma^2}{2\ell^2}$. CDNV grows with $d$, NC1 doesn't, because NC1 looks only along the span of
the means. On made-up features both formulas are met:
""",
        code="""
import torch
from ncbook import collapse, geometry

torch.manual_seed(0)
means = 3.0 * geometry.simplex_etf(10, 64)
h = (means[:, None] + 0.1 * torch.randn(10, 5000, 64, dtype=torch.float64)).flatten(0, 1)
made_up = collapse.measure_collapse(h, torch.arange(10).repeat_interleave(5000))
print(made_up.nc1, 81 / 10 * 0.01 / 9, made_up.cdnv, 0.9 * 64 * 0.01 / 18)
answer = "(k-1)**2/k * sigma**2/l**2"
""",
    ),
    Exercise(
        label="ex-01-invariance",
        title="Predict, then run",
        kind="predict",
        prompt=r"""
A network collapsed well, but not exactly. The vector $(5, 0, \dots, 0)$ is now added to *all*
features; the classifier stays as it is. Which of these change in general? Decide before you run
`measure_collapse`.
""",
        answer=Choice(
            [
                "NC1",
                "the ETF distance",
                "the distance to the orthogonal frame, `of_distance`",
                "`self_duality`, between the classifier and the means",
                "`ncc_disagreement`, between the network and the nearest mean",
            ],
            "ce",
        ),
        right="Everything that is centred can't see a shift. The frame's distance isn't centred, and "
        r"the network's logits all move by $Wv$ while the nearest mean moves along.",
        wrong=[
            Wrong(
                "abcde",
                "Everything? Some of the five are made of differences alone, between features and "
                "means or between means. What does a shift of all features do to a difference?",
            ),
            Wrong(
                "c",
                "One of the classifier's fields notices as well: the nearest-mean rule moves along "
                "with the features; does the network?",
            ),
            Wrong(
                "cde",
                "Self-duality compares the rows of the classifier with the *centred* means. Have "
                "those moved?",
            ),
            Wrong(
                "e",
                "Of the two distances to a figure, one is measured from the common centre and the "
                "other from the origin. Which one depends on where the origin is?",
            ),
        ],
        hints=[
            r"Write $h' = h + v$. What happens to $\mu_c$, to $\mu_G$, to $\tilde\mu_c = \mu_c - "
            r"\mu_G$?",
            "Go through the five and ask of each: is it made of centred means and of deviations from "
            "the class means only?",
        ],
        solution=r"""
All class means and their mean move by $v$; centred means and deviations within classes stay. So NC1,
the ETF distance and `self_duality` don't change. `of_distance` is not centred and does. The nearest
mean of $h + v$ among the $\mu_c + v$ is the same class as before, but all logits move by $Wv$, which
may change the network's decision, so `ncc_disagreement` changes too. Doubling all features, by
contrast, leaves every distance alone, each being a ratio, and only `ncc_disagreement` may change,
since $b$ isn't doubled along.
""",
        code="""
import torch
from ncbook import collapse, geometry

torch.manual_seed(0)
labels = torch.arange(5).repeat_interleave(200)
means = geometry.simplex_etf(5, 8) + 0.05 * torch.randn(5, 8, dtype=torch.float64)
h = means[labels] + 0.2 * torch.randn(1000, 8, dtype=torch.float64)
w, b = means + 0.1 * torch.randn(5, 8, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
shift = torch.tensor([5.0, 0, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
before, after = (collapse.measure_collapse(x, labels, w, b) for x in (h, h + shift))
names = ["nc1", "etf_distance", "of_distance", "self_duality", "ncc_disagreement"]
changed = [abs(getattr(before, n) - getattr(after, n)) > 1e-6 for n in names]
answer = "".join(letter for letter, moved in zip("abcde", changed) if moved)
""",
    ),
    Exercise(
        label="ex-01-write-nc1",
        title="NC1 in ten lines",
        kind="code",
        prompt=r"""
Write `nc1(features, labels)` for tensors of shape $(n, d)$ and $(n,)$: this book's
$\operatorname{tr}(\Sigma_W\Sigma_B^\dagger)/k$, with covariances divided by $n_c$, and every class
counting the same whatever its size. It is tried on even and on uneven classes.
""",
        starter="""
def nc1(features, labels):
    ...
""",
        answer=Function(_nc1, _clouds),
        right=r"It agrees on even and uneven classes, so your $\Sigma_W$ is a mean over classes and "
        "your pseudo-inverse is taken where it should be.",
        wrong=[
            Wrong(
                _nc1_undivided,
                r"You have $\operatorname{tr}(\Sigma_W\Sigma_B^\dagger)$; this book divides it by "
                r"$k$, so that it is a mean over the directions of the means (nearly).",
            ),
            Wrong(
                _nc1_pooled,
                "Right on even classes only: your covariance within classes is taken over all "
                "samples at once, so large classes drown out small ones. Average over classes.",
            ),
            Wrong(
                _nc1_unbiased,
                "Slightly too large everywhere, and most so for small classes: is each covariance "
                "divided by the number of its features, or by one less, as `torch.cov` does?",
            ),
            Wrong(
                _nc1_about_all,
                "Right on even classes only: your between-class part is centred at the mean of all "
                "samples, which lies nearer to the large classes. Which centre has every class count "
                "the same?",
            ),
            Wrong(
                _trace_quotient,
                "You divide one trace by another. That counts noise in directions in which the "
                "means don't differ; the pseudo-inverse compares direction by direction.",
            ),
        ],
        hints=[
            "Loop over `labels.unique()`. For each class keep its mean and `x.T @ x / len(x)` of the "
            "deviations `x` from that mean.",
            r"Average the covariances for $\Sigma_W$. Stack the means, subtract *their* mean (not the "
            r"mean of all samples) and form $\Sigma_B = \tilde M^\top\tilde M/k$; then "
            "`torch.linalg.pinv`, in double precision.",
        ],
        solution=r"""
A direct version. `collapse.measure_collapse` gets the same number without ever forming the
$d\times d$ matrices, which matters once $d$ is in the thousands, and keeps short directions that a
pseudo-inverse in single precision would drop.
""",
        code="""
import torch


def nc1(features, labels):
    means, covariances = [], []
    for c in labels.unique():
        own = features[labels == c].double()
        means.append(own.mean(0))
        covariances.append((own - own.mean(0)).T @ (own - own.mean(0)) / len(own))
    within = torch.stack(covariances).mean(0)  # (d, d)
    centred = torch.stack(means) - torch.stack(means).mean(0)  # (k, d)
    between = centred.T @ centred / len(centred)
    return torch.trace(within @ torch.linalg.pinv(between)) / len(centred)


answer = nc1
""",
    ),
    Exercise(
        label="ex-01-pentagon",
        title="Equal lengths are not enough",
        kind="derive",
        prompt=r"""
Find five different points in the plane with equinorm 0 (seen from their centre, all equally long)
that are no simplex ETF; hand them in as an array of shape $(5, 2)$. If each is a class concentrated
in a point, NC1 is 0 as well. Which fields of `measure_collapse` notice? Why can *no* five points in
the plane be a simplex ETF?
""",
        answer=Construction(
            [
                (
                    _are_apart,
                    "Two of the points coincide, or nearly: then those classes have merged.",
                ),
                (
                    _are_equally_long,
                    "Seen from their common centre (subtract their mean first) they aren't equally "
                    "long: equinorm is above 0.",
                ),
            ],
            shape=(5, 2),
            form="an array of shape (5, 2)",
        ),
        right="Equinorm 0, NC1 0, and still no simplex: equiangularity and the ETF distance notice, "
        "and so does `rank`, which is 2 and not 4.",
        wrong=[
            Wrong(
                [[1, 0], [0, 1], [-1, 0], [0, -1], [0.6, 0.8]],
                "Seen from their common centre (subtract their mean first) they aren't equally long: "
                "equinorm is above 0.",
            ),
            Wrong(
                [[1, 0], [1, 0], [-1, 0], [0, 1], [0, -1]],
                "Two of the points coincide, or nearly: then those classes have merged.",
            ),
        ],
        hints=[
            "All on one circle is not enough: the circle's centre has to be the mean of the points.",
            "Which figure with five corners comes to lie on itself when it is turned about its "
            "centre?",
        ],
        solution=r"""
The corners of a regular pentagon, each class concentrated in its corner: equal lengths, zero noise.
Equiangularity and the ETF distance notice, since neighbouring corners make 72° and others 144°, and
so does `rank`, which is 2 and not 4: NC1 and equinorm don't miss the two absent directions. A simplex
ETF of five classes spans four dimensions ({prf:ref}`thm-simplex`, existence).
""",
        code="""
import numpy as np

turn = 2 * np.pi * np.arange(5) / 5
answer = np.stack([np.cos(turn), np.sin(turn)], axis=1)
""",
    ),
    Exercise(
        label="ex-01-control",
        title="A control for the figure",
        kind="experiment",
        prompt=r"""
A paper shows the ETF distance of a network falling from 1.1 to 0.45 for $k = 10$, $d = 512$ and
concludes that a simplex emerges. One number that the paper doesn't give decides how to read the 0.45.
Which one? Measure it, to within a tenth of itself.
""",
        answer=Number(0.1247, relative=0.12),
        right="Chance alone gives about that, so the network's 0.45 is more than three times as far "
        "from a simplex as ten directions that know nothing.",
        wrong=[
            Wrong(
                np.sqrt(2 - 2 / 3),
                "That is the largest ETF distance there is. The start of 1.1 is close to it, which "
                "says that the untrained means lie nearly on one line. Ask instead what means would "
                "have that know nothing of one another.",
            ),
            Wrong(
                0,
                "Zero is where a simplex is. That says how far there is to go, and not whether 0.45 is "
                "near: near compared with what?",
            ),
            Wrong(
                0.65,
                "That is the paper's fall. How far a curve fell says nothing until you know what "
                "distance chance would give.",
            ),
            Wrong(
                0.37,
                "That is the control for 64 dimensions, as in this chapter's figure. In 512 random "
                "directions are closer to orthogonal.",
            ),
        ],
        hints=[
            "The control: class means that have learnt nothing. What is their ETF distance?",
            "Draw ten random directions in 512 dimensions a few hundred times and average "
            '`geometry.gram_distance(directions, "etf")`.',
        ],
        solution=r"""
The value for means that know nothing. Ten random directions in 512 dimensions have an ETF distance of
about 0.12, so the network's 0.45 is more than three times as far from a simplex as chance. Nor does
the start of 1.1 help: it is almost the maximum of 1.155, all centred means on one line, so the fall
shows only that the means left the line. Going below the baseline is necessary, not sufficient: the
fall has to go on towards 0, for several seeds.
""",
        code="""
import numpy as np
import torch
from ncbook import geometry

torch.manual_seed(0)
drawn = torch.nn.functional.normalize(torch.randn(200, 10, 512), dim=-1)
answer = np.mean([geometry.gram_distance(directions, "etf") for directions in drawn])
""",
    ),
    Exercise(
        label="ex-01-test-set",
        title="Watch the test set",
        kind="experiment",
        prompt=r"""
Does collapse on training images carry over to images never seen? For the networks of this chapter
(`runs = profile("laptop").train("ce")`), measure NC1 on the training and on the test features,
`run.features("train")` and `run.features("test")`. Guess both first. Hand in an array with a row for
each seed: NC1 on training images, NC1 on test images.
""",
        answer=Construction(
            [
                (lambda a: bool((a > 0).all()), "NC1 is positive: an entry here isn't."),
                (
                    lambda a: bool((a[:, 0] < a[:, 1]).all()),
                    "In some row the training images don't have the smaller NC1. Are the columns the "
                    "right way round, and does each hold its own features?",
                ),
                (
                    lambda a: bool((a[:, 0] < 0.05).all()),
                    "These networks aren't collapsed on their own training images. Take the "
                    "finished runs of the laptop profile.",
                ),
                (
                    lambda a: bool((a[:, 1] > 1).all()),
                    "NC1 on test images comes out too small here. Which features did you pass the "
                    "second time?",
                ),
            ],
            shape=(None, 2),
            form="an array of shape (seeds, 2)",
        ),
        right="On the training images the classes are points; on others their clouds are many times "
        "wider than the constellation of their means. Collapse here is a fact about the images the "
        "network was trained on.",
        wrong=[
            Wrong(
                [[150.0, 0.003], [98.0, 0.004]],
                "In some row the training images don't have the smaller NC1. Are the columns the "
                "right way round, and does each hold its own features?",
            ),
            Wrong(
                [[0.003, 0.0031], [0.003, 0.0031]],
                "NC1 on test images comes out too small here. Which features did you pass the second "
                "time?",
            ),
            Wrong(
                [[12.0, 150.0]],
                "These networks aren't collapsed on their own training images. Take the finished "
                "runs of the laptop profile.",
            ),
        ],
        hints=[
            '`collapse.measure_collapse(*run.features("test")).nc1`, and the same for `train`.',
            "One row for each run in `runs`; `np.array([...])` of a list of pairs will do.",
        ],
        solution=r"""
On its training images each network has an NC1 of a few thousandths; on test images it is tens of
thousands of times larger, more than in the untrained network: along the directions in which the test
means differ, test clouds are far wider than the differences. So the measured collapse does not carry
over on these few images, though the network gets some three in ten of the test images right. To see whether NC1 on *test* images falls or rises during the
terminal phase, train runs of several lengths (`lab.train("ce", epochs=e)`): each anneals its rate to
the end, so these are finished networks of different length and no snapshots of one.
""",
        code="""
import numpy as np
from ncbook import collapse
from ncbook.lab import profile

runs = profile("laptop").train("ce")
answer = np.array(
    [[collapse.measure_collapse(*run.features(s)).nc1 for s in ("train", "test")] for run in runs]
)
""",
    ),
]

QUIZ = [
    Question(
        "NC1 of a network is 0.002. What do you know?",
        {
            "Clouds are small in the directions that the means use": "And that is all: a direction "
            "in which the means don't differ is left out."
        },
        {
            "Every class is concentrated in nearly one point": "NC1 is blind in directions in which "
            "the means don't differ. Two classes could even share their mean.",
            "The centred means form a simplex, or nearly one": "That is NC2. A collapsed pentagon "
            "has NC1 0.",
            "The network is right on its training images": "A classifier that reads the points "
            "wrongly can have perfectly collapsed features.",
        },
    ),
    Question(
        r"Ten class means, centred and of equal length. What is the *average* cosine between two of "
        "them?",
        {
            r"$-1/9$, whatever the network learnt": "They sum to zero, and that fixes the average. "
            "The discovery is that *each* cosine goes there."
        },
        {
            r"$0$, as for directions at random": "Only if they weren't centred: vectors that sum to "
            "zero must lean away from one another on average.",
            r"$-1/9$, but only after collapse": "Centring alone does it, at every epoch.",
            "It depends on which classes look alike": "Single cosines do; their average doesn't, "
            "once the vectors sum to zero.",
        },
    ),
    Question(
        "The ETF distance of an untrained network is 1.1 and after training 0.4; ten random "
        "directions in the same space have 0.37. What has been shown?",
        {
            "That the means have left one common line": "The start is close to the largest value "
            "there is, all means on one line; and below chance the network never got."
        },
        {
            "That a simplex has begun to emerge": "Ten directions that know nothing are closer to a "
            "simplex.",
            "That training pushed the means apart evenly": "No more evenly than a draw at random "
            "would have.",
            "Nothing: an ETF distance is a random number": "It is computed from the means; but it "
            "needs its baseline to be read.",
        },
    ),
    Question(
        "Which of these can tell an orthogonal frame from the simplex that its centred vectors form?",
        {
            "The distance to the orthogonal frame": "It isn't centred, and the origin is the whole "
            "difference."
        },
        {
            "The distance to the simplex ETF": "It centres first, and a centred orthogonal frame "
            "*is* a simplex.",
            "NC1, or CDNV for pairs of classes": "Both are made of differences between means and of "
            "deviations from them.",
            "Equinorm and equiangularity together": "Centred too: they see the same simplex in both.",
        },
    ),
    Question(
        "In the runs without weight decay the loss got lower and collapse all but stopped. What "
        "follows?",
        {
            "Fitting the training set is not enough to collapse in this time": "Within these epochs, "
            "for these networks; and no more than that has been shown."
        },
        {
            "Without weight decay cross-entropy never leads to a simplex": "Not shown: without decay "
            "directions still move, at the rate of $1/\\log t$. The runs end long before.",
            "It is weight decay that makes the simplex, whatever the loss": "One loss was tried. "
            "Decay alone shrinks all features; what should spread them?",
            "Networks that collapse more will generalise better": "The two sets of runs differ in "
            "more than collapse, and their test accuracies don't say so.",
        },
    ),
    Question(
        "NC1 is computed once in double and once in single precision; the second is a thousand times "
        "smaller. What is the likely reason?",
        {
            "Two means nearly merged, and a direction was dropped": "The pseudo-inverse takes the "
            "short direction between them for zero, and with it the noise there."
        },
        {
            "Rounding of small numbers, which is of no consequence": "A factor of a thousand is not "
            "rounding: a direction went missing.",
            "The features are too large for single precision": "NC1 is a ratio; the scale of the "
            "features cancels.",
            "Too few images to estimate a covariance with": "Both saw the same images.",
        },
    ),
    Question(
        "A network has collapsed perfectly. Which of these leave NC1 to NC4 as they are?",
        {
            "Rotate the features, and the classifier's rows along": "Lengths, angles and logits stay.",
            "Exchange two labels, and the classifier's rows for them": "Which class sits at which "
            "corner is nothing that the symptoms can see.",
            r"Add $v$ to all features, and take $Wv$ off the bias": "All that is centred stays, and "
            "so do the logits.",
        },
        {
            "Add a vector to the features of one class only": "Its mean moves against the others': "
            "the figure is no simplex any more.",
            "Multiply the first coordinate of all features by ten": "Points stay points, but lengths "
            "and angles between the means change.",
        },
    ),
]
