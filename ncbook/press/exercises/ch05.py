"""Exercises and quiz of chapter 5, Unconstrained features, and why the frame is orthogonal."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.optimize import brentq

from ncbook.press.classroom import (
    Choice,
    Construction,
    Exercise,
    Formula,
    Function,
    Question,
    Wrong,
)
from ncbook.supcon import supcon_loss

_MIDDLE, _EDGE = 3**-0.5, 0.5**0.5  # cosines of the fourth class to its neighbours


def _bets(cosine: float, tau: float) -> float:
    return float(np.exp((cosine - 1) / tau))


def _loss(n: int, tau: float, negatives: Sequence[Sequence[float]], own: int) -> float:
    """Summed over one anchor of each class: the cosines to the other classes, ``own`` partners."""
    return sum(
        float(np.log(own + n * sum(_bets(cosine, tau) for cosine in row))) for row in negatives
    )


def _in_the_middle(n: int, tau: float, own: int) -> float:
    rows = [[0, 0, _MIDDLE]] * 3 + [[_MIDDLE] * 3]
    return _loss(n, tau, rows, own)


def _on_an_edge(n: int, tau: float, own: int) -> float:
    rows = [[0, 0, _EDGE]] * 2 + [[0, 0, 0], [_EDGE, _EDGE, 0]]
    return _loss(n, tau, rows, own)


def _on_an_axis(n: int, tau: float, own: int) -> float:
    rows = [[0, 0, 1]] * 2 + [[0, 0, 0]] * 2
    return _loss(n, tau, rows, own)


def _crossing(n: int) -> float:
    return _root(lambda tau: _in_the_middle(n, tau, n - 1) - _on_an_edge(n, tau, n - 1))


def _crossing_to_axis(n: int) -> float:
    return _root(lambda tau: _on_an_edge(n, tau, n - 1) - _on_an_axis(n, tau, n - 1))


def _crossing_with_self(n: int) -> float:
    return _root(lambda tau: _in_the_middle(n, tau, n) - _on_an_edge(n, tau, n))


def _crossing_of_newcomer(n: int) -> float:
    return _root(lambda tau: 3 * _bets(_MIDDLE, tau) - 2 * _bets(_EDGE, tau) - _bets(0, tau))


def _root(difference: Callable[[float], float]) -> float:
    return float(brentq(difference, 0.2, 0.8))


def _leaked(pre: np.ndarray) -> np.ndarray:
    """The rows behind LeakyReLU of slope 0.01, on the scale of the largest entry."""
    pre = pre / max(float(np.abs(pre).max()), 1e-300)
    leaked: np.ndarray = np.where(pre < 0, 0.01 * pre, pre)
    return leaked


def _leaves_something(pre: np.ndarray) -> bool:
    return bool((np.linalg.norm(_leaked(pre), axis=1) > 1e-9).all())


def _has_a_negative_entry(pre: np.ndarray) -> bool:
    return bool((_leaked(pre) < 0).any())


def _is_simplex(pre: np.ndarray) -> bool:
    rows = _leaked(pre)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return bool(np.abs((rows @ rows.T)[np.triu_indices(3, 1)] + 0.5).max() < 0.01)


_LABELS = torch.arange(3).repeat_interleave(5)
_TRAP = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0.5**0.5, 0.5**0.5, 0]])[_LABELS.numpy()]


def _moved(rows: range, column: int, size: float = 0.08) -> np.ndarray:
    """The trap with some samples turned a little towards a coordinate axis."""
    moved: np.ndarray = _TRAP.copy()
    moved[list(rows)] *= np.sqrt(1 - size**2)
    moved[list(rows), column] = size
    return moved


def _is_unit(h: np.ndarray) -> bool:
    return bool(np.abs(np.linalg.norm(h, axis=1) - 1).max() < 1e-6)


def _is_near_the_trap(h: np.ndarray) -> bool:
    return bool(np.linalg.norm(h - _TRAP, axis=1).max() <= 0.1)


def _unit(h: np.ndarray) -> np.ndarray:
    """The rows at length 1 without rounding, so that the smallest step is judged as it is."""
    unit: np.ndarray = h / np.linalg.norm(h, axis=1, keepdims=True)
    return unit


def _has_parted(h: np.ndarray) -> bool:
    h = _unit(h)
    return bool((h[:5] @ h[5:10].T).mean() < 1 - 1e-11)


def _is_lower(h: np.ndarray) -> bool:
    loss, trapped = (supcon_loss(torch.tensor(_unit(x)), _LABELS, 1.0).item() for x in (h, _TRAP))
    return loss < trapped - 1e-12


EXERCISES = [
    Exercise(
        label="ex-05-anchor",
        title="Anchor by anchor",
        kind="derive",
        prompt=r"""
With the ReLU the bound of the orthogonal frame can be proved for every anchor separately, without the
lemma: $\ell_i\ge\log(n_c-1+(n-n_c)e^{-1/\tau})$. Do so. Then try the same plan without the ReLU: of
all unit features of any sign, which make the loss $\ell_i$ of *one* anchor of class $c$ least? Give
that value, in `nc`, `n`, `k` and `tau`, as far as it depends on them. Why does the plan fail for the
simplex, although its theorem has the same form?
""",
        answer=Formula(
            "log(nc - 1 + (n-nc) * exp(-2/tau))",
            {"nc": (2, 20), "n": (30, 100), "k": (3, 10), "tau": (0.3, 1.5)},
        ),
        right="An anchor alone would put everybody else opposite to itself. For three classes or more "
        "not all anchors can have that, so the bounds of single anchors are out of reach together.",
        wrong=[
            Wrong(
                "log(nc - 1 + (n-nc) * exp(-1/tau))",
                "That is the bound with the ReLU, where no inner product is below 0. What is the "
                "least inner product of two unit vectors of any sign?",
            ),
            Wrong(
                "log(nc - 1 + (n-nc) * exp(-k/((k-1)*tau)))",
                "That is what each anchor pays at the simplex, where all of them compromise. Here one "
                "anchor may arrange everybody else as it likes.",
            ),
            Wrong(
                "log(nc + (n-nc) * exp(-2/tau))",
                "The anchor is not among the candidates that it bets on: how many of its own class "
                "are?",
            ),
            Wrong(
                "log(nc - 1 + (n-nc) * exp(-1/tau)) - 1/tau",
                "The positive term has been taken twice: inside the logarithm all exponents are "
                "already measured from the partners' inner product.",
            ),
        ],
        hints=[
            r"Pull the positive term into the logarithm, and call $a$ the mean inner product of the "
            "anchor with its partners. Jensen's inequality takes care of the partners' own terms.",
            r"$\ell_i \ge \log\bigl(n_c-1+(n-n_c)e^{(s-a)/\tau}\bigr)$, where $s$ is the mean inner "
            "product with the others. How large can $a$ be, and how small $s$?",
        ],
        solution=r"""
Let $a$ be the mean inner product of $i$ with its partners. From below, Jensen's inequality bounds the
sum over partners by $(n_c-1)e^{a/\tau}$, and non-negativity each of the $n-n_c$ negatives by $e^0$. So
$\ell_i\ge\log\bigl((n_c-1)e^{a/\tau}+n-n_c\bigr)-a/\tau$, and that is
$\log\bigl(n_c-1+(n-n_c)e^{-a/\tau}\bigr)$, which falls in $a\le1$. One geometry attains the bounds of
all anchors at once, in every batch that holds them: chapter 7 lives on that.

With free signs each negative is at least $e^{-1/\tau}$, in place of $e^0$, and the same steps lead to
$\log(n_c-1+(n-n_c)e^{-2/\tau})$. An anchor alone attains it, with all partners where it is itself and
all negatives opposite. For $k\ge3$ the anchors can't all have that, since three vectors are
not opposite in pairs. What they can have together is a statement about the whole matrix, that it is
positive semidefinite, and no anchor sees the whole matrix. The cell gives one anchor what it wants,
and shows what the others pay:
""",
        code="""
import numpy as np
from ncbook.supcon import supcon_loss, supcon_minimum
import torch

own, tau = 5, 0.5
h = torch.tensor([[1.0, 0]] * own + [[-1.0, 0]] * 10, dtype=torch.float64)
labels = torch.arange(3).repeat_interleave(own)
others = h[1:] @ h[0] / tau
anchor = torch.logsumexp(others, 0) - others[: own - 1].mean()
print(anchor, np.log(own - 1 + 10 * np.exp(-2 / tau)))
print(supcon_loss(h, labels, tau), supcon_minimum([own] * 3, tau, "etf"))
answer = "log(nc - 1 + (n-nc) * exp(-2/tau))"
""",
    ),
    Exercise(
        label="ex-05-leak",
        title="A leak",
        kind="derive",
        prompt=r"""
Replace the last ReLU by a LeakyReLU of slope 0.01: negative values come through at a hundredth. How
negative can the entries of a *normalised* feature become? Answer by construction: hand in
pre-activations of three classes in $\mathbb R^3$, an array of shape $(3, 3)$, that LeakyReLU and
normalisation turn into a simplex ETF, cosines of $-\frac12$ within a hundredth. Which geometry does
the model predict then, and would you expect a network to show it? And GELU, whose values never fall
below $-0.17$?
""",
        answer=Construction(
            [
                (_leaves_something, "A row of zeros has no direction and can't be normalised."),
                (
                    _has_a_negative_entry,
                    "No entry is negative, so LeakyReLU changes nothing and all inner products are "
                    "at least 0. Use the leak.",
                ),
                (
                    _is_simplex,
                    r"Behind LeakyReLU and normalisation the cosines aren't all $-\frac12$ (in front "
                    "of them is another matter: negative entries shrink a hundredfold, the others "
                    "stay). Begin with the features that you want, and go back.",
                ),
            ],
            shape=(3, 3),
            form="an array of shape (3, 3), a row for each class",
        ),
        right="A simplex, through a leak of a hundredth: the loss sees directions only, so what the "
        "leak makes small a longer vector makes large.",
        wrong=[
            Wrong(
                [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
                "No entry is negative, so LeakyReLU changes nothing and all inner products are at "
                "least 0. Use the leak.",
            ),
            Wrong(
                [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]],
                r"Behind LeakyReLU and normalisation the cosines aren't all $-\frac12$ (in front "
                "of them is another matter: negative entries shrink a hundredfold, the others "
                "stay). Begin with the features that you want, and go back.",
            ),
        ],
        hints=[
            r"The centred coordinate axes are a simplex of three classes: $(2,-1,-1)$ and so on, up "
            "to a factor.",
            "LeakyReLU can be inverted entry by entry: what has to come in so that $-1$ comes out?",
        ],
        solution=r"""
As negative as without an activation, down to $-1$. Behind the activation stand $(2,-1,-1)$,
$(-1,2,-1)$, $(-1,-1,2)$ if in front of it every $-1$ was a $-100$. In the same way every direction of
the sphere can be reached, also one with all entries negative, since normalisation undoes the 0.01. The
same for GELU or ELU, whose values include a neighbourhood of 0: scale any direction down until it fits,
and normalisation scales it up again. The model knows two cases, constraint and no constraint, and puts
all these with the simplex. A network differs in degree: to make an entry count as negative, all
positive ones must be as small as the leak. What it does is a question for an experiment, and
{doc}`chapter 6 <06-supervised-contrastive>` does it.
""",
        code="""
import numpy as np

wanted = np.eye(3) * 3 - 1  # a simplex of length sqrt(6)
answer = np.where(wanted < 0, 100 * wanted, wanted)
behind = np.where(answer < 0, 0.01 * answer, answer)
unit = behind / np.linalg.norm(behind, axis=1, keepdims=True)
print((unit @ unit.T).round(6))
""",
    ),
    Exercise(
        label="ex-05-giant",
        title="One giant",
        kind="predict",
        prompt=r"""
The proposition on small classes asks for two large ones. Let there be one class of $N\to\infty$
samples and $m'\ge2$ classes of $r\ge2$ samples, features of any sign, room for all. Where do the small
ones go? Predict, prove, and look with `class_geometry`.
""",
        answer=Choice(
            [
                "They stay where they are at balance, at $-\\frac1{k-1}$ to the giant and to each "
                "other.",
                "They keep at right angles to the giant and crowd together, at an angle that depends "
                "on the temperature.",
                "They merge into one point, opposite to the giant, at every temperature.",
                "They lie opposite to the giant as far as they can, yet apart from each other, at a "
                "cosine between 0 and 1 that depends on the temperature.",
                "They form a simplex of their own, in the directions orthogonal to the giant.",
            ],
            "c",
        ),
        right="One large class has no simplex of its own to defend, so nothing is lost by leaning on "
        "it fully: every sample of the giant wants the small ones opposite.",
        wrong=[
            Wrong(
                "a",
                "For that the sizes would have to be equal: the loss counts samples, and nearly all "
                "anchors are now the giant's. What do they want?",
            ),
            Wrong(
                "b",
                "That is the limit for several large classes, whose sum is zero so that no direction "
                "is opposite to all of them. What is different with one?",
            ),
            Wrong(
                "d",
                "That can be so on the way, at finite imbalance. In the limit, compare what one unit of cosine "
                "to the giant is worth with what the small ones lose to each other: how does each of the two "
                "depend on $N$?",
            ),
            Wrong(
                "e",
                "Good for the small ones among themselves; but they are few, and the giant's anchors "
                "would rather not have them at right angles.",
            ),
        ],
        hints=[
            r"By symmetry there are two numbers: $\chi$, the cosine of a small class to the giant, "
            r"and $\beta$, that between two small ones. Which $\chi$ are possible for a given $\beta$?",
            r"Positive semidefinite means $m'\chi^2\le1+(m'-1)\beta$. Which terms of "
            r"$F$ contain $\beta$, and do they survive $N\to\infty$?",
        ],
        solution=r"""
They merge, opposite to the giant. There is no $\alpha$ to pay for: $u=1$, and
$\chi\ge-\sqrt{v/m'}\ge-1$ with equality only for $\beta=1$. As $N\to\infty$,
$F - N\log(N-1)-m'r\log N$ tends to $m're^{(\chi-1)/\tau}+m'r(\chi-1)/\tau$, uniformly in $\chi$ and
$\beta$: both terms increase in $\chi$, and $\beta$ has dropped out. So $\chi\to-1$, which forces
$\beta\to1$.

Limits can be far away. With three small classes of two samples the merger is complete to three digits
at $\tau=1$ and $R=100$; at $\tau=0.2$ they are still at cosine 0.64 to each other for $R=10{,}000$.
""",
        code="""
from ncbook.ufm import class_geometry

warm = class_geometry([200, 2, 2, 2], 1.0).gram
cold = class_geometry([20_000, 2, 2, 2], 0.2).gram
print(warm.numpy().round(3), cold.numpy().round(3), sep="\\n")
merged, opposite = warm[1, 2] > 0.999, warm[0, 1] < -0.999
answer = "c" if merged and opposite else "d"
""",
    ),
    Exercise(
        label="ex-05-homes",
        title="Three homes for a fourth class",
        kind="code",
        prompt=r"""
Four classes of $n$ samples each in the orthant of $\mathbb R^3$, each class in a single point and three
of them on the axes. The fourth may live in the middle of the triangle, in the middle of an edge, or
share an axis. Write `crossing(n)`: the temperature at which the middle of the triangle and the middle
of an edge have the same loss of all anchors. Does it depend on the size of the classes? Where does the
edge give way to the shared axis?
""",
        starter="""
def crossing(n):
    ...
""",
        answer=Function(_crossing, lambda: [(5,), (2,), (20,), (100,)], relative=1e-3),
        right="It grows with the size of the classes, a little: here no arrangement serves all anchors "
        "at once, so it matters how many candidates of its own class an anchor has besides.",
        wrong=[
            Wrong(
                _crossing_to_axis,
                "That is the next change, from an edge to a shared axis. Which two arrangements are "
                "asked for?",
            ),
            Wrong(
                _crossing_of_newcomer,
                "You asked only the fourth class. The three on the axes are anchors as well, and its "
                "move changes what they pay: for two of them one way, for the third the other.",
            ),
            Wrong(
                _crossing_with_self,
                "The same for every $n$: here the anchor itself is counted among the candidates of "
                "its class. Without it there are fewer partners than negatives in a class.",
            ),
        ],
        hints=[
            "Put both arrangements, with all samples of a class at one point, into `supcon_loss`, and "
            "look at the difference as a function of the temperature.",
            "`scipy.optimize.brentq(difference, 0.2, 0.6)` finds where it changes sign.",
        ],
        solution=r"""
For classes of five the class in the middle moves to an edge at τ ≈ 0.354 and joins another class at
τ ≈ 0.440. With twenty samples in each they are 0.360 and 0.449, and with unequal sizes it also matters
which class has to share: here no arrangement serves all anchors at once.
""",
        code="""
import torch
from scipy.optimize import brentq
from torch.nn.functional import normalize
from ncbook.supcon import supcon_loss

MIDDLE, EDGE, SHARED = [1.0, 1, 1], [1.0, 1, 0], [1.0, 0, 0]


def loss(fourth, n, tau):
    home = normalize(torch.tensor([fourth], dtype=torch.float64))
    means = torch.cat([torch.eye(3, dtype=torch.float64), home])
    labels = torch.arange(4).repeat_interleave(n)
    return supcon_loss(means[labels], labels, tau).item()


def equal(one, other, n):
    return brentq(lambda tau: loss(one, n, tau) - loss(other, n, tau), 0.2, 0.8)


def crossing(n):
    return equal(MIDDLE, EDGE, n)


for n in (5, 20):
    print(n, crossing(n), equal(EDGE, SHARED, n))
answer = crossing
""",
    ),
    Exercise(
        label="ex-05-way-out",
        title="A way out",
        kind="experiment",
        prompt=r"""
Put the trap into $\mathbb R^4$ without giving $C$ the fourth coordinate: five samples each of $A$ and
$B$ at $e_1$, five of $C$ at $(0, \sqrt{1/2}, \sqrt{1/2}, 0)$, $\tau=1$. Which step of the proof of the
trap fails? Find a way out: non-negative unit features, an array of shape $(15, 4)$ in the order $A$,
$B$, $C$, each within 0.1 of where it was, with a lower loss. What kind of point is it, and what does
the solver do if it starts exactly there, or a millionth away?
""",
        starter="""
import numpy as np

w = 0.5**0.5
trap = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, w, w, 0]]).repeat(5, axis=0)
""",
        answer=Construction(
            [
                (
                    lambda h: bool((h >= 0).all()),
                    "An entry is negative: with the ReLU that way is closed.",
                ),
                (_is_unit, "Not all rows have length 1: what one coordinate gains, others lose."),
                (
                    _is_near_the_trap,
                    "A feature has moved farther than 0.1 from the trap (or the classes are in "
                    "another order). A way out begins right beside it.",
                ),
                (
                    _has_parted,
                    "$A$ and $B$ are still in one point, and being in one point is what they pay for.",
                ),
                (
                    _is_lower,
                    "The loss hasn't become lower. Look at every pair whose inner product has "
                    "changed: has somebody met $C$, or left classmates behind?",
                ),
            ],
            shape=(15, 4),
            form="an array of shape (15, 4)",
        ),
        right="One class leaves as a whole, through the coordinate that nobody owns. At the start "
        "all that the orthant leaves of the gradient is zero, which doesn't show it: a saddle.",
        wrong=[
            Wrong(
                _moved(range(10), 3),
                "$A$ and $B$ are still in one point, and being in one point is what they pay for.",
            ),
            Wrong(
                _moved(range(5, 6), 3),
                "The loss hasn't become lower. Look at every pair whose inner product has changed: "
                "has somebody met $C$, or left classmates behind?",
            ),
            Wrong(
                np.where(_moved(range(5, 10), 3) == 0.08, -0.08, _moved(range(5, 10), 3)),
                "An entry is negative: with the ReLU that way is closed.",
            ),
        ],
        hints=[
            r"The proof uses that a feature of $A$ or $B$ that moves meets $C$ in every direction that "
            "is open to it. In which direction is that now false?",
            "One sample that leaves alone loses more with its classmates than it gains with the other "
            "class. Who has to go together?",
        ],
        solution=r"""
The pairs of $A$ and $C$: $x_i\cdot x_l\ge\eta\lVert x_i\rVert_1$ needs all entries of $x_l$ to be
positive. Class $B$ as a whole, moving along $e_4$, meets nobody; inner products within $B$ don't
change, those with $A$ fall by half the squared distance, and $D_{AB}>0$: to this order, and so for
every small step, the loss falls. (One sample alone would lose more by leaving its classmates than it
gains by leaving $A$.)

Exactly there nothing moves (gap 0.23 per anchor): along $e_4$ the gradient is zero, and where it isn't,
between $A$ or $B$ and $C$, it points out of the orthant. From a millionth away the gap falls to 0. It
is a saddle, and {prf:ref}`prop-trap` says what closes this exit: someone who owns every other
coordinate.
""",
        code="""
import numpy as np
import torch
from ncbook.ufm import solve_ufm

w, away = 0.5**0.5, 0.08
trap = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, w, w, 0]]).repeat(5, axis=0)
answer = trap.copy()
answer[5:10] = [np.sqrt(1 - away**2), 0, 0, away]

labels = torch.arange(3).repeat_interleave(5)
saddle = torch.tensor(trap)
print(solve_ufm(labels, 4, 1.0, start=saddle).gap)
torch.manual_seed(0)
beside = saddle + 1e-6 * torch.rand(15, 4, dtype=torch.float64)
print(solve_ufm(labels, 4, 1.0, start=beside).gap)
""",
    ),
    Exercise(
        label="ex-05-gap",
        title="What a gap says about angles",
        kind="derive",
        prompt=r"""
The solver reports a gap of $g$ per anchor for UFM⁺, balanced classes of `nc` samples, `n` in all. Let
$\bar\gamma$ be the mean of the off-diagonal entries of $\Gamma$. Show that $g\ge\kappa\,\bar\gamma$,
and give the largest $\kappa$ for which this always holds, in `nc`, `n` and `tau`. What does
$g=10^{-6}$ guarantee for ten classes of ten at $\tau=1$, and what at $\tau=0.1$? Why is the answer
different in kind without the ReLU?
""",
        answer=Formula(
            "(n-nc)*exp(-1/tau) / (nc-1 + (n-nc)*exp(-1/tau)) / tau",
            {"nc": (2, 20), "n": (30, 100), "tau": (0.3, 1.5)},
        ),
        right="It is the slope of the loss at the frame. For ten classes of ten at τ = 1 it is 0.79, "
        "and a small gap means right angles; at τ = 0.1 it is thousandths, and the same gap says 170 "
        "times less.",
        wrong=[
            Wrong(
                "(n-nc)*exp(-1/tau) / (nc-1 + (n-nc)*exp(-1/tau))",
                r"That is the share of the bets. The derivative by an inner product brings out "
                "another factor.",
            ),
            Wrong(
                "(n-nc)*exp(-1/tau) / (nc + (n-nc)*exp(-1/tau)) / tau",
                "The anchor doesn't bet on itself: count its partners again.",
            ),
            Wrong(
                "n*(n-nc)*exp(-1/tau) / (nc-1 + (n-nc)*exp(-1/tau)) / tau",
                "This is the slope of the total loss; the gap is per anchor.",
            ),
            Wrong(
                "exp(-1/tau) / (nc-1 + (n-nc)*exp(-1/tau)) / tau",
                r"This is the slope in a single inner product. When $\bar\gamma$ grows by a little, "
                "how many of an anchor's negatives come closer, on average?",
            ),
        ],
        hints=[
            r"The lemma gives $g\ge(F(\Gamma)-F(I))/n$, and a convex function lies above its tangent.",
            r"Balanced, all entries have the same derivative at $I$, so the tangent depends on "
            r"$\bar\gamma$ alone: differentiate $\log\bigl(n_c-1+(n-n_c)e^{(\gamma-1)/\tau}\bigr)$ "
            "at 0.",
        ],
        solution=r"""
$F$ is convex and lies above its tangent at $I_k$. Balanced, with $\bar\gamma$ the mean off-diagonal
entry, $g\ge(F(\Gamma)-F(I_k))/n\ge\kappa\,\bar\gamma$ with
$\kappa = \frac1\tau\frac{(n-n_c)e^{-1/\tau}}{n_c-1+(n-n_c)e^{-1/\tau}}$. No larger one will do:
collapsed features with all entries equal to a small $\gamma$ have a gap of
$\kappa\gamma+O(\gamma^2)$. At $\tau=1$, $\kappa=0.79$ and the mean inner product is below
$1.3\cdot10^{-6}$. (The middle term of {prf:ref}`lem-reduction` gives more: it is convex in γ and $a$,
so $g\ge\kappa\,(\bar\gamma+1-\bar a)$ with $\bar a$ the mean of the $a_c$, and as
$\lVert\mu_c\rVert^2\ge a_c$ the means can't be much shorter than 1.) At $\tau=0.1$,
$\kappa=4.5\cdot10^{-3}$: below $2.2\cdot10^{-4}$.

With the ReLU the minimum sits in a corner of the set of all $\Gamma$ with non-negative entries, and
the loss rises from it linearly. At the simplex it rises linearly only towards the inside of the set;
along its boundary it is the curvature that counts, and angles are off by the square root of the gap.
""",
        code="""
import numpy as np

tau = np.array([1.0, 0.1])
bets = 90 * np.exp(-1 / tau)
kappa = bets / (9 + bets) / tau
print(kappa, 1e-6 / kappa)
answer = "(n-nc)*exp(-1/tau) / (nc-1 + (n-nc)*exp(-1/tau)) / tau"
""",
    ),
    Exercise(
        label="ex-05-below",
        title="A loss below the bound",
        kind="predict",
        prompt=r"""
A colleague's features have $L/n$ below `supcon_minimum`, by 0.3 nats, on features without a negative
entry. The theorem is proved, so something is not as it says. Which of these can be the reason? Say
for each which assumption of the theorem it concerns.
""",
        answer=Choice(
            [
                "The features are longer than 1.",
                "The loss is computed at another temperature than the bound.",
                "The loss is a mean over batches of 32 samples; the bound takes all samples as one "
                "batch.",
                "Samples alone in their class are counted as anchors with a loss of zero.",
                "The classes are very unequal in size.",
                "The features are kept in 16-bit numbers, so that lengths are off by a thousandth.",
                "Descent has ended in one of the landscape's traps.",
            ],
            "abcd",
        ),
        right="Length, temperature, batch and the set of anchors: each of them is in the theorem's "
        "premises. A certificate is also a test of the code that computes the loss.",
        wrong=[
            Wrong(
                "abd",
                "Three of the reasons. What are the class counts within a small batch, and so the "
                "least loss of that batch?",
            ),
            Wrong(
                "abc",
                "Three of the reasons. Over which anchors is the mean taken, and which of them can "
                "have a loss that isn't positive?",
            ),
            Wrong(
                "abcdf",
                "Rounding is a suspect, but work out how much: what does a thousandth of length do to "
                r"$e^{-1/\tau}$, and to a loss of a few nats?",
            ),
            Wrong(
                "abcde",
                "One too many: look for the class sizes in the theorem. They are in the value of the "
                "bound, whatever they are.",
            ),
            Wrong(
                "abcdg",
                "One too many: on which side of the least loss is the loss in a trap?",
            ),
        ],
        hints=[
            "Go through the theorem: unit length, one temperature, non-negative entries, all samples "
            "in one batch, the mean over anchors that have a partner.",
            "For each option ask two things: is a premise broken, and does that *lower* the loss, and "
            "by as much as 0.3?",
        ],
        solution=r"""
Lengths: features that are not normalised, or normalised and then rescaled to length $s>1$, have an
effective temperature of $\tau/s^2$. Temperature: the bound was computed for another τ, or the loss
multiplied by τ or by a second temperature. The batch: a mean over batches has smaller counts $n_{B,c}$
in place of $n_c$, and so a lower bound of its own. Anchors: the mean runs over all samples, the ones
without a partner counted as zero. Unequal sizes are covered by {prf:ref}`thm-of`, a trap lies *above*
the minimum, and in 16-bit arithmetic a rounded length of 1.001 isn't enough for 0.3: it changes
$1/\tau$ by a five-hundredth. (Negative entries, the obvious suspect, were excluded.) The cell tries
each of the four:
""",
        code="""
import torch
from ncbook import geometry
from ncbook.supcon import supcon_loss, supcon_minimum

tau, counts = 0.5, [20, 5, 2, 1, 1, 1]
labels = torch.arange(6).repeat_interleave(torch.tensor(counts))
h = geometry.orthogonal_frame(6, 6)[labels]
bound = supcon_minimum(counts, tau)
batches = torch.randperm(30, generator=torch.Generator().manual_seed(0)).split(15)
below = {
    "a": supcon_loss(2 * h, labels, tau),
    "b": supcon_loss(h, labels, 0.1),
    "c": torch.stack([supcon_loss(h[b], labels[b], tau) for b in batches]).mean(),
    "d": supcon_loss(h, labels, tau) * 27 / 30,
    "e": supcon_loss(h, labels, tau),
    "f": supcon_loss(1.001 * h, labels, tau),
}
for letter, loss in below.items():
    print(letter, f"{loss.item() - bound:+.4f}")
answer = "abcd"
""",
    ),
    Exercise(
        label="ex-05-excess",
        title="Where the excess sits",
        kind="experiment",
        prompt=r"""
A trained network is a little above the least loss. The lemma's chain, which falls from $L$ to
$\sum_cn_c\varphi_c(\gamma-a_c)$, to $F(\Gamma)$ and to $L^*$, says where its excess sits: in bets that
differ from image to image within a class (first step), in partners whose cosine is less than 1 on
average (second), or in angles between class means (third). Take the networks with the last ReLU,
`profile("laptop").train("scl-long")`, with all training images in one batch, and hand in an array with
a row for each seed: the three differences, per anchor. Which do you expect to be the largest?
""",
        starter="""
import torch
from torch.nn.functional import one_hot


def averages(h, labels):
    members = one_hot(labels).double()  # (n, k)
    n = members.sum(0)
    inner = (members.T @ h) @ (members.T @ h).T / n.outer(n)  # (k, k), products of means
    within = (n * inner.diagonal() - 1) / (n - 1)
    return inner.fill_diagonal_(1), within, n


def reduced(gram, n, tau, within=1.0):
    bets = n * ((gram - torch.as_tensor(within).reshape(-1, 1)) / tau).exp()  # (k, k)
    return (n * (n - 1 + bets.sum(1) - bets.diagonal()).log()).sum() / n.sum()
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a >= 0).any()),
                    "All differences are negative: take the lower term of each step from the higher.",
                ),
                (
                    lambda a: bool((a > 0).all()),
                    "All three steps of the chain go down, so no difference can be negative or zero.",
                ),
                (
                    lambda a: bool((a.sum(1) < 0.005).all()),
                    "The excess is too large for these networks. Is it per anchor (a total is larger "
                    "by the number of images), at the networks' own temperature, with all images in "
                    "one batch?",
                ),
                (
                    lambda a: bool((a.sum(1) > 1e-5).all()),
                    "The excess is too small for these networks. Are the features those of the "
                    "training images, and in double precision?",
                ),
                (
                    lambda a: bool((a[:, 1] < a[:, 2]).all()),
                    "In some row the second difference is larger than the third. Are they in the "
                    "order of the chain?",
                ),
                (
                    lambda a: bool((a[:, 0] > a[:, 2]).all()),
                    "In some row the third difference is larger than the first. Are they in the order "
                    "of the chain, and of the networks *with* the ReLU?",
                ),
            ],
            shape=(None, 3),
            form="an array of shape (seeds, 3)",
        ),
        right="More than half of the excess is in the first step, in bets that differ within a class; "
        "about three tenths is in the angles, which the class means show.",
        wrong=[
            Wrong(
                [[0.12, 0.02, 0.05], [0.1, 0.02, 0.06], [0.16, 0.02, 0.06]],
                "The excess is too large for these networks. Is it per anchor (a total is larger by "
                "the number of images), at the networks' own temperature, with all images in one "
                "batch?",
            ),
            Wrong(
                [[9.1e-5, 3.6e-5, 2e-4], [9.7e-5, 3.3e-5, 1.7e-4], [1e-4, 3.9e-5, 2.6e-4]],
                "In some row the third difference is larger than the first. Are they in the order of "
                "the chain, and of the networks *with* the ReLU?",
            ),
            Wrong(
                [[2e-4, -3.6e-5, 9.1e-5], [1.7e-4, -3.3e-5, 9.7e-5]],
                "One of the steps doesn't go down, as each of them must. Did you pass the averages "
                "within classes to the middle term, and to that one only?",
            ),
        ],
        hints=[
            '`h, y = run.features("train")` and `run.config.temperature`; then `supcon_loss`, '
            "`reduced` with and without `within`, and `supcon_minimum`.",
            "Work in double precision, `h.double()`: the differences are ten thousand times smaller "
            "than the losses.",
        ],
        solution=r"""
The first step is the largest in every seed, the second the smallest. The bets of one image differ from
those of its classmates, and convexity makes that cost: what {prf:ref}`lem-reduction` averages away is
where most of the excess is. The second and third steps see only means, $a_c$ and $\gamma_{ab}$, and a
picture of the class means' angles (the chapter's first figure) sees only the third. So more than half
of what separates this network from the minimum doesn't show in the geometry of its means at all. In a
network that had collapsed and not yet turned into place it would be the other way round; try
`scl-step100`, where the third step is the largest.
""",
        code=r"""
import numpy as np
import torch
from torch.nn.functional import one_hot
from ncbook.lab import profile
from ncbook.supcon import supcon_loss, supcon_minimum


def averages(h, labels):
    members = one_hot(labels).double()  # (n, k)
    n = members.sum(0)
    inner = (members.T @ h) @ (members.T @ h).T / n.outer(n)  # (k, k), products of means
    within = (n * inner.diagonal() - 1) / (n - 1)
    return inner.fill_diagonal_(1), within, n


def reduced(gram, n, tau, within=1.0):
    bets = n * ((gram - torch.as_tensor(within).reshape(-1, 1)) / tau).exp()  # (k, k)
    return (n * (n - 1 + bets.sum(1) - bets.diagonal()).log()).sum() / n.sum()


def steps(run):
    (h, y), tau = run.features("train"), run.config.temperature
    gamma, within, n = averages(h.double(), y)
    chain = [
        supcon_loss(h.double(), y, tau),
        reduced(gamma, n, tau, within),
        reduced(gamma, n, tau),
        supcon_minimum(n.int().tolist(), tau),
    ]
    return -np.diff([float(term) for term in chain])


answer = np.array([steps(run) for run in profile("laptop").train("scl-long")])
print(answer)
""",
    ),
]

QUIZ = [
    Question(
        "Where does the proof that the orthogonal frame is optimal use the ReLU?",
        {
            "Where mean inner products between different classes can't fall below zero": "Nowhere "
            "else. All the rest holds for features of any sign."
        },
        {
            "Where each class is collapsed into a single point by Jensen's inequality": "That takes "
            "convexity and unit length, and holds without the ReLU as well.",
            "Where the class sizes drop out of the conditions for the minimum": "They drop out "
            "because the loss increases in every inner product; the ReLU's part is the floor at zero.",
            "Where the loss is shown to be convex in the inner products": "A logarithm of a sum of "
            "exponentials is convex whatever the signs.",
        },
    ),
    Question(
        "A solver for UFM⁺ returns features with a gap of 0.2 above the bound. What do you know?",
        {
            "Either a better arrangement exists, or the bound can't be attained here": "And the gap "
            "alone can't tell which: a trap and a want of room look the same."
        },
        {
            "The solver is stuck in a local minimum, and a restart will free it": "Not if there are "
            "fewer dimensions than classes: then no features attain the bound.",
            "The orthogonal frame isn't the minimum for these class sizes": "It is, wherever it "
            "exists, for any sizes of two or more.",
            "The loss was computed wrongly, since the bound is attained": "It is attained for enough "
            "dimensions, by the minimiser. These needn't be it.",
        },
    ),
    Question(
        "The last ReLU is gone, and three classes or more are unequal in size. What changes the cosines "
        "of the minimiser?",
        {
            "The ratio of the class sizes": "The loss counts samples, so large classes get room at "
            "the expense of small ones.",
            "The temperature of the loss": "Only for equal sizes, where symmetry decides, does it "
            "drop out.",
        },
        {
            "More dimensions than there are classes": "One fewer than classes is enough; spare ones "
            "stay unused.",
            "The start of the descent": "The programme for the matrix is strictly convex: one "
            "solution, whatever the start.",
        },
    ),
    Question(
        "Two classes have a single sample each, in a batch with others. With the ReLU, their cosine "
        "to each other at the minimum is …",
        {
            "anything from 0 to 1: neither of them is an anchor, so nothing pushes them apart": "A "
            "push needs an anchor, and an anchor needs a partner in its class."
        },
        {
            "0: the frame is orthogonal for all class sizes, one included": "The theorem asks for two "
            "samples in every class, and this is why.",
            "1: nothing keeps them apart, so they end up merged": "Nothing pulls them together "
            "either; descent leaves them where they happen to come to rest.",
            "undefined: the loss of a class without a partner is infinite": "Such samples are left "
            "out of the mean over anchors, and serve as negatives.",
        },
    ),
    Question(
        "Class means of a network have ETF distance 0. Where may the origin of its feature space be?",
        {
            "In the centre of the means": "Then they are a simplex as the loss sees them too.",
            "Off the centre, so that the means are at right angles": "An orthogonal frame: its ETF "
            "distance is zero as well.",
            "Off to the side, nearer to one mean than to the others": "The ETF distance centres "
            "first. No place of the origin shows in it.",
        },
        {
            "Only where all means have the same length": "Seen from their centre they have; seen from "
            "the origin they needn't.",
            "Nowhere, if the network ends in a ReLU": "An orthogonal frame is within its reach, and "
            "has ETF distance zero.",
        },
    ),
    Question(
        "Ten classes in ten dimensions, τ = 1, with the ReLU: descent ends above the minimum, two "
        "classes on one axis. What helps?",
        {
            "Looking for the frame at a low temperature first": "There the trap's basin is tiny, and "
            "the minimum is the same one.",
            "Twice as many dimensions": "A coordinate that nobody owns is a way out.",
        },
        {
            "Many more iterations from where it stands": "It is a local minimum: nothing near it is "
            "lower.",
            "Smaller steps from where it stands": "However small they are, steps downhill "
            "don't lead out of a local minimum.",
            "Equal class sizes": "In the chapter all ten were equal, and descents were caught "
            "all the same.",
        },
    ),
]
