"""Exercises and quiz of chapter 4, The bottleneck meets collapse."""

import numpy as np

from ncbook.ib import linear_r2
from ncbook.press.classroom import (
    Choice,
    Construction,
    Exercise,
    Formula,
    Function,
    Question,
    Wrong,
)

Views = tuple[np.ndarray, np.ndarray, np.ndarray]


def _views() -> list[Views]:
    """Features of two networks (n, d) and labels (n,) with much, little and no shared noise."""
    chance = np.random.default_rng(0)
    made = []
    for common in (1.0, 0.5, 0.0):
        y = chance.permutation(np.arange(300) % 6)
        means, other, seen = chance.normal(size=(3, 6, 10))
        image = chance.normal(size=(300, 6)) * common
        image[1::2] *= 1.5  # so that it matters which half is fitted
        x = 4 * means[y] + image @ seen + chance.normal(size=(300, 10))
        z = 4 * other[y] + image @ chance.normal(size=(6, 10)) + chance.normal(size=(300, 10))
        made.append((x, z, y))
    return made


def _residuals(h: np.ndarray, y: np.ndarray) -> np.ndarray:
    means = np.stack([h[y == c].mean(0) for c in range(y.max() + 1)])
    return np.asarray(h - means[y])


def _held_out(x: np.ndarray, z: np.ndarray) -> float:
    return linear_r2(x[::2], z[::2], x[1::2], z[1::2])


def _within(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
    return _held_out(_residuals(x, y), _residuals(z, y))


def _with_classes(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
    return _held_out(x, z)


def _on_its_own_rows(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
    x, z = _residuals(x, y)[::2], _residuals(z, y)[::2]
    return linear_r2(x, z, x, z)


def _one_side_only(x: np.ndarray, z: np.ndarray, y: np.ndarray) -> float:
    return _held_out(_residuals(x, y), z)


def _to_simplex(gram: np.ndarray) -> float:
    """Δ_ETF of class means whose Gram matrix has these eigenvalues."""
    return float(np.sqrt(max(0.0, 2 - 2 * gram.mean() / np.sqrt((gram**2).mean()))))


def _ratios(pair: np.ndarray) -> np.ndarray:
    """Noise to signal of the nine directions: simplex means have variance 1/9 along each axis."""
    scales, variances = pair
    return np.asarray(9 * variances / scales**2)


def _of_features(pair: np.ndarray) -> float:
    return _to_simplex(pair[0] ** 2)


def _of_t(pair: np.ndarray, beta: float = 10.0) -> float:
    u = _ratios(pair)
    rho = 1 / (1 + u)
    return _to_simplex(rho * (beta * rho**2 - 1) / (u * (2 + u) * rho**2))


def _are_open(pair: np.ndarray) -> bool:
    return bool(((1 + _ratios(pair)) ** 2 < 10).all())


def _are_views(pairs: np.ndarray) -> bool:
    return bool((pairs > 1e-15).all() and (pairs < 1e15).all())


EXERCISES = [
    Exercise(
        label="ex-04-r2",
        title="A bound on R²",
        kind="derive",
        prompt=r"""
The proposition that collapse alone makes strangers linear maps of each other is for NC1 = 0. Let there be
`k` equally large classes, let the centred means of the first view span $k-1$ dimensions and its NC1 be `nc1`, let
a share `omega` of the *second* view's variance lie within classes, and let noise not be shared. Which
share of the second view's variance does the best linear map from the first explain at least, whatever the
shape of means and noise? Find the largest bound that always holds, as a formula in `nc1`, `omega` and
`k`. What does it guarantee for networks with NC1 = 0.01?
""",
        answer=Formula(
            "(1-omega)/(1+k*nc1)", {"nc1": (0.01, 3), "omega": (0.01, 0.9), "k": (2, 50)}
        ),
        right="Collapse alone explains nine tenths of the variance of networks like the six: before "
        r"an $R^2$ of 0.95 says anything about what they have in common, subtract that.",
        wrong=[
            Wrong(
                "1/(1+k*nc1)",
                "That is the share of what lies *between* the second view's classes. The rest of it is "
                "noise which the first view can't know.",
            ),
            Wrong(
                "(1-omega)/(1+k*nc1/(k-1))",
                r"You took $1/\theta_i$ at its mean, as in the symmetric model. All the noise may sit "
                "in one direction, and the second view may put all its variance there.",
            ),
            Wrong(
                "1-omega",
                "That is for NC1 = 0, when the first view gives away the class of each image exactly. Its "
                "own noise costs something too.",
            ),
            Wrong(
                "(1-omega)/(1+nc1)",
                r"This book's NC1 is divided by $k$. The sum of all $1/\theta_i$ can be as large as "
                r"$\operatorname{tr}(\Sigma_W\Sigma_B^\dagger)$.",
            ),
            Wrong(
                "(1-omega)/(1+k*nc1)**2",
                r"One factor for each view belongs to $\rho^2$. In $R^2$ the target isn't whitened: "
                "its own noise enters through its share of the variance only.",
            ),
        ],
        hints=[
            r"The best linear prediction explains $\operatorname{tr}(\Sigma_{X'X}\Sigma_X^{-1}"
            r"\Sigma_{XX'})=\frac1k\operatorname{tr}(\tilde M'^\top C\tilde M')$, with the matrix $C$ of "
            "the theorem's proof.",
            r"The eigenvalues of $C$ that matter are $1/(1+1/\theta_i)$. How small can one of them be if "
            r"$\sum_i1/\theta_i\le k\,\mathrm{NC1}$?",
        ],
        solution=r"""
{prf:ref}`prop-strangers` is for NC1 = 0. The best linear prediction of $X'$ explains
$\operatorname{tr}(\Sigma_{X'X}\Sigma_X^{-1}\Sigma_{XX'})=\frac1k\operatorname{tr}(\tilde M'^\top
C\,\tilde M')$, with $C$ as in the proof of {prf:ref}`thm-collapse-beta`. On the complement of
$\mathbf1$, where the columns of $\tilde M'$ lie, the eigenvalues of $C$ are
$1/(1+1/\theta_i)\ge1/(1+k\,\mathrm{NC1})$, as $\frac1{\theta_i}\le\sum_j\frac1{\theta_j}\le(k-1)\kappa=
k\,\mathrm{NC1}$. So it explains at least $\frac1{1+k\,\mathrm{NC1}}\cdot\frac1k\operatorname{tr}(\tilde
M'^\top\tilde M')$, and that trace is the variance between classes, a share $1-\omega'$. No larger bound
holds: let all noise of the first view lie along one direction of its means, and let the second view's
means differ in that direction only (or nearly only). The code prints bound and truth for the three
pairs (on the images on which the map is fitted): the bound promises about nine tenths.
""",
        code="""
import numpy as np
from ncbook import collapse, ib
from ncbook.lab import profile

k, lab = 10, profile("laptop")
configs = [lab.config("scl-twin", seed=s) for s in range(6)]
nets = lab.run({"twins": configs})["twins"]
for first, second in zip(nets[:3], nets[3:]):
    (h, y), (other, _) = (run.features("train") for run in (first, second))
    x, z = h.numpy().astype(float), other.numpy().astype(float)
    means = np.stack([z[y == c].mean(0) for c in range(k)])
    omega = (z - means[y]).var(0).sum() / z.var(0).sum()
    nc1 = collapse.measure_collapse(h, y).nc1
    print((1 - omega) / (1 + k * nc1), ib.linear_r2(x, z, x, z))
answer = "(1-omega)/(1+k*nc1)"
""",
    ),
    Exercise(
        label="ex-04-within",
        title="Without the classes",
        kind="code",
        prompt=r"""
Write the control that linear identifiability needs most: a function of the features `x` and `z` of two
networks, each of shape $(n,d)$, on the same images, and of the labels `y`, $0,\dots,k-1$. It returns
the $R^2$ of the best linear map from `x` to `z` *within* classes, fitted on the rows 0, 2, 4, … and
judged on the others. Class means are those of all rows. (`ib.linear_r2` does the fit.)
""",
        starter="""
import numpy as np
from ncbook import ib


def within(x, z, y):
    ...
""",
        answer=Function(_within, _views, absolute=0.02),
        right="Now only a difference between one cat and another counts. Where two networks share "
        "no noise it comes out at zero or below, however well the classes can be mapped.",
        wrong=[
            Wrong(
                _with_classes,
                "You left the class means in. Then a map that does nothing but send one set of class "
                "means to the other explains much of the variance.",
            ),
            Wrong(
                _on_its_own_rows,
                "You judge the map on the rows on which it was fitted. Two networks that have nothing "
                "in common then look related, the more so the more coordinates they have.",
            ),
            Wrong(
                _one_side_only,
                "You took the class means from `x` only. What is left of it can't predict the class "
                "means of `z`, but they still count among what has to be explained.",
            ),
        ],
        hints=[
            "Subtract from each row the mean of its class, in both networks: "
            "`h - means[y]` with `means` of shape $(k,d)$.",
            "`ib.linear_r2(a[::2], b[::2], a[1::2], b[1::2])` fits on even rows and judges on odd ones.",
        ],
        solution=r"""
Three lines, and each is one of the chapter's controls: class means out of both networks, one half to
fit and one to judge. For real ReLU features leave out coordinates that hardly any image excites, as the
chapter does, or a single image gets a huge weight.
""",
        code="""
import numpy as np
from ncbook import ib


def residuals(h, y):
    return h - np.stack([h[y == c].mean(0) for c in range(y.max() + 1)])[y]


def within(x, z, y):
    a, b = residuals(x, y), residuals(z, y)
    return ib.linear_r2(a[::2], b[::2], a[1::2], b[1::2])


answer = within
""",
    ),
    Exercise(
        label="ex-04-tenth",
        title="A tenth transition",
        kind="predict",
        prompt=r"""
A colleague compares two networks on ten classes, as in the first figure, and finds **ten** correlations
near one, and then a gap. You ask for three measurements. Subtracting from both networks the mean over
all images changes nothing. When *class* means are subtracted from both, nine correlations fall to what
chance gives, and one stays near one. The coordinate of that one direction varies by about as much in
each of the ten classes, and its tails are no heavier than a Gaussian's. Which explanation is left?
""",
        answer=Choice(
            [
                "the features weren't centred, so the mean of the means counts as a direction",
                "a coordinate that only a handful of outlying images excites, in both networks",
                "both networks have split one class in two parts, say seen from front and side",
                "something besides the class that both networks see, such as brightness",
                "chance: so many coordinates and so few images always show one more",
            ],
            "d",
        ),
        right="It varies in all classes alike, so it isn't about classes. To be sure, correlate the "
        "variate with the property itself.",
        wrong=[
            Wrong("a", "That direction would vanish when the mean over all images is subtracted."),
            Wrong(
                "b",
                "A few images far out are what heavy tails are made of. The excess kurtosis would be "
                "in the tens or hundreds.",
            ),
            Wrong(
                "c",
                "Then one class would move along this direction, with two modes, and the nine others "
                "would stay where they are.",
            ),
            Wrong(
                "e",
                "Chance is what the nine fell to when class means were gone; it doesn't reach values "
                "near one, and a permutation test would say so.",
            ),
        ],
        hints=[
            "Go through the five, and ask of each what every one of the three measurements would show.",
            "The second measurement says that the direction isn't one of those between class means. The "
            "third says in which images it is at work.",
        ],
        solution=r"""
*Not centred.* Then the tenth direction is the mean of the means; its correlation with a constant is 1,
and it vanishes when the mean is subtracted. *A coordinate that hardly any image excites.* A few outlying
images that both networks single out give a correlation near one; leave the coordinate out, or look at the
variate: a few values are large. (With all coordinates kept that aren't constant, one of the chapter's own
pairs has a tenth correlation far above the others'.) *A class in two parts.* If both networks split a
class, there are eleven clusters and ten directions; plot the tenth variate of that class, which has two
modes, and check that other classes don't move along it. *Something else that both see*, such as
brightness or a flip of the camera: the variate varies within all classes alike, stays when class means
are subtracted, and correlates with the image property. *Chance* is what a permutation test measures. The
code makes up a pair for each of the five and measures.
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck
from scipy.stats import kurtosis

draw, y = np.random.default_rng(0), np.arange(1000) % 10
seen, part = draw.normal(size=1000), draw.choice([-1, 1], 1000)
few = (np.arange(1000) % 251 == 3).astype(float)
extra = dict(a=np.ones(1000), b=few, c=part * (y == 3), d=seen, e=np.zeros(1000))


def network(along):
    h = draw.normal(size=(10, 12))[y] + np.outer(5 * along, draw.normal(size=12))
    return h - h.mean(0) + 0.1 * draw.normal(size=(1000, 12))


def residuals(h):
    return h - np.stack([h[y == c].mean(0) for c in range(10)])[y]


for letter, along in extra.items():
    x, z = residuals(network(along)), residuals(network(along))
    left = GaussianBottleneck.fit(x, z)
    v = left.transform(x, 1.01 * left.critical_betas[0])[:, 0]
    uneven = max(v[y == c].var() for c in range(10)) / v.var()
    print(letter, left.correlations[0].round(2), kurtosis(v).round(1), uneven.round(1))
    if left.correlations[0] > 0.9 and kurtosis(v) < 1 and uneven < 2:
        answer = letter
""",
    ),
    Exercise(
        label="ex-04-shared",
        title="Repair the formula",
        kind="derive",
        prompt=r"""
In the symmetric model, let the noise be shared in part: in each of the $k-1$ directions of the means,
matched between the views, $\varepsilon$ and $\varepsilon'$ have correlation $r$. Derive the critical
$\beta$ of these directions as a formula in `r`, `kappa` and `kappa2` (for $\kappa'$). Where does it go
when $\kappa$ and $\kappa'$ become large, and does that explain why the measured transitions begin where
they do, far below the formula?
""",
        answer=Formula(
            "(1+kappa)*(1+kappa2)/(1+r*sqrt(kappa*kappa2))**2",
            {"r": (0.05, 0.9), "kappa": (0.05, 5), "kappa2": (0.05, 5)},
        ),
        right=r"For large $\kappa$ it tends to $1/r^2$: two views without any classes, which see the same "
        "image. Untrained networks are such views.",
        wrong=[
            Wrong(
                "(1+kappa)*(1+kappa2)",
                r"That is the formula without shared noise. What does $r$ add to the covariance between "
                "the two views?",
            ),
            Wrong(
                "(1+kappa)*(1+kappa2)/(1+r)**2",
                "You added $r$ to the covariance as if noise and signal were equally large. The noise "
                r"has variance $\kappa$ times the signal's.",
            ),
            Wrong(
                "(1+kappa)*(1+kappa2)/(1+r*sqrt(kappa*kappa2))",
                r"The numerator is that of $1/\rho^2$ and the denominator that of $1/\rho$.",
            ),
            Wrong(
                "(1+kappa)*(1+kappa2)/(1+r*kappa*kappa2)**2",
                r"$\kappa$ and $\kappa'$ are ratios of variances. Which two quantities does a correlation "
                "multiply to make a covariance?",
            ),
            Wrong(
                "(1+(1-r)*kappa)*(1+(1-r)*kappa2)",
                "You took the shared part of the noise away. It is still there, and both views can "
                "read it off each other: it acts like signal.",
            ),
        ],
        hints=[
            r"In one direction the first view is $\sqrt b\,s+\sigma\varepsilon$ and the second "
            r"$\sqrt{b'}\,s+\sigma'\varepsilon'$, with the same $s$ of variance 1. Write down variances and "
            "covariance.",
            r"$\rho=\dfrac{\sqrt{bb'}+r\sigma\sigma'}{\sqrt{(b+\sigma^2)(b'+\sigma'^2)}}$; divide by "
            r"$\sqrt{bb'}$.",
        ],
        solution=r"""
$\Sigma_{XX'}$ becomes $\sqrt{bb'}+r\sigma\sigma'$ in each of the nine directions, so
$\rho=\frac{1+r\sqrt{\kappa\kappa'}}{\sqrt{(1+\kappa)(1+\kappa')}}$ and
$\beta_c=\frac{(1+\kappa)(1+\kappa')}{(1+r\sqrt{\kappa\kappa'})^2}$. As $\kappa\to\infty$ it goes to
$1/r^2$: two views without any classes, that see the same image. The code estimates $r$ in the untrained
and in the trained networks, along their first nine canonical directions, as a correlation of residuals,
and prints $-2\log r$ for the untrained ones: about where the measured mean of $\log\beta$ begins. At the
end $r$ is smaller, and $\kappa$ so small that it hardly counts. So the formula can accommodate the
beginning, which is less than an explanation: with nearly all variance within classes, $r$ is little else
than $\rho$ itself, it was estimated on directions chosen to correlate, and a part of it is chance (a
thousand images, sixty dimensions), as the chapter's permutation shows.
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck
from ncbook.lab import profile

lab = profile("laptop")
configs = [lab.config("scl-twin", seed=s) for s in range(6)]
nets = lab.run({"twins": configs})["twins"]


def used(run, epoch):
    h = run.path["features"][epoch].numpy().astype(float)
    return h[:, (h != h.min(0)).mean(0) >= 0.02]


def residuals(x, z, y):
    pair = GaussianBottleneck.fit(x, z)
    u = pair.transform(x, 1.01 * pair.critical_betas[8])[:, :9]
    return u - np.stack([u[y == c].mean(0) for c in range(10)])[y]


for epoch in (0, -1):
    found = []
    for one, other in zip(nets[:3], nets[3:]):
        x, z, y = used(one, epoch), used(other, epoch), one.path["labels"].numpy()
        both = zip(residuals(x, z, y).T, residuals(z, x, y).T)
        found += [abs(np.corrcoef(p, q)[0, 1]) for p, q in both]
    print("r", np.mean(found), "-2 log r", -2 * np.log(np.mean(found)))
answer = "(1+kappa)*(1+kappa2)/(1+r*sqrt(kappa*kappa2))**2"
""",
    ),
    Exercise(
        label="ex-04-lies",
        title="Labels that lie",
        kind="derive",
        prompt=r"""
Instead of a second network take one-hot labels of which a share $\eta$ has been replaced by a wrong
class, each wrong class equally likely, independently of the features. Derive the critical $\beta$ in the
symmetric model, as a formula in `kappa`, `eta` and `k`. Where do the transitions go as NC1 → 0, and when
do they disappear?
""",
        answer=Formula(
            "(1+kappa)/(1-k*eta/(k-1))**2", {"kappa": (0.02, 3), "eta": (0.02, 0.45), "k": (3, 30)}
        ),
        right=r"What can't be predicted has a price that collapse doesn't lower: the transitions merge, "
        "but above 1.",
        wrong=[
            Wrong(
                "(1+kappa)/(1-eta)**2",
                r"With $1-\eta$ you count the labels that are right. A wrong label isn't neutral: it is "
                "never the true class, so on average it points away from it.",
            ),
            Wrong(
                "(1+kappa)/(1-k*eta/(k-1))",
                r"The means of the labels shrink by this factor, and $C'$ is made of their products.",
            ),
            Wrong(
                "(1+kappa)**2/(1-k*eta/(k-1))**2",
                "You squared the features' factor, as for two equal views. The labels are the second "
                "view, and they have a factor of their own.",
            ),
            Wrong(
                "1+kappa",
                "That is for labels that tell the truth. What is the mean of a false one-hot label, "
                "given the true class?",
            ),
        ],
        hints=[
            r"Given the true class $c$, the label's mean is $(1-\eta)e_c$ plus $\eta$ spread over the "
            r"$k-1$ others. Write it as a multiple of $e_c$ plus a constant.",
            r"Over all images, each label is as frequent as before, so the covariance of the one-hot "
            r"label hasn't changed. Only $\tilde M'$ has, by a factor.",
        ],
        solution=r"""
The mean of the false one-hot label given the true class is $\frac{\eta}{k-1}\mathbf1+u\,e_c$ with
$u=1-\eta-\frac\eta{k-1}=1-\frac{k}{k-1}\eta$, so $\tilde M'=u\,(I-\frac1k\mathbf1\mathbf1^\top)$, while
the label's own covariance stays what it was. Hence $C'=u^2$ times the projection, and
$\beta_c=\frac{1+\kappa}{u^2}$. As NC1 → 0 they merge at $1/u^2>1$: what can't be predicted has a price
that collapse doesn't lower. At $\eta=\frac{k-1}k$ labels are independent of the class, $u=0$, and there
are no transitions. (Beyond, $u<0$ and they come back: who lies too often gives himself away.) The code
compares with a sample of twenty thousand, at $\eta=0.3$.
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck

k, draw = 10, np.random.default_rng(0)
true = np.arange(20_000) % k
lying = draw.random(len(true)) < 0.3
told = np.where(lying, (true + draw.integers(1, k, len(true))) % k, true)
x = np.eye(k)[true] + 0.1 * draw.normal(size=(len(true), k))
found = GaussianBottleneck.fit(x, np.eye(k)[told][:, 1:]).critical_betas[: k - 1]
print(found.mean(), (1 + k * 0.1**2) / (1 - 0.3 * k / (k - 1)) ** 2)
answer = "(1+kappa)/(1-k*eta/(k-1))**2"
""",
    ),
    Exercise(
        label="ex-04-shape",
        title="Simplex in, simplex out",
        kind="derive",
        prompt=r"""
Construct a pair of views whose class means are an exact simplex while those of $T$ are far from one
($\Delta_{\mathrm{ETF}}$ above 0.7), and another whose class means are nearly flat
($\Delta_{\mathrm{ETF}}$ above 1) while those of $T$ are an exact simplex (below 0.01). Take $\beta=10$
and let all nine transitions of ten classes lie below it. Both views of a pair have the same moments and
share no noise: class means `simplex_etf(10, 9) * scales`, and noise with `variances` along the nine axes.
Hand in `[[scales, variances], [scales, variances]]`, of shape $(2,2,9)$. What does a measured
$\Delta_{\mathrm{ETF}}$ of $T$ say about a network, then?
""",
        answer=Construction(
            [
                (
                    _are_views,
                    "Scales and variances must all be positive (and not absurdly small or large), or "
                    "there is a direction without signal or without noise.",
                ),
                (
                    lambda pairs: _of_features(pairs[0]) < 0.01,
                    "The first pair's class means aren't a simplex: unequal scales bend it.",
                ),
                (
                    lambda pairs: _of_features(pairs[1]) > 1,
                    "The second pair's class means aren't flat enough. Their Gram eigenvalues are the "
                    "squared scales: make a few of them much larger than the rest.",
                ),
                (
                    lambda pairs: _are_open(pairs[0]) and _are_open(pairs[1]),
                    r"In one of the pairs some transition lies above $\beta=10$: there noise is too "
                    "strong for the signal, and $T$ has fewer than nine numbers.",
                ),
                (
                    lambda pairs: _of_t(pairs[0]) > 0.7,
                    "The first pair's $T$ is too close to a simplex. Its shape comes from noise shares "
                    "that differ between directions: let them differ more.",
                ),
                (
                    lambda pairs: _of_t(pairs[1]) < 0.01,
                    "The second pair's $T$ is no simplex: in some directions there is less noise for "
                    "the signal than in others, and there it has larger gains.",
                ),
            ],
            shape=(2, 2, 9),
            form="an array of shape (2, 2, 9)",
        ),
        right="It says whether the Fisher ratios of the nine directions are equal, which is a property "
        "of means and noise together. The shape of the means drops out.",
        wrong=[
            Wrong(
                [[[1] * 9, [0.01] * 9], [list(np.geomspace(1, 1e-3, 9)), [1e-8] * 9]],
                "The first pair's $T$ is too close to a simplex. Its shape comes from noise shares that "
                "differ between directions: let them differ more.",
            ),
            Wrong(
                [[[1] * 9, list(0.1 * 4.0 ** -np.arange(9))]] * 2,
                "The second pair's class means aren't flat enough. Their Gram eigenvalues are the "
                "squared scales: make a few of them much larger than the rest.",
            ),
            Wrong(
                [
                    [[1] * 9, list(0.1 * 4.0 ** -np.arange(9))],
                    [list(np.geomspace(1, 1e-3, 9)), [1e-8] * 9],
                ],
                "The second pair's $T$ is no simplex: in some directions there is less noise for the "
                "signal than in others, and there it has larger gains.",
            ),
            Wrong(
                [[[1] * 9, [0.01] * 9], [list(np.geomspace(1, 1e-3, 9)), [0.01] * 9]],
                r"In one of the pairs some transition lies above $\beta=10$: there noise is too strong "
                "for the signal, and $T$ has fewer than nine numbers.",
            ),
        ],
        hints=[
            r"$\Sigma_B$ has variance scale²/9 along each axis, so $1/\theta_i=9\,v_i/\text{scale}_i^2$, "
            r"and $\rho_i=1/(1+1/\theta_i)$ for equal views.",
            r"$g_i=\rho_i(\beta\rho_i^2-1)/(1-\rho_i^2)$ is nearly proportional to $\theta_i$ once noise "
            r"is small. For the first pair spread the $\theta_i$, for the second make them equal.",
        ],
        solution=r"""
$T$'s shape comes from the ratio of noise to signal, direction by direction ({prf:ref}`prop-t-shape`).
First: simplex means, and noise whose variance falls by a factor of four from each direction to the next.
Second: any flat means, with noise flat in the same way, $\Sigma_W=0.01\,\Sigma_B$ on the span.
$\Delta_{\mathrm{ETF}}$ of $T$ tells whether the Fisher ratios of the $k-1$ directions are equal, which is
a property of means and noise together.
""",
        code="""
import numpy as np
from ncbook import geometry, ib
import torch

simplex = geometry.simplex_etf(10, 9).numpy()
flat = np.geomspace(1, 1e-3, 9)
round_means = [np.ones(9), 0.1 * 4.0 ** -np.arange(9)]
answer = np.array([round_means, [flat, 0.01 * flat**2 / 9]])
for scales, variances in answer:
    means = simplex * scales
    between = means.T @ means / 10
    total = between + np.diag(variances)
    sent = means @ ib.GaussianBottleneck(total, total, between).projection(10).T
    pair = torch.as_tensor(means), torch.as_tensor(sent)
    print([geometry.gram_distance(points, "etf") for points in pair])
""",
    ),
    Exercise(
        label="ex-04-two",
        title="Two classes",
        kind="predict",
        prompt=r"""
Let there be only two classes, $k=2$, whose means differ. Which of these statements still say something,
in that they could turn out false for some network or some noise, or forbid something? Decide before you
try the made-up features of the last exercise with $k=2$.
""",
        answer=Choice(
            [
                "all class transitions coincide",
                "the class means form a simplex ETF once centred",
                r"the class means of $T$ form a simplex ETF once centred",
                r"NC1 bounds from above where the transition is, for noise that isn't shared",
                r"on normal scores the transition doesn't go to $\beta=1$ as NC1 → 0",
                "if the views share nothing but the class, there is one transition and no second",
            ],
            "def",
        ),
        right="With two classes the geometry is a line, and everything that is said about its shape is "
        "empty. What is said about noise, ranks and rank stays.",
        wrong=[
            Wrong(
                "abcdef",
                "Some of these are about several directions, or about the shape of several points. How "
                "many directions and which shapes are there with two means?",
            ),
            Wrong(
                "de",
                "Two of them, yes. Now go through the others and ask what one might measure in two networks "
                "that would contradict each.",
            ),
            Wrong(
                "df",
                "Two of them, yes. Now take two ever tighter clusters on a line, and ask of each of the "
                "others whether anything in it still moves, or might have.",
            ),
            Wrong(
                "bdef",
                "Two centred means always sum to zero. Which shapes can they have?",
            ),
        ],
        hints=[
            "Two centred means are opposite to each other. Which distances from a simplex are possible?",
            "Go through the results of the chapter with $k-1=1$: one direction, one transition. Which of "
            "them compare directions with one another, and which speak of each by itself?",
        ],
        solution=r"""
One direction, one transition, at $(1+2\,\mathrm{NC1})^2$ for symmetric views. Two centred means are
opposite to each other, so $\Delta_{\mathrm{ETF}}$ is 0 for features and for $T$ whatever has been learnt,
and "all transitions coincide" is empty. {prf:ref}`lem-fisher` stays, with $\kappa=2\,\mathrm{NC1}$ the
noise along the line through the two means and $1/\theta$ that along Fisher's discriminant, and so does
the count of {prf:ref}`prop-count`. The trap of {prf:ref}`prop-ranks` stays, weaker: $q=0$,
$v=\frac12(4\varphi(0))^2=\frac4\pi$, and $\beta=(\frac\pi4+\frac12)^2=1.65$ where the raw value tends
to 1.
""",
        code="""
import numpy as np
from ncbook import collapse, geometry, ib
import torch

draw, y = np.random.default_rng(0), np.arange(20_000) % 2
rows = []
for _ in range(20):
    means, mix = 2 * draw.normal(size=(2, 3)), draw.normal(size=(3, 3)) / 2
    x, z = (means[y] + draw.normal(size=(len(y), 3)) @ mix for _ in range(2))
    betas = ib.GaussianBottleneck.fit(x, z).critical_betas
    nc1 = collapse.measure_collapse(torch.as_tensor(x), torch.as_tensor(y)).nc1
    pair = torch.as_tensor(means), torch.as_tensor(means @ mix)
    shapes = [geometry.gram_distance(points, "etf") for points in pair]
    rows.append([*shapes, betas[0] / ib.view_critical_beta(nc1, 2), betas[1]])
first, second, bound, next_one = np.transpose(rows)
tight = [np.eye(2)[y] + 1e-3 * draw.normal(size=(len(y), 2)) for _ in range(2)]
scored = ib.MetaGaussianBottleneck.fit(*tight).critical_betas[0]
print(scored, (np.pi / 4 + 0.5) ** 2, bound.max(), next_one.min())
says = [False, first.max() > 1e-6, second.max() > 1e-6, bound.max() < 1.02]
says += [scored > 1.5, next_one.min() > 100]
answer = "".join(letter for letter, something in zip("abcdef", says) if something)
""",
    ),
    Exercise(
        label="ex-04-nat",
        title="A nat for nothing",
        kind="experiment",
        prompt=r"""
Compression lowered the test loss by more than a nat. A sceptic says that this is nothing but modesty:
divide the logits of the *uncompressed* network by a number, and you get the same. Design the control
and run it. Hand in an array with a row for each price, 0, 0.01, 0.1, 0.3, each entry a mean over the
three networks: the test loss on the odd test images as it is, and with the logits divided by the number
that is best for that network on the even ones. What is left of the advantage?
""",
        starter="""
from ncbook.lab import profile

lab = profile("laptop")
prices = (0.0, 0.01, 0.1, 0.3)
runs = lab.run(
    {p: [lab.config("vib", seed=s, compression=p) for s in lab.seeds] for p in prices}
)
h, y = runs[0.0][0].features("test")  # logits: run.model().classifier(h)
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a > 1.2).all()),
                    "A test loss this low doesn't occur in these networks: are these training images, "
                    "or accuracies?",
                ),
                (
                    lambda a: bool((a[:, 1] <= a[:, 0] + 0.01).all()),
                    "In some row the help has made the loss larger. Are the columns the right way "
                    "round?",
                ),
                (
                    lambda a: bool((a[1:, 1] < a[1:, 0] - 1e-3).all()),
                    "Some compressed networks got no help. A fair comparison fits a divisor to each "
                    "network, whatever its price.",
                ),
                (
                    lambda a: bool(a[0, 0] - a[3, 0] > 1 and a[0, 0] - a[0, 1] > 1),
                    "The first row should show the overconfident network: without help it loses far "
                    "more than with it, and far more than at the highest price.",
                ),
                (
                    lambda a: bool(np.ptp(a[:, 1]) < 0.3),
                    "After equal help these rows differ by more than they should. Is each divisor "
                    "chosen on the even images, and wide enough a range searched?",
                ),
            ],
            shape=(4, 2),
            form="an array of shape (4, 2)",
        ),
        right="With equal help all prices come out about the same. What the price had taught was "
        "modesty: the bound had measured the classifier behind the code, and not the code.",
        wrong=[
            Wrong(
                [[3.9, 1.9], [2.75, 2.75], [2.2, 2.2], [1.9, 1.9]],
                "Some compressed networks got no help. A fair comparison fits a divisor to each network, "
                "whatever its price.",
            ),
            Wrong(
                [[1.9, 3.9], [1.9, 2.75], [1.9, 2.2], [1.9, 1.95]],
                "In some row the help has made the loss larger. Are the columns the right way round?",
            ),
            Wrong(
                [[0.01, 0.01], [0.02, 0.02], [0.2, 0.2], [1.1, 1.1]],
                "A test loss this low doesn't occur in these networks: are these training images, or "
                "accuracies?",
            ),
            Wrong(
                [[3.9, 3.0], [2.75, 2.4], [2.2, 2.0], [1.95, 1.9]],
                "The first row should show the overconfident network: without help it loses far more "
                "than with it, and far more than at the highest price.",
            ),
        ],
        hints=[
            "One number for each network, not one for all, and not chosen on the images on which it is "
            "judged. Compressed networks get the same help as the others.",
            "`scipy.optimize.minimize_scalar` over the logarithm of the divisor, `bounds=(-2, 5)`, of "
            "`cross_entropy(z[::2] / divisor, y[::2])`; then the loss on `z[1::2]`.",
        ],
        solution=r"""
Choose the divisor on half of the test images and judge on the other half; do the same for the compressed
networks, so that all have had the same help. Without help the losses differ by up to two nats; with one
number fitted to each network they differ by less than a tenth or so, the uncompressed networks among
them. No advantage is left that three networks could show: what the price taught is modesty. The bound
$I(m(X);Y)\ge H(Y)-\text{loss}$ had measured the classifier behind the code, and not the code.
""",
        code="""
import numpy as np
from ncbook.lab import profile
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

lab = profile("laptop")
prices = (0.0, 0.01, 0.1, 0.3)
runs = lab.run(
    {p: [lab.config("vib", seed=s, compression=p) for s in lab.seeds] for p in prices}
)


def losses(run):
    h, y = run.features("test")
    with torch.no_grad():
        z = run.model().classifier(h)

    def loss(log_divisor, part):
        return cross_entropy(z[part::2] / np.exp(log_divisor), y[part::2]).item()

    best = minimize_scalar(lambda u: loss(u, 0), bounds=(-2, 5), method="bounded").x
    return loss(0.0, 1), loss(best, 1)


table = [[losses(run) for run in runs[price]] for price in prices]  # (4, networks, 2)
answer = np.mean(table, axis=1)
print(answer.round(2))
""",
    ),
]

QUIZ = [
    Question(
        "Two networks have collapsed to an NC1 of 0.01. On training images one is a linear map of the "
        "other with $R^2=0.97$. What does that show?",
        {
            "Hardly more than that both have collapsed": "Ten points that span nine dimensions can be "
            "sent anywhere: collapse alone brings it about."
        },
        {
            "That they see the same differences between two cats": "For that, class means would have to "
            "be subtracted first. Within classes the chapter found nothing.",
            "That the contrastive loss aligns what is learnt": "Networks on shuffled labels get as much, "
            "and the proposition asks for no loss.",
            "That they would agree on test images as well": "There, the chapter's networks agreed on "
            "hardly anything, less than untrained ones.",
        },
    ),
    Question(
        r"Someone reports $R^2=0.7$ between two trained networks, on test images. Which controls does the "
        "number need before it can mean that training made them see alike, and not only classify?",
        {
            "The same number for two untrained networks": "Random weights of one architecture have about "
            "that much in common.",
            "The same number with class means subtracted": "Otherwise it may be the classes alone that "
            "are mapped.",
        },
        {
            "More pairs, so that its interval gets shorter": "A precise number without anything to "
            "compare it with stays without meaning.",
            "A rotation in place of the linear map": "A stricter yardstick, but its number needs the same "
            "comparison: untrained networks did better by it than trained ones.",
            "The same number on the training images": "There collapse makes it high, which says nothing "
            "about test images.",
        },
    ),
    Question(
        r"All nine critical $\beta$ of two collapsed networks lie within three percent of 1. Someone "
        "concludes that the class means form a simplex. What do you say?",
        {
            "Wrong: means of any shape do that, if they span nine dimensions": "Part 2 of the theorem: "
            r"small NC1 squeezes all $\beta_i$ against 1."
        },
        {
            "Right: only for a simplex do all transitions coincide": "So the means of $T$ would, if the "
            r"$\beta_i-1$ coincided relative to one another. Features of any shape may have such a $T$.",
            "Right, provided that the clusters are Gaussian": "The theorem uses means and covariances "
            "only, and it says nothing about the shape.",
            "Wrong: an orthogonal frame would make ten transitions": "Centred, it spans nine dimensions "
            "too. The tenth appears only if one forgets to centre.",
        },
    ),
    Question(
        "On the features the nine transitions merge at 1, on their normal scores they stay well above. Why?",
        {
            "Ranks keep no scale, and spread a tight class over a share of the bell": "Noise in the "
            "fourth digit then counts as much as the class: the scores' NC1 stops falling."
        },
        {
            "Scores remove outliers, on which the merging on the raw features rests": "Gaussian clusters have "
            "none, and their transitions merge on the features and stay apart from 1 on the scores.",
            "The networks hadn't collapsed far enough for ranks to separate classes": "In the proposition "
            "the noise goes to zero, and the transitions still stay above 1.",
            "Ties among the zeros of a ReLU are given random ranks in the scores": "Ties share an average "
            "rank, and breaking them at random made it worse, not better.",
        },
    ),
    Question(
        "The class means of $T$ form an exact simplex. What does that say about the features that $T$ was "
        "computed from?",
        {
            "Their transitions coincide; the class means may have any shape": "$T$ doesn't change under "
            "an invertible linear map of the features, and shapes do."
        },
        {
            "Their class means form a simplex too, up to rotation and scale": "Flatten the features by any "
            "invertible map: $T$ stays what it was.",
            "Their NC1 is zero, or $T$ would have kept some of the noise": "Noise in one proportion to the "
            "signal in all directions will do, however large, as long as they are open.",
            "They were trained with a contrastive loss, which $T$ reveals": "$T$ sees two moments of the "
            "features, and no loss.",
        },
    ),
    Question(
        "With a price on the rate, test loss falls by a nat and test accuracy doesn't rise. What follows?",
        {
            "The networks are less sure; scaled logits may do as much": "Try it before you praise the "
            "code: one divisor for each network, fitted on other images."
        },
        {
            "The code knows a nat more about the class than before": "Only the *bound* on it rose, and the "
            "bound depends on the classifier behind the code.",
            "Compression improves generalisation, for loss is the finer measure": "Loss also measures "
            "how sure a network is, rightly or wrongly.",
            "The price was too low to have an effect on accuracy": "The heaviest price lowered accuracy "
            "and the loss at once.",
        },
    ),
]
