"""Exercises and quiz of chapter 8, The terminal phase is a support vector machine."""

import numpy as np
import torch
from torch import Tensor

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

Net = tuple[Tensor, Tensor, Tensor, Tensor]  # weight (k, d), bias (k,), features (n, d), labels


def _nets() -> list[Net]:
    """Small classifiers with a bias, whose rows don't sum to zero, on features off the origin."""
    chance = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    made = []
    for counts, dim in (((8, 8, 8), 5), ((20, 3, 6, 11), 7), ((5, 9), 3)):
        labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        means = 2 * draw(len(counts), dim)
        features = (means[labels] + 0.5 * draw(len(labels), dim) + 1).abs()
        made.append((means + 1 + 0.3 * draw(1, dim), draw(len(counts)), features, labels))
    return made


def _margins(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    """Every sample's margins, (n, k)."""
    scores = features @ weight.T + bias
    return scores.gather(1, labels[:, None]) - scores


def _by_class(margins: Tensor, labels: Tensor, mean: bool = False) -> Tensor:
    classes = range(margins.shape[1])
    parts = [margins[labels == c] for c in classes]
    return torch.stack([part.mean(0) if mean else part.min(0).values for part in parts])


def _scale(weight: Tensor, features: Tensor) -> Tensor:
    scale: Tensor = weight.norm() * features.norm(dim=1).mean()
    return scale


def _centred(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    least = _by_class(_margins(weight, bias, features, labels), labels)
    return least / _scale(weight - weight.mean(0), features - features.mean(0))


def _as_in_the_chapter(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    least = _by_class(_margins(weight, bias, features, labels), labels)
    return least / _scale(weight, features)


def _bias_left_behind(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    rows, moved = weight - weight.mean(0), features - features.mean(0)
    return _by_class(_margins(rows, bias, moved, labels), labels) / _scale(rows, moved)


def _means_of_margins(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    mean = _by_class(_margins(weight, bias, features, labels), labels, mean=True)
    return mean / _scale(weight - weight.mean(0), features - features.mean(0))


def _features_as_they_are(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    least = _by_class(_margins(weight, bias, features, labels), labels)
    return least / _scale(weight - weight.mean(0), features)


def _rows_as_they_are(weight: Tensor, bias: Tensor, features: Tensor, labels: Tensor) -> Tensor:
    least = _by_class(_margins(weight, bias, features, labels), labels)
    return least / _scale(weight, features - features.mean(0))


EXERCISES = [
    Exercise(
        label="ex-08-nowhere",
        title="A margin from nowhere",
        kind="experiment",
        prompt=r"""
Somebody reports normalised margins that are higher than yours, from the same network on the same
images. Nothing was trained any further and no decision differs. Find two ways to raise
$\bar\gamma_{ij}$ of a given network by a shift alone, one of $W$ and one of the features, without
changing anything that it does. By which factor can each of them raise the margins of this chapter's
networks, `profile("laptop").train("ce")`, at their last epoch? Hand in a row for each seed: the factor
by way of $W$, the factor by way of the features.
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a > 0.999).all()),
                    "A factor below 1 would lower the margins. Which of the two lengths stands in "
                    "the numerator?",
                ),
                (
                    lambda a: bool((a[:, 0] < 1.02).all()),
                    "There isn't that much to be had by way of $W$: these rows have been under "
                    "weight decay. Which vector did you add to all of them?",
                ),
                (
                    lambda a: bool((a[:, 1] < 1.4).all()),
                    "So large a factor needs more than one vector. Did you subtract from each "
                    "feature the mean of *its class*? That changes what the network does.",
                ),
                (
                    lambda a: bool((a[:, 1] > 1.05).all()),
                    "There is more to be had by way of the features. What have all of them in "
                    "common, behind a last ReLU?",
                ),
            ],
            shape=(None, 2),
            form="an array of shape (seeds, 2)",
        ),
        right="Weight decay has done the one already; the other is the part that all features share, "
        "which tells no classes apart. Centre both, and no shift can raise a margin any more.",
        wrong=[
            Wrong(
                [[1.0, 0.89], [1.0, 0.88], [1.0, 0.88]],
                "A factor below 1 would lower the margins. Which of the two lengths stands in the "
                "numerator?",
            ),
            Wrong(
                [[1.0, 9.4], [1.0, 8.7]],
                "So large a factor needs more than one vector. Did you subtract from each feature "
                "the mean of *its class*? That changes what the network does.",
            ),
            Wrong(
                [[1.0, 1.0], [1.0, 1.0]],
                "There is more to be had by way of the features. What have all of them in common, "
                "behind a last ReLU?",
            ),
        ],
        hints=[
            r"$\gamma_{ij}$ depends on $w_i-w_j$ only, $\lVert W\rVert_F$ on the rows themselves.",
            "Subtract one vector from all features and correct the bias by $W$ times it: no logit "
            r"changes. For which vector is the mean length nearly least?",
        ],
        solution=r"""
Add one vector to all rows of $W$: all $w_i-w_j$ stay, $\lVert W\rVert_F$ changes; it is least when the
rows sum to zero. And subtract one vector from all features, with the bias corrected by $W$ times it: all
logits stay, the mean length changes; to the centre $\mu_G$ it is about least. So centre both before
normalising. Centring $W$ brings nothing here, as weight decay has already done it. Centring the features
brings an eighth or so: with a last ReLU, features have a common part that tells no classes apart. The
ceiling $\sqrt k/(k-1)$ stays where it is. The common part was larger earlier, so some of the growth in the
text, about a third, is that part going away. The verdicts stay.

(Shifts aren't all. $h\mapsto Ah$ with $W\mapsto WA^{-1}$ changes no logit either, for any invertible $A$, and may
change the product of the lengths: centring doesn't close that loophole.)
""",
        code="""
from ncbook.lab import profile

import numpy as np

factors = []
for run in profile("laptop").train("ce"):
    w, h = run.path["weights"][-1].double(), run.path["features"][-1].double()
    shorter = h.norm(dim=1).mean() / (h - h.mean(0)).norm(dim=1).mean()
    factors.append([float(w.norm() / (w - w.mean(0)).norm()), float(shorter)])
answer = np.array(factors)
print(answer.round(4))
""",
    ),
    Exercise(
        label="ex-08-centred",
        title="Margins that can't be had for free",
        kind="code",
        prompt=r"""
Write `margins(weight, bias, features, labels)` that closes both loopholes: the $k\times k$ matrix of
$\gamma_{ij}$ over the product of $\lVert W\rVert_F$ and the mean length of the features, both centred
first, the rows of $W$ at their mean and the features at the mean of all samples. (On the diagonal it is 0.)
The result must stay the same if one vector is added to all rows of $W$, or one is subtracted from all
features and the bias is corrected.
""",
        starter="""
def margins(weight, bias, features, labels):
    ...
""",
        answer=Function(_centred, _nets),
        right="Where the origin of the features lies, and what all rows of $W$ have in common, is a "
        "matter of writing a network down. Neither counts any more.",
        wrong=[
            Wrong(
                _as_in_the_chapter,
                r"That is the chapter's $\bar\gamma_{ij}$, which both tricks can raise: centre what "
                "you divide by.",
            ),
            Wrong(
                _bias_left_behind,
                "You moved the features and left the bias where it was, so the logits have moved. "
                "Either correct the bias, or take the margins before you centre.",
            ),
            Wrong(
                _means_of_margins,
                r"You averaged over the samples of a class. $\gamma_{ij}$ is the least of them.",
            ),
            Wrong(
                _features_as_they_are,
                "One loophole is closed, that of $W$. The other is still open: shift the features "
                "far away, and correct the bias, and your margins shrink.",
            ),
            Wrong(
                _rows_as_they_are,
                "One loophole is closed, that of the features. The other is still open: add a long "
                "vector to all rows of $W$, and your margins shrink.",
            ),
        ],
        hints=[
            "The margins themselves don't need any centring: neither trick changes a logit "
            "difference. Only what you divide by does.",
            "`scores.gather(1, labels[:, None]) - scores` has all margins of all samples; take "
            "`min(0).values` over each class.",
        ],
        solution=r"""
The numerator sees logits only, and logit differences survive both tricks. The denominator is made of
centred things, which one vector can't move. `MarginStatistics` gives the numerator for data that don't
fit into memory. A scale for $W$ and one for the features cancel as well. What isn't taken care of is a
stretch of the feature space, $h\mapsto Ah$ and $W\mapsto WA^{-1}$, which changes no logit and may
change both lengths.
""",
        code="""
import torch


def margins(weight, bias, features, labels):
    scores = features @ weight.T + bias
    each = scores.gather(1, labels[:, None]) - scores  # (n, k)
    least = torch.stack([each[labels == c].min(0).values for c in range(len(weight))])
    rows, centred = weight - weight.mean(0), features - features.mean(0)
    return least / (rows.norm() * centred.norm(dim=1).mean())


answer = margins
""",
    ),
    Exercise(
        label="ex-08-other",
        title="A control by another network",
        kind="experiment",
        prompt=r"""
Twins are one control for regression to the mean. Here is another: choose the support vectors by
*another* network, of another seed, at the same epoch, and follow these images in the first. What do you
predict for their distance at the epoch of the choice, if being on the edge is a property of the image,
and what if it is an accident of the moment? Measure it on `profile("laptop").train("ce")` at the first
measured epoch by which every network has been without a mistake at least once. Hand in a table: row
$a$, column $b$ is the mean distance to its class mean, in network $a$, of the images that $b$ chose,
over that of all images.
""",
        answer=Construction(
            [
                (
                    lambda t: bool(t.shape[0] == t.shape[1] and len(t) > 1),
                    "There should be a row and a column for each network.",
                ),
                (
                    lambda t: bool((np.diag(t) > 1.1).all()),
                    "At the epoch of the choice a network's own support vectors are further out than "
                    "the average image. Do you choose and measure at the same epoch?",
                ),
                (
                    lambda t: bool(
                        (np.diag(t)[:, None] - t)[~np.eye(len(t), dtype=bool)].min() > 0.05
                    ),
                    "Here another network's choice is nearly as far out as one's own. Is each image "
                    "measured in the network of the *row*, whoever chose it?",
                ),
                (
                    lambda t: bool((t[~np.eye(len(t), dtype=bool)] > 0.8).all()),
                    "Off the diagonal the images come out nearer to their means than any of ours. "
                    "Over which images do you average below the line?",
                ),
            ],
            shape=(None, None),
            form="a table with a row and a column for each network",
        ),
        right="Images that another network has on its edge are images like any others. Who is on the "
        "edge is an accident of the moment, and an accident passes.",
        wrong=[
            Wrong(
                [[1.27, 1.23, 1.24], [1.27, 1.23, 1.24], [1.27, 1.23, 1.24]],
                "Here another network's choice is nearly as far out as one's own. Is each image "
                "measured in the network of the *row*, whoever chose it?",
            ),
            Wrong(
                [[1.0, 1.05, 1.07], [0.98, 1.08, 1.08], [1.04, 0.97, 1.04]],
                "At the epoch of the choice a network's own support vectors are further out than the "
                "average image. Do you choose and measure at the same epoch?",
            ),
            Wrong(
                [[1.27, 1.02, 1.02]],
                "There should be a row and a column for each network.",
            ),
        ],
        hints=[
            "`hard_margin_svm(features, labels).support` for each network at that epoch: as many "
            "choices as networks, and each is followed in all of them.",
            "All networks see the same images in the same order, so one network's choice indexes "
            "the features of another.",
        ],
        solution=r"""
If the image decides, another network's choice is as good as one's own, and they start as far out. If the
moment decides, they start at 1 and stay there. One's own choice starts at about one and a quarter, that of
the two others within a few hundredths of 1. An accident of the moment. Blunter: count the images that two
networks both have on the edge. It is hardly more than would be expected if each had drawn its fifty or so
at random.
""",
        code="""
from ncbook.lab import profile
from ncbook.margins import hard_margin_svm

import numpy as np

runs = profile("laptop").train("ce")
place = max(run.curve("train_accuracy").index(1) for run in runs)


def distances(run):
    h, y = run.path["features"][place].double(), run.path["labels"]
    means = [h[y == c].mean(0) for c in range(10)]
    return np.array([float((x - means[c]).norm()) for x, c in zip(h, y)])


edges = [hard_margin_svm(run.path["features"][place], run.path["labels"]).support for run in runs]
far = [distances(run) for run in runs]
answer = np.array([[d[edge.numpy()].mean() / d.mean() for edge in edges] for d in far])
print(answer.round(2))
for a, b in ((0, 1), (0, 2), (1, 2)):
    by_chance = edges[a].sum() * edges[b].sum() / len(edges[a])
    print(int((edges[a] & edges[b]).sum()), "shared,", round(float(by_chance), 1), "by chance")
""",
    ),
    Exercise(
        label="ex-08-rate",
        title="Why the angle is faster than its proof",
        kind="derive",
        prompt=r"""
Two classes, $d=2$, $v=w_1-w_2$, and write $z$ for $h$ in the first class and for $-h$ in the second, so
that margins are $v\cdot z$. Let there be two samples, $z_1=(1,1)$ and $z_2=(1,-c)$ with $c>0$. Find the
SVM, and show that $W_\lambda$ stays at a bounded distance from the ray of its direction, so that the angle
is $O(1/\rho)$: to which value does the *second entry* $v_2$ tend as $\lambda\to0$? Answer with a formula in
`c`. Then move the samples to $z_1=(1,0)$, $z_2=(1,1)$. What changes, and which words of Soudry's theorem
does that explain?
""",
        answer=Formula("-log(c)/(1+c)", {"c": (0.2, 6)}),
        right="A fixed distance from a ray that gets ever longer: the angle falls like one over the "
        "length. The theorem's proof asks only for the margin, and so promises the root of that.",
        wrong=[
            Wrong(
                "log(c)/(1+c)",
                "For $c>1$ the first sample has the larger multiplier: does that need a larger margin "
                "than the second's, or a smaller one?",
            ),
            Wrong(
                "0",
                "The *direction* tends to $(1,0)$, and it does so because $v_1$ grows. Nothing asks "
                "$v_2$ to vanish: which ratio of the two residuals keeps the gradient on the ray?",
            ),
            Wrong(
                "-log(c)",
                r"That would be $v_2$ if it were the difference of the two margins. Write out "
                r"$m_1-m_2$ for these $z$.",
            ),
            Wrong(
                "log(1/(1+c))/(1+c)",
                "You took one multiplier where their ratio is wanted.",
            ),
        ],
        hints=[
            r"$(1,0)=\alpha_1z_1+\alpha_2z_2$ with positive multipliers: find their ratio.",
            r"At a minimiser $v$ is a positive multiple of $p_1z_1+p_2z_2$ with $p_i=1/(1+e^{m_i})"
            r"\approx e^{-m_i}$. Far out this has to point nearly to $(1,0)$, which fixes $m_2-m_1$.",
        ],
        solution=r"""
Both margins of $v=(1,0)$ are 1, and $(1,0)=\frac{c}{1+c}z_1+\frac1{1+c}z_2$ with positive multipliers:
that is the SVM. At a minimiser of $J_\lambda$, $v$ is a positive multiple of $p_1z_1+p_2z_2$ with
$p_i=1/(1+e^{m_i})$. So $v_2$ has the sign of $p_1-c\,p_2$, while $m_2-m_1=-(1+c)v_2$ has the other
sign. As soon as both margins are positive, $\frac12e^{m_2-m_1}\le p_1/p_2\le2e^{m_2-m_1}$. If $v_2>0$,
then $c<p_1/p_2\le2e^{-(1+c)v_2}$; if $v_2<0$, then $c>p_1/p_2\ge\frac12e^{(1+c)|v_2|}$. Either way
$(1+c)|v_2|\le\log2+|\log c|$: a bounded distance. Both margins tend to infinity, so
$p_i\approx e^{-m_i}$; and as $v_1\to\infty$ with $v_2$ bounded, $v$ points nearly to $(1,0)$, which
takes $p_1\approx c\,p_2$, that is, $m_2-m_1\to\log c$ and $v_2\to-\frac{\log c}{1+c}$. For $c=2$ that
is a fixed distance of 0.231 from the ray, and an angle of about $0.231/\lVert v\rVert$.

In the second pair both margins of $(1,0)$ are again 1, but $(1,0)=1\cdot z_1+0\cdot z_2$: a support vector
with multiplier zero. Now $v_2/v_1=p_2/(p_1+p_2)\approx e^{-v_2}$ for large $v_2$, since $m_2-m_1=v_2$:
$v_2e^{v_2}\approx v_1$ and $v_2$ grows like $\log\lVert v\rVert$. The angle is $O(\log\rho/\rho)$. That is
the exceptional set of measure zero in {prf:ref}`thm-soudry`, and the $\log\log t/\log t$.
""",
        code="""
from ncbook.margins import regularised_ce

import numpy as np
import torch

y = torch.tensor([0, 1])
for z1, z2 in (([1.0, 1.0], [1.0, -2.0]), ([1.0, 0.0], [1.0, 1.0])):
    h = torch.tensor([z1, [-z for z in z2]], dtype=torch.float64)
    for decay in (1e-4, 1e-8, 1e-12):
        w = regularised_ce(h, y, decay)
        print(decay, (w[0] - w[1]).numpy().round(3))
print(-np.log(2) / 3)
answer = "-log(c)/(1+c)"
""",
    ),
    Exercise(
        label="ex-08-honest",
        title="An honest λ",
        kind="derive",
        prompt=r"""
You have $n=50{,}000$ samples of ten classes and want a guarantee from the chapter's theorem on the
regularisation path that $W_\lambda$ has 90 % of the largest margin. How small must λ be, at the least?
Hand in $\log_{10}\frac1\lambda$ for features with a small $\gamma^*$. What about gradient descent, if $t$
corresponds to $1/\lambda$? What do you conclude for the sentence “after training accuracy reaches 100 %,
the network maximises its margin”?
""",
        answer=Number(58.1, relative=0.01),
        right="No computation will ever see that λ, and no descent so many steps. Where networks come "
        "near the largest margin it is because their features came to meet the classifier.",
        wrong=[
            Wrong(
                np.log(50_000 * 9 / np.log(2)) / 0.1,
                "That is $\\log\\frac1\\lambda$ in natural units, and powers of ten were asked for.",
            ),
            Wrong(
                np.log10(50_000 * 9 / np.log(2)),
                "There the bound begins to hold, and it promises nothing yet: at that length it says "
                r"that the margin's share is at least $0$.",
            ),
            Wrong(
                np.log10(50_000) / 0.1,
                "$N$ counts constraints, and each sample has one for every wrong class.",
            ),
            Wrong(
                np.log10(50_000 * 9 / np.log(2)) / 0.9,
                "Which share is allowed to be missing? That is what $\\log N/(\\gamma^*\\rho)$ bounds.",
            ),
            Wrong(
                np.log10(50_000 * 9) / 0.1,
                r"Nearly. $N$ has one more factor, from the chord below $\log(1+x)$.",
            ),
        ],
        hints=[
            r"The guarantee is $1-\log N/(\gamma^*\rho)$, so how large must $\gamma^*\rho$ be?",
            r"At most, $\gamma^*\rho$ is $\sqrt{2(k-1)\gamma^{*2}+\ell^2}$ with $\ell=\log\frac1\lambda$."
            r" For small $\gamma^*$ that is $\ell$.",
        ],
        solution=r"""
$\log N=\log(50{,}000\cdot9/\log2)\approx13.4$, so $\gamma^*\rho$ must be 134 ({prf:ref}`thm-path`). The
upper bound is $\gamma^*\rho\le\sqrt{2(k-1)\gamma^{*2}+\ell^2}$, so
$\ell\ge\sqrt{134^2-18\gamma^{*2}}\approx134$ unless $\gamma^*$ is large: λ at most $e^{-134}\approx10^{-58}$
(by the lower bound, a guarantee proper asks for $\ell$ larger by 20 or more), and $10^{58}$ steps of descent.
`regularised_ce` gives up before.

The guarantee is for the worst data; the path on the networks' features does better. But the conclusion
stands: on those frozen features descent brings the margin to a share of the largest that the text gives,
and the rest is out of anybody's reach. Where networks come near to the largest margin, the features have
come to meet the classifier.
""",
        code="""
import numpy as np

level = np.log(50_000 * 9 / np.log(2)) / 0.1
print(level)
answer = level / np.log(10)
""",
    ),
    Exercise(
        label="ex-08-tail",
        title="Repair the argument",
        kind="derive",
        prompt=r"""
“Any decreasing loss of the margins that tends to zero leads to the SVM: to make the loss small, the
least margin has to be large.” Find the step of the proof about the regularisation path that fails for a
polynomial tail such as $(1+m)^{-1}$, $m\ge0$. How far off is the direction? Two classes in the plane,
margins $v\cdot z$ as in the exercise on rates, one sample $z_1=(1,0)$ and a hundred copies of
$z_2=(1,1)$: hand in the angle between the limit of $v$'s direction on that path and the SVM, in
degrees.
""",
        answer=Number(43.92, absolute=0.3),
        right="Nearly half a right angle: a hundred easy samples outvote the one that decides. With an "
        "exponential tail they cost a constant, which is forgotten.",
        wrong=[
            Wrong(
                0,
                "That is where the exponential tail leads. Here doubling $v$ halves all terms alike, "
                "so the sum never becomes its largest term.",
            ),
            Wrong(
                45,
                "There the hundred copies would have their way entirely, and the one sample no say. "
                "How much does it have?",
            ),
            Wrong(
                19.45,
                "That is for one copy of each. In the limit every sample counts, and forever: so "
                "does how many there are.",
            ),
            Wrong(
                np.radians(43.92),
                "Radians, it seems; the question asks for degrees.",
            ),
        ],
        hints=[
            r"For large $v$ the loss of a sample is about $1/(v\cdot z)$, which scales with "
            r"$\lVert v\rVert$: so the direction minimises the sum of these on the circle.",
            r"Minimise $\frac1{\cos\varphi}+\frac{100}{\cos\varphi+\sin\varphi}$; a grid will do. "
            "And the SVM: whose margin is the least?",
        ],
        solution=r"""
The sandwich of {prf:ref}`thm-path` becomes $\frac1n(1+m)^{-1}\le\mathcal L\le(k-1)(1+m)^{-1}$, and the step
*Wide* gives $1+m(W_\lambda)\ge(1+\gamma^*\rho)/(n(k-1))$: the constants divide the margin instead of being
subtracted from it, and don't go away as $\rho\to\infty$. (For $(1+m)^{-p}$ it is their $p$-th root.) The sum
never becomes its largest term: every sample counts forever. On the circle the limit of the direction
minimises $\frac1{v_1}+\frac{100}{v_1+v_2}$, some 44 degrees from the SVM. (That is $(1,0)$, where both
margins are 1; no $v$ of length 1 has a larger margin for $z_1$.) With an exponential tail the hundred copies
cost a constant, $\log100$, and are forgotten.
""",
        code="""
import numpy as np

turn = np.linspace(0, np.pi / 2 - 1e-3, 100_000)
v = np.cos(turn), np.sin(turn)
answer = np.degrees(turn[np.argmin(1 / v[0] + 100 / (v[0] + v[1]))])
print(answer)
""",
    ),
    Exercise(
        label="ex-08-two",
        title="Two classes of any size",
        kind="derive",
        prompt=r"""
The proposition on any class sizes excludes $k=2$ from its last statement. What do the means look like for
two classes of $n_1$ and $n_2$ samples: their lengths, their angle, the classifier? Hand in the length of
the *first* mean as a formula in `n1` and `n2` (all margins are 1, and the cost is the least possible). Why
doesn't a small class get longer features this time?
""",
        answer=Formula("(2/(n1+n2))**(1/4)/sqrt(2)", {"n1": (1, 60), "n2": (1, 60)}),
        right="Symmetric in the two sizes: antipodal means of one length. Both classes lean on the "
        "same vector $w_1-w_2$, and a unit of it serves either.",
        wrong=[
            Wrong(
                "(1/n1)**(1/4)/sqrt(2)",
                "You gave each class a length by its own size, as if it had a direction to itself. "
                "How many directions are orthogonal to $(1,1)$?",
            ),
            Wrong(
                "(2/(n1+n2))**(1/2)/2",
                "That is the squared length, an entry on the diagonal of $MM^\\top$.",
            ),
            Wrong(
                "(2/(n1+n2))**(1/4)",
                "That is the length of both means together, $\\lVert M\\rVert_F$.",
            ),
            Wrong(
                "((n1+n2)/2)**(1/4)/sqrt(2)",
                "That is the length of $w_1$: more samples make the classifier longer and the "
                "features shorter.",
            ),
        ],
        hints=[
            r"$P=uu^\top$ with $u=(1,-1)/\sqrt2$, so $A=PDP$ is a number times $P$. Which number?",
            r"$MM^\top=(A^\dagger)^{1/2}$ has the mean's squared length on its diagonal.",
        ],
        solution=r"""
On the line orthogonal to $\mathbf 1$ there is only one direction, so $A=PDP=\frac{n_1+n_2}2P$ for any sizes.
By {prf:ref}`prop-uneven` $MM^\top=(\frac2{n_1+n_2})^{1/2}P$: antipodal means of *equal* length
$(\frac2{n_1+n_2})^{1/4}/\sqrt2$, and $W\propto M$. A margin between two classes involves $w_1-w_2$ only. Both
classes lean on the same vector, and every unit of it serves either. With three classes a small class can use
a direction that is its own. A solver that knows nothing of this, for 50 and 2 samples on a line:
""",
        code="""
import numpy as np
from scipy.optimize import minimize

y = np.repeat([0, 1], [50, 2])


def margins(x):
    return (x[y] - x[1 - y]) * x[2:] - 1


start = np.random.default_rng(0).normal(size=54)  # w_1, w_2 and the features
limits = {"type": "ineq", "fun": margins}
found = minimize(lambda x: (x @ x / 2, x), start, jac=True, constraints=limits, method="SLSQP").x
print(found[2:52].mean(), found[52:].mean(), (2 / 52) ** 0.25 / 2**0.5)
answer = "(2/(n1+n2))**(1/4)/sqrt(2)"
""",
    ),
    Exercise(
        label="ex-08-ends",
        title="How cross-entropy ends",
        kind="predict",
        prompt=r"""
Thirty samples of three classes, and no bias. For which of these does $\lVert W_\lambda\rVert$ grow
without bound as $\lambda\to0$? Decide first, then try it with `regularised_ce`.
""",
        answer=Choice(
            [
                "Three small clouds in the plane, at the corners of a triangle around the origin",
                "The same, and one of the points occurs once more, under another class",
                "The same clouds, with some labels exchanged between the first two",
                "The same clouds, with all labels shuffled at random",
                "Thirty random points in forty dimensions, all labels shuffled",
            ],
            "abce",
        ),
        right="A growing norm says that *some* margins can grow while none has to fall below zero. "
        "Only where every direction is held back by mistakes on both sides does the classifier stop.",
        wrong=[
            Wrong(
                "ae",
                "In these two the loss tends to zero. But a loss that stays above zero may go on "
                "falling: is anything left to gain for the classes that have no mistake?",
            ),
            Wrong(
                "a",
                "Random labels, too, can be separated where there are more dimensions than points. "
                "And where only some classes overlap, look at the others.",
            ),
            Wrong(
                "abe",
                "One point under two labels holds back one difference of rows along one vector. "
                "Exchanged labels hold back the difference of two rows: what of the third class?",
            ),
            Wrong(
                "abc",
                "You left out the points whose labels mean nothing. Does separability ask for "
                "meaning?",
            ),
            Wrong(
                "abcde",
                "With every label shuffled in the plane, is there a $W\\ne0$ under which no margin is "
                "negative?",
            ),
        ],
        hints=[
            r"Norms grow without bound if some $W\ne0$, with rows that sum to zero, makes *no* margin "
            "negative, zeros allowed.",
            "Go through the five and ask whether there is such a $W$: it may treat two of the "
            "classes alike.",
        ],
        solution=r"""
{prf:ref}`prop-overlap` with $g=\max m(W)$ over $\lVert W\rVert_F=1$. In (a) and (e) $g>0$: forty dimensions
hold thirty points in general position whatever their labels. In (b) and (c) $g=0$: the point with two labels
needs one difference of rows to be orthogonal to it, and the exchanged labels need two rows to be equal, but
the remaining pairs can be told apart better and better, so the norm grows, while the loss stays above
$\frac{\log2}n$. In (d) every $W\ne0$ has a negative margin, $g<0$, and the loss has a minimiser. Norm and
loss at two decays, four powers of ten apart:
""",
        code="""
from ncbook.margins import regularised_ce

import torch
from torch.nn.functional import cross_entropy

torch.manual_seed(0)
y = torch.arange(3).repeat_interleave(10)
turn = 2 * torch.pi * torch.arange(3, dtype=torch.float64) / 3
clouds = 4 * torch.stack([turn.cos(), turn.sin()], 1)[y] + 0.5 * torch.randn(30, 2).double()
exchanged, shuffled = y.clone(), y[torch.randperm(30)]
exchanged[:3], exchanged[10:13] = 1, 0
cases = {
    "a": (clouds, y),
    "b": (torch.cat([clouds, clouds[:1]]), torch.cat([y, torch.tensor([1])])),
    "c": (clouds, exchanged),
    "d": (clouds, shuffled),
    "e": (torch.randn(30, 40).double(), shuffled),
}
answer = ""
for letter, (h, labels) in cases.items():
    early = regularised_ce(h, labels, 1e-4)
    late = regularised_ce(h, labels, 1e-8, start=early)
    print(letter, float(early.norm()), float(late.norm()), float(cross_entropy(h @ late.T, labels)))
    if late.norm() > 1.2 * early.norm():
        answer += letter
""",
    ),
]

QUIZ = [
    Question(
        "Between two epochs all margins of a network, in logits, double, and its training loss falls. "
        "What follows?",
        {
            "Nothing about how safe its decisions are, before weights and features are measured": "If "
            "$\\lVert W\\rVert$ has doubled, or all features have, no decision became any safer."
        },
        {
            "Its decisions on the training images have become safer by a factor of two": "Scale alone "
            "can do that, and no image would be any further from being mistaken.",
            "It has come nearer to the hard-margin SVM on its features of that epoch": "Multiply any "
            "classifier by two: the margins double and its direction stays.",
            "Nothing at all, since margins are only defined up to a constant factor": "In logits they "
            "are well defined. They just mix two things, and one of them is scale.",
        },
    ),
    Question(
        "On frozen, separable features plain gradient descent has run for a million steps. The angle "
        "to the SVM is 0.15 and hardly changes any more. What do you conclude?",
        {
            "That is what convergence like one over the logarithm of time looks like": "To halve the "
            "angle would take about the square of the number of steps."
        },
        {
            "The descent has converged, so its limit is another direction than the SVM": "It hasn't "
            "converged; the logarithm of the time hardly moves any more either.",
            "The features are not separable after all, or the limit would be reached": "Separable "
            "features are as slow as this. Overlap would stop the *norm*.",
            "The step size is too small, and a larger one would lead to the SVM in time": "It would "
            "multiply the time by a constant, and a logarithm hardly notices.",
        },
    ),
    Question(
        "Images that lie furthest from their class mean at epoch 30 are followed. At epoch 50 they "
        "are much nearer, compared with the others. Which controls tell a push from regression to the "
        "mean?",
        {
            "Choose the outermost images at epoch 50, and look back at epoch 30": "If they were nearer "
            "*before*, no push explains it: a push has one direction of time.",
            "Choose by another network, and follow the same images in this one": "What was an accident "
            "of the first network isn't one in the second.",
        },
        {
            "Repeat it with more images, so that the interval excludes zero": "Regression to the mean "
            "is no chance result; more images only make it more certain.",
            "Compare with images chosen at random at epoch 30, as a baseline": "These weren't extreme, "
            "so they have nothing to regress from; the gap would look the same.",
        },
    ),
    Question(
        "With ever smaller weight decay the classifier on certain features grows without bound. What "
        "is certain?",
        {
            "Some classifier, its rows not all equal, gives no sample a negative margin": "That is "
            "$g\\ge0$: some pairs may be told apart while others are not."
        },
        {
            "The features are separable, and the direction tends to their SVM": "Only if the loss "
            "tends to zero too. Two classes that overlap and a third apart do the same.",
            "The features overlap, or the classifier would have come to rest": "The other way round: "
            "on separable features it never comes to rest.",
            "The training loss tends to zero as the weight decay is taken away": "Not if some classes "
            "overlap: their share of the loss stays.",
        },
    ),
    Question(
        "Three classes of 100, 100 and 10 samples, free features, and the *sum* of all squared lengths "
        "is limited. What holds at the largest margin?",
        {
            "All samples of a class coincide": "Collapse needs no balance.",
            "All least margins between pairs of classes are equal": "The small class isn't worse off on "
            "the training set; its features are longer instead.",
        },
        {
            "The means form a simplex ETF": "That needs equal sizes, from three classes on. Limit each "
            "length by itself, and it is true again.",
            "The classifier is proportional to the class means": "Long features are cheap in a small "
            "class, and a long row of $W$ isn't: self-duality goes with the simplex.",
        },
    ),
    Question(
        "Networks on shuffled labels reach most of the simplex's margin for nearly all images, and "
        "test at chance. What does that refute?",
        {
            "That the training margin alone, however large, tells how a network does on new images": ""
            "Two groups with comparable margins, one at chance: something else has to enter a bound."
        },
        {
            "That larger margins go with better test accuracy within one training on true labels": "Not "
            "touched: there the labels mean something, and a network is compared with itself.",
            "That cross-entropy on separable features tends to the hard-margin support vector machine": ""
            "The theorem asks for separability, and meaningless labels can be separated.",
            "That margin bounds are valid, since a wide margin went with an error at chance level": "A "
            "bound has a complexity beside the margin, and that was large here.",
        },
    ),
]
