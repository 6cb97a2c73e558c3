"""Exercises and quiz of chapter 10, Equal collapse, unequal generalisation."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from ncbook.press.classroom import (
    Choice,
    Exercise,
    Formula,
    Function,
    Number,
    Question,
    Wrong,
)


def _crowds() -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Unit features (n, 2) of three or four small classes, their labels, a temperature."""
    chance = np.random.default_rng(1)
    made = []
    for counts, tau in (((3, 2, 4), 0.5), ((3, 3, 3), 0.2), ((2, 3, 2, 3), 1.0), ((5, 4), 0.3)):
        h = chance.normal(size=(sum(counts), 2))
        labels = np.repeat(np.arange(len(counts)), counts)
        made.append((h / np.linalg.norm(h, axis=1, keepdims=True), labels, tau))
    return made


def _collapsed_loss(means: np.ndarray, counts: np.ndarray, tau: float) -> float:
    """F of class means (k, d)."""
    bets = np.exp((means @ means.T - 1) / tau) * counts
    np.fill_diagonal(bets, counts - 1)
    return float(counts @ np.log(bets.sum(1)))


def _one_by_one(
    h: np.ndarray, y: np.ndarray, tau: float, judged: Callable[[Sequence[float]], float]
) -> np.ndarray:
    """Fix each class's representative by what F can still become, over those not yet fixed."""
    members = [np.flatnonzero(y == c) for c in range(y.max() + 1)]
    fixed: list[int] = []
    for place, own in enumerate(members):
        later = [other.tolist() for other in members[place + 1 :]]
        rest: list[tuple[int, ...]] = list(product(*later))
        outlook = [
            judged([_collapsed_loss(h[[*fixed, i, *r]], np.bincount(y), tau) for r in rest])
            for i in own.tolist()
        ]
        fixed.append(int(own[int(np.argmin(outlook))]))
    return np.array(fixed)


def _by_the_mean(h: np.ndarray, y: np.ndarray, tau: float) -> np.ndarray:
    return _one_by_one(h, y, tau, lambda losses: float(np.mean(losses)))


def _by_the_least(h: np.ndarray, y: np.ndarray, tau: float) -> np.ndarray:
    return _one_by_one(h, y, tau, min)


def _by_the_first(h: np.ndarray, y: np.ndarray, tau: float) -> np.ndarray:
    return _one_by_one(h, y, tau, lambda losses: losses[0])


def _each_for_itself(h: np.ndarray, y: np.ndarray, tau: float) -> np.ndarray:
    repelled = np.exp((h @ h.T - 1) / tau) * (y[:, None] != y)
    costs = repelled.sum(1)
    return np.array([min(np.flatnonzero(y == c), key=costs.item) for c in range(y.max() + 1)])


def _central(h: np.ndarray, y: np.ndarray, tau: float) -> np.ndarray:
    chosen = []
    for c in range(y.max() + 1):
        own = np.flatnonzero(y == c)
        chosen.append(own[np.argmax(h[own] @ h[own].mean(0))])
    return np.array(chosen)


EXERCISES = [
    Exercise(
        label="ex-10-orthant",
        title="Room in the orthant",
        kind="experiment",
        prompt=r"""
Features behind a ReLU are non-negative. Can they collapse onto *any* rotation of a simplex? For a
frame $W$ whose rows sum to zero and span $U$ there are non-negative features $h_c=tw_c+u$, $u\perp U$,
for every $t>0$, if and only if some vector with all entries positive is orthogonal to $U$ (show it).
For ten classes and a random rotation in $\mathbb R^{12}$: with what probability is there *no* room?
Draw rotations and ask a linear programme, or find the formula; to within 0.02.
""",
        answer=Number(0.967285, relative=0, absolute=0.02),
        right="In twelve dimensions a turned simplex nearly always lies so that no features behind a ReLU "
        "reach it exactly; in 64 the formula leaves room for every one that you will ever draw.",
        wrong=[
            Wrong(
                1 - 0.967285,
                "That is how often there *is* room. (Does your programme's status 0 mean that a vector "
                "was found?)",
            ),
            Wrong(
                0.99414,
                "The ten rows sum to zero. How many dimensions do they span?",
            ),
            Wrong(
                0.887,
                "One dimension too few: how many dimensions do ten vertices of a simplex span, and in "
                "how many do they lie?",
            ),
            Wrong(
                0.0,
                "In 64 dimensions, nearly. With only three dimensions to spare, the vectors orthogonal "
                "to the simplex are few.",
            ),
        ],
        hints=[
            "Let $B$ be a basis of $U$, $12\\times9$, drawn at random. You need a vector $u$ with "
            "$B^\\top u=0$ and all entries positive; it may be scaled, so ask for entries of at least 1.",
            "`scipy.optimize.linprog(np.zeros(12), A_eq=B.T, b_eq=np.zeros(9), bounds=(1, None))` finds "
            "one or says, by its `status`, that there is none. A thousand draws will do.",
        ],
        solution=r"""
If $u>0$ is orthogonal to $U$, then $tw_c+su\ge0$ for $s$ large enough. Conversely, if $tw_c+u\ge0$ for
all $c$, the mean of these vectors is $u\ge0$, and an entry of $u$ can only be zero where all $w_c$ are
zero; change it there to be positive. By Stiemke's lemma a positive $u$ exists unless $U$ holds a
non-zero vector $\ge0$. A random subspace of dimension $r$ in $\mathbb R^d$ does so with probability
$2^{1-d}\sum_{i=0}^{r-1}\binom{d-1}i$ (Wendel 1962). In $\mathbb R^{64}$ it is $5\cdot10^{-10}$, so the
orthant leaves room for every alignment that you will ever draw; in $\mathbb R^{12}$ it is 0.967, and
most rotated simplices can't be reached exactly. On the axes there is always room, $u=\sum_ce_c$.
""",
        code="""
import numpy as np
from scipy.optimize import linprog
from scipy.special import comb

for dim in (64, 12):
    print(dim, sum(comb(dim - 1, i) for i in range(9)) / 2 ** (dim - 1))
chance, zero = np.random.default_rng(0), np.zeros(9)
drawn = chance.normal(size=(1000, 9, 12))  # each spans a random subspace, as a turned simplex does
found = [linprog(np.zeros(12), A_eq=b, b_eq=zero, bounds=(1, None)).status == 0 for b in drawn]
answer = 1 - np.mean(found)
print(answer)
""",
    ),
    Exercise(
        label="ex-10-single",
        title="Which numbers may be compared",
        kind="predict",
        prompt=r"""
A colleague trains one network for each of twenty alignments, each with a new seed, finds a standard
deviation of 1.1 points of test accuracy on 2,000 images, and concludes that alignment matters. What could
the twenty numbers show at best? Which of these plans, each of twenty runs as well, *can* show that
alignment matters, in the sense that one is better than another on average over seeds?
""",
        answer=Choice(
            [
                "twenty alignments, each with a seed of its own",
                "twenty alignments, all with the same seed",
                "two alignments, each with the same ten seeds",
                "five alignments, each with the same four seeds",
                "one alignment with twenty seeds",
            ],
            "cd",
        ),
        right="Only where an alignment is met again with another seed can what it does every time be told "
        "from what happened once.",
        wrong=[
            Wrong(
                "abcd",
                "In two of these, every alignment occurs in a single run. What would the same twenty "
                "numbers look like if alignments did nothing?",
            ),
            Wrong(
                "bcd",
                "The same seed for all takes the seeds' own share away. But that one alignment happens "
                "to suit *this* seed is left in every difference.",
            ),
            Wrong(
                "d",
                "Two alignments are few, but ten pairs of runs tell whether *these two* differ: is that "
                "no evidence that alignment matters?",
            ),
            Wrong(
                "c",
                "A test over several alignments at once needs each of them several times. Is there "
                "another plan that has that?",
            ),
        ],
        hints=[
            "Write each number as alignment + seed + rest. In which plans does something repeat that "
            "lets the rest be estimated?",
            "And how far apart would two networks of equal merit be on 2,000 images, of which each gets "
            "three of ten right?",
        ],
        solution=r"""
The colleague's numbers show nothing about alignments: each is the sum of an alignment, a seed and a draw of
test images. At an accuracy of 0.3 the images alone have $\sqrt{0.3\cdot0.7/2000}$, one point. The same seed
for all would still leave the interaction. Two alignments, ten seeds each, paired: the mean difference over
its standard error says whether *these two* differ; with five alignments and four seeds the $F$ test says
whether any do. Both cost twenty runs. Simulated for two alignments and ten seeds, with no effect, with one
of a point and with one of two:
""",
        code="""
import numpy as np
from scipy.stats import ttest_rel

print(np.sqrt(0.3 * 0.7 / 2000))
chance = np.random.default_rng(0)


def found(effect):
    seeds, rest = chance.normal(0, 1, 10), chance.normal(0, 1, (2, 10))
    runs = seeds + rest + np.array([[effect], [0]])
    return ttest_rel(*runs).pvalue < 0.05


print({effect: np.mean([found(effect) for _ in range(500)]) for effect in (0, 1, 2)})
answer = "cd"
""",
    ),
    Exercise(
        label="ex-10-adam",
        title="Adam again",
        kind="predict",
        prompt=r"""
Which orthogonal maps commute with Adam's step, whatever the gradient? Deduce from it for which of these
changes of a fixed simplex a *linear* last layer, which starts with PyTorch's uniform entries and is trained
by *Adam*, gives the same law as before. (In the Helmert simplex, `simplex_etf`, coordinate $j$ separates
vertex $j+1$ from the mean of vertices $1$ to $j$.)
""",
        answer=Choice(
            [
                "two coordinates of the space are exchanged",
                "some coordinates of the space change their sign",
                "the first two vertices of the Helmert simplex are exchanged",
                "its last two vertices are exchanged",
                "the simplex is turned by a random rotation",
                "any two vertices of the simplex on ten axes are exchanged",
            ],
            "abcf",
        ),
        right="Exactly the signed permutations of coordinates. Of the 45 exchanges of two vertices, one is "
        "such a map for the Helmert simplex, and all of them are for the simplex on the axes.",
        wrong=[
            Wrong(
                "abcdf",
                "Every permutation of a simplex's vertices is a rotation. But does that rotation send "
                "each coordinate to one coordinate? Look at its matrix.",
            ),
            Wrong(
                "abcdef",
                "That is gradient descent. Adam divides each entry by its own size, and a rotation mixes "
                "entries before they are divided.",
            ),
            Wrong(
                "af",
                "If a coordinate of the gradient changes its sign, what does Adam's step do? And the law "
                "of a start that is uniform on an interval about zero?",
            ),
            Wrong(
                "abf",
                "In the Helmert simplex, what do the first two vertices have in every coordinate but the "
                "first?",
            ),
        ],
        hints=[
            r"Adam's first step is the sign of the gradient. For which $Q$ is "
            r"$\mathrm{sign}(Q^\top g)=Q^\top\mathrm{sign}(g)$ for all $g$?",
            "For the exchanges of vertices, print `margins.permutation_as_rotation(frame, order)` and "
            "count how many entries are neither 0 nor 1 in size.",
        ],
        solution=r"""
Adam divides each entry's averaged gradient by the root of its averaged square. A map commutes with that
for all gradients if it sends each entry to one entry, with a sign: signed permutations. No others do.
Adam's first step is the sign of the gradient, up to its $\varepsilon$, and
$\mathrm{sign}(Q^\top g)=Q^\top\mathrm{sign}(g)$ for all $g$ asks that every sum $\sum_j\pm q_{ji}$ be
$\pm1$; changing one sign changes it by $2q_{ji}$, so each $q_{ji}$ is $0$ or $\pm1$, and a column of
length one has a single such entry. PyTorch's uniform start has a law that is symmetric under these. So
$W$ and $WQ$ are equivalent for signed permutations $Q$ of the coordinates. In the Helmert simplex the
first coordinate is $\pm$ for the first two vertices and zero for the others, so exchanging these two is
a change of one sign, and it is equivalent. The other exchanges mix coordinates:
""",
        code="""
from ncbook import geometry, margins
import torch


def keeps_entries(Q):  # a signed permutation
    return bool(((Q.abs() < 1e-9) | ((Q.abs() - 1).abs() < 1e-9)).all())


def exchange(frame, i, j):
    order = torch.arange(10)
    order[[i, j]] = order[[j, i]]
    return margins.permutation_as_rotation(frame, order)


helmert, axes = geometry.simplex_etf(10, 9), torch.eye(10).double() - 0.1
pairs = torch.combinations(torch.arange(10)).tolist()
print(sum(keeps_entries(exchange(helmert, *pair)) for pair in pairs), "of", len(pairs))
signs = torch.diag(torch.tensor([1.0, -1, 1, 1, -1, 1, 1, 1, 1]))
maps = [torch.eye(9)[[1, 0, *range(2, 9)]], signs, exchange(helmert, 0, 1), exchange(helmert, 8, 9)]
kept = [keeps_entries(Q) for Q in [*maps, margins.random_rotation(9, 0)]]
kept.append(all(keeps_entries(exchange(axes, *pair)) for pair in pairs))
answer = "".join(letter for letter, same in zip("abcdef", kept) if same)
""",
    ),
    Exercise(
        label="ex-10-learnt",
        title="A learnt classifier",
        kind="predict",
        prompt=r"""
Extend the theorem that alignments are seeds to a classifier $W$, $b$ that is *trained along with* the
rest, by the same gradient descent with momentum and weight decay, behind a linear last layer $V$, all of
them with Gaussian starts. Which of these are true?
""",
        answer=Choice(
            [
                r"if $W'=WQ$ and $V'=Q^\top V$ at the start, with the same $b$, then at every step",
                "for that, $b$ has to be turned along as well",
                "all logits on the way are the same numbers in both runs",
                "weight decay on $W$ breaks it, as decay acts on each entry by itself",
                "given its Gram matrix, the frame that a network finds is turned at random, uniformly",
                "which classes separate first is a matter of the seed alone",
            ],
            "ace",
        ),
        right="So a network with such a layer finds a simplex whose rotation the seed draws. What the images "
        "decide is in the Gram matrix, on the way there.",
        wrong=[
            Wrong(
                "abce",
                r"$Q$ acts on the space of the features, which has $d$ dimensions. In which space does $b$ "
                "live, and what is its gradient?",
            ),
            Wrong(
                "acde",
                "Decay multiplies every entry by the same number. What is left of $WQ$ if all of it is "
                "multiplied by 0.99?",
            ),
            Wrong(
                "acef",
                "A rotation of the features says nothing about the order in which classes part. Does that "
                "depend on which images look alike?",
            ),
            Wrong(
                "ac",
                r"Now draw the start: what is the law of $(WQ, Q^\top V)$ for independent Gaussian entries, "
                "and so that of the end?",
            ),
        ],
        hints=[
            r"$\nabla_WL=\sum_i\delta_ih_i^\top$. What becomes of it if every $h_i$ is $Q^\top h_i$ and the "
            r"$\delta_i$ stay?",
            r"What has no index in feature space can't notice $Q$; what is linear in the state and the "
            r"gradients carries $Q$ along. For the law: Gaussian matrices with independent entries, "
            "multiplied by $Q$, have the law that they had.",
        ],
        solution=r"""
$\nabla_WL=\sum_i\delta_ih_i^\top$ becomes $\sum_i\delta_i(Q^\top h_i)^\top=\nabla_WL\,Q$, so $W'=WQ$
stays true if it is true at the start, decay included, and the rest is {prf:ref}`thm-equivariance`; the
bias has gradient $\sum_i\delta_i$ and doesn't notice. In law one needs $(W_0Q,Q^\top V_0)\sim(W_0,V_0)$,
as for Gaussian starts. Then the whole trajectory of $(W,V)$, rotated, has the same law: the found simplex
is Haar distributed given its Gram matrix and everything before $V$. Rotations are drawn by the seed,
uniformly; which classes separate first still depends on the images. Two linear layers in double
precision, twenty steps of gradient descent with decay:
""",
        code="""
from ncbook import margins
import torch
from torch.nn.functional import cross_entropy

draw = torch.Generator().manual_seed(0)
x, y = torch.randn(50, 20, generator=draw).double(), torch.arange(50) % 5
V, W = (torch.randn(*s, generator=draw).double() for s in ((8, 20), (5, 8)))
Q = margins.random_rotation(8, 0)


def logits(V, W, b, steps=20):
    parts = [part.clone().requires_grad_() for part in (V, W, b)]
    sgd = torch.optim.SGD(parts, 0.1, momentum=0.9, weight_decay=1e-2)
    for _ in range(steps):
        sgd.zero_grad()
        cross_entropy(x @ parts[0].T @ parts[1].T + parts[2], y).backward()
        sgd.step()
    return x @ parts[0].T @ parts[1].T + parts[2]


b = torch.zeros(5).double()
gap = (logits(V, W, b) - logits(Q.T @ V, W @ Q, b)).abs().max().item()
print(gap)
answer = "ace" if gap < 1e-9 else "bd"
""",
    ),
    Exercise(
        label="ex-10-petersen",
        title="Code against graph",
        kind="derive",
        prompt=r"""
Show that the ten points of Petersen's code sum to zero, that each has three others at cosine
$-\frac23$, and that the code has exactly $10!/120$ alignments that differ as geometry. How many has the
*cross-polytope*, the ten points $\pm e_1,\dots,\pm e_5$ in $\mathbb R^5$? Give the number, and say in
words what an alignment of it is.
""",
        answer=Number(945, relative=1e-6),
        right="An alignment of the cross-polytope is a way to divide ten classes into five pairs of "
        "opposites: fewer possibilities than Petersen's code has, and coarser ones.",
        wrong=[
            Wrong(
                30_240,
                "That divides by 120, the symmetries of Petersen's graph, or of five axes that keep their "
                "signs. What else leaves the cross-polytope as it is?",
            ),
            Wrong(
                113_400,
                "You allowed each axis to change its sign. May axes change places as well?",
            ),
            Wrong(
                3840,
                "These are the symmetries. How many of the ways to hand out ten points are the same up to "
                "one of them?",
            ),
            Wrong(
                1,
                "For a simplex, yes. Here it makes a difference who is opposite whom.",
            ),
        ],
        hints=[
            r"Two alignments are the same geometry if and only if a permutation with "
            r"$\Pi G\Pi^\top=G$ leads from one to the other: divide $10!$ by the number of those.",
            "The Gram matrix of the cross-polytope says only who is opposite whom. Which permutations of "
            "ten points keep five pairs together?",
        ],
        solution=r"""
The point of edge $\{a,b\}$ is $(s_a+s_b)/\lVert s_a+s_b\rVert$ with
$\lVert s_a+s_b\rVert^2=2-\frac24=\frac32$. Edges that share a vertex have inner product
$(1-\frac34)/\frac32=\frac16$, disjoint ones $(-\frac44)/\frac32=-\frac23$; $\binom32=3$ edges are disjoint
from a given one. The sum is $4\sum_as_a$ over a constant, zero. Alignments $\Pi F$ and $\Pi'F$ are the same
geometry if and only if $\Pi'=\Pi\Sigma$ with $\Sigma G\Sigma^\top=G$ ({prf:ref}`lem-permutation`), an
automorphism of the graph. Petersen's graph has 120. At least: its vertices are the pairs from five things,
adjacency is disjointness, and different permutations of the five move the pairs differently. At most:
$\{1,2\}$ can go to ten vertices, and its neighbours $\{3,4\}$, $\{3,5\}$, $\{4,5\}$ to those of its image
in six orders; with these four in their places the other two neighbours of $\{3,4\}$ can still be exchanged,
$\{1,5\}$ and $\{2,5\}$, or not. That fixes the rest: only $\{2,4\}$ is next to both $\{1,5\}$ and
$\{3,5\}$, only $\{2,3\}$ to $\{1,5\}$ and $\{4,5\}$, only $\{1,4\}$ to $\{2,5\}$ and $\{3,5\}$, only
$\{1,3\}$ to $\{2,5\}$ and $\{4,5\}$. So there are at most $10\cdot6\cdot2=120$. For the cross-polytope $G$
says only who is opposite whom: $2^5\,5!=3840$ automorphisms, $10!/3840=945=9\cdot7\cdot5\cdot3$ alignments.
An alignment is a way to divide the ten classes into five pairs of opposites.
""",
        code="""
from math import factorial

import networkx as nx


def alignments(graph):
    own = nx.isomorphism.GraphMatcher(graph, graph)
    return factorial(10) // sum(1 for _ in own.isomorphisms_iter())


opposites = nx.Graph([(i, i + 5) for i in range(5)])
print(alignments(nx.petersen_graph()))
answer = alignments(opposites)
""",
    ),
    Exercise(
        label="ex-10-jensen",
        title="Is the second Jensen needed?",
        kind="code",
        prompt=r"""
The proof that contrastive features collapse without room draws a representative of each class *at
random*; so some choice has $F$ at most its mean, but which? Suppose first that each class takes the
member that is best for its own samples: where does the argument break? Then find a choice for certain,
one class after the other. `representatives(h, y, tau)` gets unit features $(n,d)$ and labels $(n,)$ and
returns the index of a member for each class: for class 0 the one with which the *mean* of $F$ over all
choices for the other classes is least; with it fixed, for class 1 the one with which the mean over the
classes after it is least; and so on.
""",
        starter="""
from itertools import product

import numpy as np


def collapsed_loss(means, counts, tau):  # F of class means (k, d), counts an array (k,)
    bets = np.exp((means @ means.T - 1) / tau) * counts
    np.fill_diagonal(bets, counts - 1)
    return counts @ np.log(bets.sum(1))


def representatives(h, y, tau):
    ...
""",
        answer=Function(_by_the_mean, _crowds),
        right="The mean never rises on the way, so the choice that is left at the end is at most the mean "
        "at the beginning, and with it at most the loss of the features themselves.",
        wrong=[
            Wrong(
                _by_the_least,
                "You took for each member the best that the other classes can still do. That finds the "
                "least $F$ of all choices by looking at all of them. It isn't what was asked: take the "
                "mean.",
            ),
            Wrong(
                _by_the_first,
                "While one class chooses, the classes after it stand for themselves with one fixed member. "
                "Average over all of theirs.",
            ),
            Wrong(
                _each_for_itself,
                "Each class chose for itself, by how strongly its members repel the samples of others. But "
                "$F$ is one function of all representatives: what suits one class moves the negatives of "
                "all the others.",
            ),
            Wrong(
                _central,
                "The member next to its class mean knows nothing of the other classes, so nothing says that "
                "$F$ gets lower by it.",
            ),
        ],
        hints=[
            "`members = [np.flatnonzero(y == c) for c in range(k)]`. Keep a list `fixed`, empty at first, "
            "and go through the classes.",
            "For a candidate `i` of class `c`: the mean of "
            "`collapsed_loss(h[[*fixed, i, *rest]], counts, tau)` over `rest in product(*members[c + 1:])`. "
            "For the last class there is one empty `rest`.",
        ],
        solution=r"""
$F$ is one function of all $k$ representatives: what is best for the anchors of class $c$ moves the
negatives of all others. A choice that is best for each class separately need not lower $F$; the argument of
{prf:ref}`thm-representatives` averages $F$ itself over independent choices, so that a single choice with
$F$ at most the average exists, without naming it. The second Jensen is what puts that average below the
loss: a sample sees the mean over *all* members of another class, inside the logarithm, and only once the
mean is outside can one draw of representatives serve all samples at once. By conditional expectations one
can name it: fix $r_1$ so that the mean of $F$ over the others is least, then $r_2$, and so on; the mean
never rises. (It isn't the best choice of all, as a rule, and it needn't be.)
""",
        code="""
from itertools import product

import numpy as np


def collapsed_loss(means, counts, tau):
    bets = np.exp((means @ means.T - 1) / tau) * counts
    np.fill_diagonal(bets, counts - 1)
    return counts @ np.log(bets.sum(1))


def representatives(h, y, tau):
    members, fixed = [np.flatnonzero(y == c) for c in range(y.max() + 1)], []
    for c, own in enumerate(members):
        rest = list(product(*members[c + 1 :]))

        def outlook(i):
            return np.mean([collapsed_loss(h[[*fixed, i, *r]], np.bincount(y), tau) for r in rest])

        fixed.append(min(own, key=outlook))
    return fixed


turn, y = np.random.default_rng(0).uniform(0, 2 * np.pi, 9), np.repeat([0, 1, 2], [3, 2, 4])
h, counts = np.stack([np.cos(turn), np.sin(turn)], 1), np.bincount(y)
every = [collapsed_loss(h[list(r)], counts, 0.5) for r in product(*[np.flatnonzero(y == c) for c in range(3)])]
print(min(every), collapsed_loss(h[representatives(h, y, 0.5)], counts, 0.5), np.mean(every))
answer = representatives
""",
    ),
    Exercise(
        label="ex-10-least-p",
        title="The least p there is",
        kind="derive",
        prompt=r"""
The chapter shuffles the numbers of each seed by itself and asks how often the row means spread as much as
they did. With *three* alignments and $S$ seeds, no two numbers alike: what is the least $p$ that this
test can give, if all shuffles are counted? A formula in `s`. From how many seeds on could it be below
0.01?
""",
        answer=Formula("6**(1-s)", {"s": (2, 8)}),
        right="With three seeds that is one in thirty-six, however large the effect: a test can only be as "
        "sharp as there are other ways in which the numbers could have come.",
        wrong=[
            Wrong(
                "6**(-s)",
                "This counts a single arrangement as the most extreme one. But give the three rows other "
                "names, in all seeds alike: do their means spread any less?",
            ),
            Wrong(
                "3**(1-s)",
                "You asked which of the three alignments comes out best in each seed. A shuffle also decides "
                "who is second.",
            ),
            Wrong(
                "2*6**(1-s)",
                "You doubled it for two sides. How much rows spread is a variance: it has one side only.",
            ),
            Wrong(
                "2**(1-s)",
                "That would be so with two alignments. In how many orders can three numbers come?",
            ),
        ],
        hints=[
            "In how many ways can the three numbers of one seed be arranged, and how many arrangements of "
            "the whole table does that make?",
            "Suppose that the same alignment is first in every seed, and the same one last. Which other "
            "arrangements of the table have exactly the same row means, in another order?",
        ],
        solution=r"""
There are $3!=6$ orders in each seed and $6^S$ tables. The row means spread most if the order is the same in
every seed, and only then: the sum of the squared row sums is a constant and, for each two seeds, twice
$\sum_ay_{as}y_{at}$, which by the rearrangement inequality is largest exactly if both have the same order
(no two numbers are alike). Then renaming the rows gives six tables with the same spread: at least
$6/6^S=6^{1-S}$, $0.028$ for three seeds, and below 0.01 from four on. In general it is $(A!)^{1-S}$ for $A$
alignments. An $F$ test, which believes in the normal distribution, can go below; that is what it knows
more, or believes.
""",
        code="""
import numpy as np
from scipy.stats import permutation_test

rows = np.array([[1, 1.1, 1.3], [5, 5.2, 5.3], [9, 9.4, 9.7]])  # alignments, seeds


def spread(*cells, axis=-1):
    return np.var([row.mean(axis) for row in cells], axis=0)


for seeds in (2, 3):
    table = tuple(rows[:, :seeds])
    found = permutation_test(table, spread, permutation_type="samples", alternative="greater")
    print(seeds, found.pvalue, 6.0 ** (1 - seeds))
answer = "6**(1-s)"
""",
    ),
    Exercise(
        label="ex-10-seeds",
        title="How many seeds",
        kind="experiment",
        prompt=r"""
You compare two alignments, each trained with the same $S$ seeds, by a paired $t$ test at the 5 % level,
two-sided. In truth one is better by 1 point of accuracy. Seeds have a standard deviation of 2 points, and
what neither seed nor alignment explains (the rest of the two-way layout, one draw for each run) one of 1
point, all normal. Simulate, or calculate: what is the least $S$ with which the difference is found with
probability 0.8? To within one seed.
""",
        answer=Number(18, relative=0, absolute=1.5),
        right="Some eighteen seeds for one point: three, as in the chapter, could see only effects several "
        "times as large. Pairing has already taken away the seeds' own share.",
        wrong=[
            Wrong(
                10,
                "You used the spread of one run. A difference has the rest of *two* runs in it.",
            ),
            Wrong(
                80,
                "The seeds' two points are in here. In a paired difference both runs share the seed: what "
                "becomes of its part?",
            ),
            Wrong(
                36,
                "Do you count runs? Each seed is used twice, once for each alignment.",
            ),
            Wrong(
                13,
                "Did you look for an effect in one direction only? The test is two-sided.",
            ),
            Wrong(
                16,
                "Normal quantiles would do if the standard deviation were known. A $t$ test estimates it "
                "from the same few differences: what does that cost?",
            ),
        ],
        hints=[
            "Subtract: (alignment 1 + seed + rest) − (alignment 2 + seed + another rest). What is the mean, "
            "and what the standard deviation, of that?",
            r"A thousand draws of `rng.normal(1, 2**0.5, (1000, S))` and `scipy.stats.ttest_1samp(drawn, 0, "
            "axis=1)`: the share of $p$ below 0.05 is the power. Let `S` run.",
        ],
        solution=r"""
The seed's part cancels, so the differences are normal with mean 1 and standard deviation $\sqrt2$. The
power of the $t$ test follows from the noncentral $t$ distribution with parameter $\sqrt{S/2}$ and passes
0.8 at 18. (Normal quantiles would say 16.) Unpaired, with a new seed for each run, each number would have
a standard deviation of $\sqrt5$ points, and it would take some 80 runs of each alignment.
""",
        code="""
import numpy as np
from scipy.stats import nct, t


def power(seeds, effect=1 / 2**0.5):
    limit, shift = t.isf(0.025, seeds - 1), effect * seeds**0.5
    return nct.sf(limit, seeds - 1, shift) + nct.cdf(-limit, seeds - 1, shift)


answer = next(s for s in range(2, 100) if power(s) >= 0.8)
print(answer, power(answer), "with three seeds", power(3))
""",
    ),
]

QUIZ = [
    Question(
        "Twenty alignments, one run each, are drawn in order of their test accuracy: the curve falls by five "
        "points. What does it show about alignments?",
        {
            "Nothing: draws that are sorted always make a curve that falls": "What is missing is a second "
            "seed of the same alignments. Does the order come back?"
        },
        {
            "That some alignments generalise better than others do": "It would look the same if all runs were "
            "seeds of one alignment.",
            "That the best of them should be used from now on": "The best of twenty draws is the luckiest. "
            "With another seed it needn't be.",
            "That five points is the size of the effect, at most": "Without repeated runs there is no "
            "estimate of an effect, from above or below.",
        },
    ),
    Question(
        "Which frames look the same after *every* permutation of their vertices, up to a rotation?",
        {
            "A simplex ETF of ten classes in 64 dimensions": "All its pairs are alike.",
            "An orthogonal frame": "It is a simplex, too, lifted along the axis of its centre.",
        },
        {
            "The vertices of a regular decagon in the plane": "Neighbours on the circle would have to stay "
            "neighbours.",
            "Petersen's code, ten points in four dimensions": "Each point has three opponents; a "
            "permutation may hand it others.",
            "Five axes with their opposites": "Who is opposite whom may change, and that is seen in the "
            "Gram matrix.",
        },
    ),
    Question(
        "A linear last layer with a Gaussian start, gradient descent, the same seed: two alignments of a "
        "simplex differ by two points of test accuracy. How can that be?",
        {
            "As with two seeds: single runs may differ, but none is better in law": "The runs are the same "
            "only if the start is turned along with the frame."
        },
        {
            "It can't: by the theorem both runs have the same logits": "Only if the start of the last layer is "
            "rotated as well. Here it was the same.",
            "One of the two alignments suits the images better": "In law no alignment is better: that is what "
            "the theorem excludes.",
            "By rounding errors, which grow in the course of training": "They do grow, but these two runs "
            "differ from the first step on.",
        },
    ),
    Question(
        "Which of these can break the symmetry between rotations of a simplex?",
        {
            "A ReLU between the last layer and the classifier": "It treats coordinates one by one, and a "
            "rotation mixes them.",
            "Adam in the place of gradient descent": "It divides each entry by its own size.",
            "A start with entries that are uniform on an interval": "A cube is not a ball: rotated, the "
            "entries have another law.",
        },
        {
            "Momentum and weight decay": "Both are linear in the weights and in the gradients, so they turn "
            "along.",
            "Batch normalisation before the last layer": "It belongs to what comes before, which doesn't "
            "notice.",
        },
    ),
    Question(
        "Five rotations in three seeds: $F$ is near 1 and $p$ is 0.4. What may be written?",
        {
            "That no effect was seen, and how large a one could have been missed": "The interval for the spread "
            "between rotations says that."
        },
        {
            "That rotations have no effect on the accuracy": "Not seen isn't absent: with so few runs a spread "
            "of more than a point would often be missed.",
            "That a theorem about rotations has been confirmed": "An effect that isn't seen confirms nothing; "
            "and behind a ReLU no theorem forbids one.",
            "That the effect is 0.4 times as large as the rest": "$p$ isn't the size of an effect.",
        },
    ),
    Question(
        "A linear last layer with a Gaussian start, gradient descent, a frozen classifier: once a simplex in "
        "nine dimensions, once Petersen's code in four. Why can a permutation matter in four only?",
        {
            "There it changes which classes are neighbours, and the Gram matrix shows it": "In a simplex "
            "everybody is everybody's neighbour."
        },
        {
            "There the training images can't all be learnt, so that errors differ": "The chapter's networks "
            "have learnt theirs in four dimensions too.",
            "There the best arrangement of the points is not known, so that codes differ": "For ten points in "
            "four dimensions it is known and unique.",
            "There fewer rotations exist, so that a network finds its own less often": "The vertices are "
            "frozen: nothing has to be found.",
        },
    ),
]
