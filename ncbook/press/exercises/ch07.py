"""Exercises and quiz of chapter 7, Batches as a graph."""

import numpy as np
import torch
from torch import Tensor

from ncbook.batching import InteractionGraph, interaction_graph
from ncbook.press.classroom import (
    Choice,
    Construction,
    Exercise,
    Function,
    Number,
    Question,
    Wrong,
)

Batches = list[list[int]]
Shares = list[int]  # how many samples of each class a batch holds
PAIR = [0] * 6 + [1] * 6  # the classes of the exercise with the fewest batches
FEWER = "This does it. It can be done with fewer batches, though."
SMALLER = "It has what was asked for, but there is a plan with fewer samples."


def _plans() -> list[tuple[Batches, Tensor, float]]:
    """Plans with and without singletons, even and uneven, one with a batch of one class."""
    pairs = torch.tensor([0, 0, 1, 1, 2, 2])
    uneven = torch.tensor([0] * 5 + [1] * 2 + [2] + [3])
    return [
        ([[0, 1, 2, 3, 4, 5]], pairs, 0.2),
        ([[0, 1, 2, 4], [0, 2, 3], [0, 4, 5]], pairs, 0.2),
        ([[0, 1, 2, 3], [0, 2, 4], [1, 3, 4, 5]], pairs, 0.5),
        ([[0, 1, 5, 6, 7, 8], [2, 3, 4], [0, 2, 5, 8]], uneven, 0.1),
        ([list(range(9)), [0, 1, 7]], uneven, 1.0),
    ]


def _shares(batches: Batches, labels: Tensor) -> list[Shares]:
    return [[n for n in labels[batch].bincount().tolist() if n] for batch in batches]


def _terms(shares: Shares, tau: float, itself: int = 0) -> list[tuple[int, float]]:
    """The anchors of each class in a batch, and the least loss of each of them."""
    size, weight = sum(shares), float(np.exp(-1 / tau))
    return [(n, float(np.log(n - 1 + itself + (size - n) * weight))) for n in shares if n > 1]


def _mean(terms: list[tuple[int, float]], count: int | None = None) -> float:
    anchors = sum(n for n, _ in terms)
    return sum(n * least for n, least in terms) / (count or anchors)


def _floor(batches: Batches, labels: Tensor, tau: float) -> float:
    return _mean([term for shares in _shares(batches, labels) for term in _terms(shares, tau)])


def _over_samples(batches: Batches, labels: Tensor, tau: float) -> float:
    found = [term for shares in _shares(batches, labels) for term in _terms(shares, tau)]
    return _mean(found, sum(map(len, batches)))


def _mean_of_batches(batches: Batches, labels: Tensor, tau: float) -> float:
    found = [_terms(shares, tau) for shares in _shares(batches, labels)]
    return float(np.mean([_mean(terms) for terms in found if terms]))


def _with_itself(batches: Batches, labels: Tensor, tau: float) -> float:
    found = [term for shares in _shares(batches, labels) for term in _terms(shares, tau, 1)]
    return _mean(found)


def _deaf_to_singletons(batches: Batches, labels: Tensor, tau: float) -> float:
    heard = [[n for n in shares if n > 1] for shares in _shares(batches, labels)]
    return _mean([term for shares in heard for term in _terms(shares, tau)])


def _without_lone_classes(batches: Batches, labels: Tensor, tau: float) -> float:
    mixed = [shares for shares in _shares(batches, labels) if len(shares) > 1]
    return _mean([term for shares in mixed for term in _terms(shares, tau)])


def _are_classes(batch: np.ndarray) -> bool:
    return bool(len(batch) <= 40 and (batch >= 0).all() and (batch == np.round(batch)).all())


def _counts(batch: np.ndarray) -> np.ndarray:
    counts: np.ndarray = np.unique(batch, return_counts=True)[1]
    return counts


def _is_table(table: np.ndarray) -> bool:
    """Zeros and ones, few enough to be looked at."""
    return bool(table.size <= 600 and np.isin(table, (0, 1)).all())


def _pair_graph(table: np.ndarray) -> InteractionGraph:
    return interaction_graph([np.flatnonzero(row) for row in table], PAIR)


def _holds_both(table: np.ndarray) -> bool:
    return bool(table[:, :6].any(1).all() and table[:, 6:].any(1).all())


def _is_labelled(table: np.ndarray) -> bool:
    """First row classes, the other rows batches, all of a size that a search can take."""
    if len(table) < 2 or table.size > 600 or table.shape[1] > 14:
        return False
    labels = table[0]
    return bool((labels >= 0).all() and (labels == np.round(labels)).all()) and _is_table(table[1:])


def _labelled_graph(table: np.ndarray) -> InteractionGraph:
    return interaction_graph([np.flatnonzero(row) for row in table[1:]], table[0].astype(int))


def _mixes_classes(table: np.ndarray) -> bool:
    held = [set(table[0, row == 1]) for row in table[1:]]
    return all(len(classes) > 1 for classes in held) and set(table[0]) == set().union(*held)


def _is_unique(table: np.ndarray, spare: int) -> bool:
    return _labelled_graph(table).is_unique(len(set(table[0])) + spare)


EXERCISES = [
    Exercise(
        label="ex-07-floor",
        title="The least loss of a plan",
        kind="code",
        prompt=r"""
Write `floor(batches, labels, tau)`: the least value that the supervised contrastive loss can have on
a plan, *summed over all anchors of all batches and divided by their number*. `batches` is a list of
lists of indices, `labels` a tensor, and there are as many dimensions as classes, or more. The plans
on which it is tried have singletons, and one has a batch of a single class.
""",
        starter="""
def floor(batches, labels, tau):
    ...
""",
        answer=Function(_floor, _plans),
        right="So you can say of a training how far its loss is from the least, whatever its "
        "batches. That is how the chapter knows that the network with fixed batches isn't slow.",
        wrong=[
            Wrong(
                _over_samples,
                "You divide by the samples that pass. A singleton has no positive and no loss: it "
                "is no anchor, and counting it as a zero makes the mean too small.",
            ),
            Wrong(
                _mean_of_batches,
                "You average over batches. One with two anchors then counts as much as one with "
                "ten; the plan's objective sums over anchors.",
            ),
            Wrong(
                _with_itself,
                "Your anchors are among their own positives. How many *others* of its class does an "
                "anchor meet?",
            ),
            Wrong(
                _deaf_to_singletons,
                "You left the singletons out of the denominators. They are no anchors, but each of "
                "them is a negative of every anchor of another class.",
            ),
            Wrong(
                _without_lone_classes,
                "You left out the batch of a single class. Its samples have no negatives, but do they "
                "have positives? Whoever has one is an anchor, and its loss counts.",
            ),
        ],
        hints=[
            "An orthogonal frame attains each batch's bound at once, so the least of the sum is the "
            "sum of the bounds.",
            r"In each batch: for each class with $b_c\ge2$ add $b_c\log(b_c-1+(b-b_c)e^{-1/\tau})$ "
            r"to the sum and $b_c$ to the number of anchors.",
        ],
        solution=r"""
By {prf:ref}`lem-one-batch` no batch can do better than its bound, and class $c$ on axis $c$ attains all
bounds at once. Singletons count in $b$, as negatives, and nowhere else. In the batch of one class
nothing depends on the features, and $b_c\log(b_c-1)$ is what the formula gives. `solve_ufm` ends there:
""",
        code="""
from ncbook import ufm

import numpy as np
import torch


def floor(batches, labels, tau):
    total, anchors = 0.0, 0
    for batch in batches:
        for n in labels[batch].bincount().tolist():
            if n >= 2:
                total += n * np.log(n - 1 + (len(batch) - n) * np.exp(-1 / tau))
                anchors += n
    return total / anchors


pairs, shy = torch.tensor([0, 0, 1, 1, 2, 2]), [[0, 1, 2, 4], [0, 2, 3], [0, 4, 5]]
print(floor(shy, pairs, 0.2), ufm.solve_ufm(pairs, 3, 0.2, batches=shy).loss)
answer = floor
""",
    ),
    Exercise(
        label="ex-07-repair",
        title="Repair the statement",
        kind="derive",
        prompt=r"""
“If every class subgraph is connected, the orthogonal frame is the unique minimiser.” Refute it with a
plan of a single batch that holds two classes or more and at least one anchor: hand in the class of each
of its samples, as in `[0, 0, 0, 1, 1]`. Then show that for $k=2$ classes of two samples or more each,
in batches that hold both classes, the statement is true. Repair it for $k\ge3$ and $d\ge k+1$ so that
it becomes “if and only if”. Is your condition necessary at $d=k$? Is it enough there to ask for an
active edge between every two classes, and nothing else?
""",
        answer=Construction(
            [
                (_are_classes, "Give a class for each sample, 0, 1, 2 and so on, forty at most."),
                (
                    lambda batch: len(_counts(batch)) > 1,
                    "A batch of one class has no negatives, and there is no frame to speak of.",
                ),
                (
                    lambda batch: bool((_counts(batch) > 1).any()),
                    "Nobody in this batch has a positive, so it has no anchor and no loss.",
                ),
                (
                    lambda batch: bool((_counts(batch) == 1).sum() >= 2),
                    "In this batch every two classes have an active edge, so only the frame is "
                    "left. Which two classes could share an axis without any anchor noticing?",
                ),
            ],
            shape=(None,),
            form="a list with the class of each sample of the batch",
        ),
        right="All samples of a class share the batch, so every class subgraph is connected; but two "
        "classes are singletons in it, and may stand at any angle.",
        wrong=[
            Wrong(
                [0, 0, 1, 1, 2, 2],
                "In this batch every two classes have an active edge, so only the frame is left. "
                "Which two classes could share an axis without any anchor noticing?",
            ),
            Wrong(
                [0, 1, 2],
                "Nobody in this batch has a positive, so it has no anchor and no loss.",
            ),
            Wrong(
                [0, 0, 0],
                "A batch of one class has no negatives, and there is no frame to speak of.",
            ),
        ],
        hints=[
            "In a single batch every class is connected. So it has to go wrong between two classes.",
            "A pair is pushed only if at least one of the two is an anchor. Which pairs have none?",
        ],
        solution=r"""
One batch $\{a_1,a_2,b_1,c_1\}$: all classes are connected, $b$ and $c$ are singletons and may coincide.
For $k=2$: $a$ has two samples and is connected, so some batch holds two of $a$, and it holds a sample of
$b$ too: an active edge. Repaired: “… *and every two classes have an active edge*”, which by
{prf:ref}`thm-spare` is necessary and sufficient for $d\ge k+1$. At $d=k$ it is sufficient but not
necessary: $\{a_1,b_1,b_2\},\{a_2,b_1,b_2\}$. Active edges alone are not enough there: two disjoint
batches that both hold two samples of every class have them all, and {prf:ref}`prop-partition` exchanges
two axes in one of them.
""",
        code="""
from ncbook.batching import interaction_graph

answer = [0, 0, 1, 2]
graph = interaction_graph([range(4)], answer)
print(graph.violations(), graph.is_unique(3))
print(interaction_graph([[0, 2, 3], [1, 2, 3]], [0, 0, 1, 1]).is_unique(2))
""",
    ),
    Exercise(
        label="ex-07-two",
        title="Two classes",
        kind="predict",
        prompt=r"""
Two or more fixed batches, two classes, at least two samples of both in each batch. How many of the two
classes need a bound sample, at the least, for the orthogonal frame to be the unique minimiser? Decide
for $d=2$ and for $d=3$ before you ask the checker. (To be sure: show that for $k=d=2$ the frame is the
unique minimiser if and only if the interaction graph is connected.)
""",
        answer=Choice(
            [
                "none at $d=2$, one at $d=3$",
                "one at $d=2$, one at $d=3$",
                "one at $d=2$, both at $d=3$",
                "both at $d=2$, both at $d=3$",
            ],
            "c",
        ),
        right="Without room the pieces of the unbound class have one axis left, and it is the same "
        "for all of them. With room each piece may tilt into the third axis.",
        wrong=[
            Wrong(
                "a",
                "Batches that share no sample are worlds of their own, whatever the dimension: "
                "exchange the two axes in one of them.",
            ),
            Wrong(
                "b",
                "At $d=3$ look at the class that isn't bound. Does anything tie its samples in one "
                "batch to those in another?",
            ),
            Wrong(
                "d",
                "Binding both always does it. But at $d=2$ the graph only has to hang together: what "
                "does each batch's share of one class have in common with the others' if only the "
                "other class is bound?",
            ),
        ],
        hints=[
            "With two colours, the colour of one vertex of a connected graph fixes all others.",
            "At $d=3$ ask for the condition of spare dimensions: one component a class, and an "
            "active edge. Which of the two fails for the class that isn't bound?",
        ],
        solution=r"""
The graph has the labels as a proper colouring with two colours. In a connected graph, the colour of one
vertex fixes those of its neighbours, of theirs, and so on: two colourings agree up to exchanging the
colours. In one that isn't connected, exchange the colours in one connected part only: that regroups its
vertices and those of the rest. {prf:ref}`thm-colouring` does the rest. Unbound, every batch is a part of
its own. Binding one sample of *one* class is enough at $d=2$: every batch's component of the other class
has an active edge to it (the batch holds two samples of that other class), so the graph is connected. At
$d=3$ the other class is still split, and by {prf:ref}`thm-spare` both have to be bound.
""",
        code="""
from ncbook.batching import ClassBalanced, interaction_graph

import torch

y = torch.arange(2).repeat_interleave(12)
cut = [batch.tolist() for batch in ClassBalanced(y, 3, 0).batches()]  # a partition
samples = [0, 12]  # one of each class
least = {}
for dim in (2, 3):
    for count in (2, 1, 0):
        plan = [[*batch, *(i for i in samples[:count] if i not in batch)] for batch in cut]
        if interaction_graph(plan, y).is_unique(dim):
            least[dim] = count
answer = {(0, 1): "a", (1, 1): "b", (1, 2): "c", (2, 2): "d"}[least[2], least[3]]
""",
    ),
    Exercise(
        label="ex-07-smallest",
        title="The smallest plan that only room decides",
        kind="derive",
        prompt=r"""
Find a plan with as few samples as possible, and among those with as few batches, for which the frame is
the unique minimiser at $d=k$ but not at $d=k+1$. Hand it in as a table: the first row holds the class of
each sample, each further row is a batch, with a 1 for the samples it holds and 0 for the others. Let
every batch hold two classes or more. Prove that there is no smaller one.
""",
        answer=Construction(
            [
                (
                    _is_labelled,
                    "Give a row of classes (0, 1, 2 and so on), then a row of zeros and ones for "
                    "each batch; a dozen samples are more than enough.",
                ),
                (
                    _mixes_classes,
                    "Some batch holds fewer than two classes, or some class is in no batch.",
                ),
                (
                    lambda table: _is_unique(table, 0),
                    "At $d=k$ this plan has a second minimiser already. What should force the pieces "
                    "of a split class onto one axis?",
                ),
                (
                    lambda table: not _is_unique(table, 1),
                    "This plan leaves only the frame at $d=k+1$ as well. Some class has to fall into "
                    "pieces.",
                ),
                (lambda table: table.shape[1] <= 4, SMALLER),
                (lambda table: len(table) <= 3, FEWER),
            ],
            shape=(None, None),
            form="a table: a row of classes, then a row of zeros and ones for each batch",
        ),
        right="The two samples of the split class never meet and are never anchors; only the pushes "
        "of the other class hold them together, and only where there is no room to give way.",
        wrong=[
            Wrong(
                [[0, 0, 1, 1], [1, 1, 1, 1]],
                "This plan leaves only the frame at $d=k+1$ as well. Some class has to fall into "
                "pieces.",
            ),
            Wrong(
                [[0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1]],
                SMALLER,
            ),
            Wrong(
                [[0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]],
                "At $d=k$ this plan has a second minimiser already. What should force the pieces of "
                "a split class onto one axis?",
            ),
            Wrong(
                [[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]],
                "Some batch holds fewer than two classes, or some class is in no batch.",
            ),
        ],
        hints=[
            "A class has to be split, and each of its pieces needs an active edge to the same "
            "vertex. Who makes an edge active if a piece is a single sample?",
            "Two classes suffice. One of them has two samples that share every batch.",
        ],
        solution=r"""
Four samples and two batches, $\{a_1,b_1,b_2\},\{a_2,b_1,b_2\}$. Every two classes need an active edge
(else they could share an axis), so at $d=k+1$ uniqueness can only fail through a class $a$ that is
split, and each of its parts needs an active edge, or it could move at $d=k$ too. If $n_a=2$, the parts
are single samples, and the other class of their edges has two samples in the batch: $n\ge4$. If $n_a=3$
and $n = 4$, there is one sample of another class, all active edges come from two samples of $a$ in a
batch, and a part of one sample, of which there is at least one, has none. With three classes and $n=4$
two classes have one sample each and no active edge. Two batches are needed because a batch that holds
both parts would tie them. The search below goes through all plans of so many samples and finds the same.
""",
        code="""
from itertools import combinations

from ncbook.batching import interaction_graph

import numpy as np

y = [0, 0, 1, 1]
possible = [b for r in (2, 3, 4) for b in combinations(range(4), r) if len({y[i] for i in b}) > 1]
found = []
for count in (1, 2):
    for plan in combinations(possible, count):
        if {y[i] for batch in plan for i in batch} == {0, 1}:
            graph = interaction_graph(plan, y)
            if graph.is_unique(2) and not graph.is_unique(3):
                found.append(plan)
print(found)
answer = np.array([y, *([i in batch for i in range(4)] for batch in found[0])])
""",
    ),
    Exercise(
        label="ex-07-fewest",
        title="The fewest batches",
        kind="derive",
        prompt=r"""
Two classes of six samples, 0 to 5 and 6 to 11, batches of at most six that hold both classes. Design a
plan with as few batches as possible for which the frame is the unique minimiser at $d\ge3$. Hand it in
as a table of zeros and ones, a row for each batch and twelve columns. Prove that fewer don't do. How
many images pass through your plan, how many through bound fixed batches?
""",
        answer=Construction(
            [
                (
                    _is_table,
                    "Give zeros and ones, a row for each batch, and not dozens of batches.",
                ),
                (
                    lambda table: bool((table.sum(1) <= 6).all()),
                    "Some batch holds more than six samples.",
                ),
                (_holds_both, "Some batch doesn't hold both classes."),
                (
                    lambda table: _pair_graph(table).is_unique(3),
                    "At $d=3$ this plan has another minimiser: a class is in pieces, or the classes "
                    "have no active edge. Ask `interaction_graph` for its `violations()`.",
                ),
                (lambda table: len(table) <= 3, FEWER),
            ],
            shape=(None, 12),
            form="a table of zeros and ones with twelve columns",
        ),
        right="Sharing samples between batches is what ties; a plan that shows nobody twice can't.",
        wrong=[
            Wrong(
                [[1, 1, 1, 0, 0, 0] * 2, [0, 0, 0, 1, 1, 1] * 2],
                "At $d=3$ this plan has another minimiser: a class is in pieces, or the classes have "
                "no active edge. Ask `interaction_graph` for its `violations()`.",
            ),
            Wrong(
                [[1, 1, 1, 1, 0, 0] * 2, [0, 0, 0, 1, 1, 1] * 2],
                "Some batch holds more than six samples.",
            ),
            Wrong(
                [
                    [1, 1, 1, 0, 0, 0] * 2,
                    [0, 0, 1, 1, 1, 0] * 2,
                    [0, 0, 0, 0, 1, 1] * 2,
                    [1, 0, 0, 0, 0, 1] * 2,
                ],
                FEWER,
            ),
            Wrong(
                [[1] * 6 + [0] * 6, [0] * 6 + [1] * 6],
                "Some batch doesn't hold both classes.",
            ),
        ],
        hints=[
            "Begin with twelve components and end with two. By how many can one batch lower their "
            "number if it holds both classes?",
            "A batch with $b_c$ samples of class $c$ makes one component of at most $b_c$. So it "
            "lowers the number by at most $b-2$; make every batch do that, or nearly.",
        ],
        solution=r"""
Three. A batch with $b_c$ samples of class $c$ can join at most $b_c$ components of that class into one,
so it lowers the number of components by at most $b - 2$. From 12 components to 2 takes a fall of 10,
and batches of six give at most 4 each: at least three are needed. $\{a_1,…,a_5,b_1\}$,
$\{b_1,…,b_5,a_1\}$, $\{a_5,a_6,b_5,b_6\}$ does it, with 16 images. (A batch of one class lowers the
number by at most 5 and gives no active edge: two of those, or one of them and a mixed one, still don't
do.) Two fixed batches of six, with one sample of each class bound, make 14 images in two batches, which
is possible because these are larger than six. In general at least $(n-k)/(b-k')$ batches are needed if
each holds $k'$ classes.
""",
        code="""
from ncbook.batching import interaction_graph

import numpy as np

plan = [[0, 1, 2, 3, 4, 6], [6, 7, 8, 9, 10, 0], [4, 5, 10, 11]]
print(interaction_graph(plan, [0] * 6 + [1] * 6).is_unique(3), sum(map(len, plan)), "images")
answer = np.array([[i in batch for i in range(12)] for batch in plan])
""",
    ),
    Exercise(
        label="ex-07-thousand",
        title="A thousand classes",
        kind="derive",
        prompt=r"""
1,280,000 images in a thousand equal classes, reshuffled batches of 256. After about how many epochs do
you expect the frame to be the unique minimiser? Then for batches of 4,096: which of the two would you
bind, and what would it cost? Hand in the number of epochs for 256, and check your formula on a tenth of
the classes.
""",
        answer=Number(55.2, relative=0.06),
        right="Half of a usual training, then. And that is when the minimum becomes the frame, which "
        "says nothing of how long it takes to get there.",
        wrong=[
            Wrong(
                np.log(1280) / 0.2549,
                "By then an image of *one* class is no longer expected to be alone. The frame has to "
                "wait for the last image of all classes.",
            ),
            Wrong(
                5000,
                "That is the number of batches in an epoch.",
            ),
            Wrong(
                np.log10(1_280_000) / 0.2549,
                "You took a decimal logarithm in one place and a natural one in the other.",
            ),
            Wrong(
                np.log(1_280_000) / 4.096,
                "That is the wait for the larger of the two batches, by the approximation "
                r"$q\approx e^{-b/k}$.",
            ),
        ],
        hints=[
            "An image is tied to nobody while it has been alone of its class in every batch so far. "
            "How probable is that for one epoch?",
            r"With $q\approx e^{-b/k}$ expect $nq^E$ such images after $E$ epochs. When is that one?",
        ],
        solution=r"""
For $b=256$ an image is alone of its class with $q = 0.775$, so $E\approx\log n/\log(1/q) = 55$ epochs,
half of a usual training; for $b=4096$, $q=0.017$ and $E\approx 3.4$. Binding costs a thousand images a
batch: five times the work for 256, a quarter more for 4,096, where it is hardly needed. For $b=256$ it
is better to draw fewer classes with more images each into a batch. The check, with $k=100$, 12,800
images and $b=26$, predicts 38; the wait is that of the last image, is longer by $0.58/\log(1/q)$ on
average, some two epochs, and scatters from order to order:

```python
y = torch.arange(100).repeat_interleave(128)
print([epochs_until_unique(Reshuffled(y, 26, s)) for s in range(4)])
```
""",
        code="""
import numpy as np
from scipy.stats import hypergeom


def wait(n, k, b):
    alone = hypergeom(n - 1, n // k - 1, b - 1).pmf(0)
    return np.log(n) / np.log(1 / alone)


print(wait(1_280_000, 1000, 4096), wait(12_800, 100, 26))
answer = wait(1_280_000, 1000, 256)
""",
    ),
    Exercise(
        label="ex-07-one-each",
        title="One of each",
        kind="predict",
        prompt=r"""
Ten classes of thirty samples. Class-balanced batches with $m=1$ have no anchor. Now bind one sample of
each class to them, and compare with $m=2$ unbound. Which of these hold?
""",
        answer=Choice(
            [
                "Bound, the frame is the unique minimiser after one epoch.",
                "With $m=2$ unbound it is the unique minimiser after one epoch too.",
                "The largest bound batches have as many samples as those of $m=2$.",
                "Both plans have the same number of batches in an epoch.",
                "About half of all samples that pass through the bound plan are the same ten.",
            ],
            "ace",
        ),
        right="Binding buys a verdict at once, and pays with variety: the same ten samples fill half "
        "of what passes.",
        wrong=[
            Wrong(
                "abce",
                "With $m=2$ a class is in pairs after one epoch. What ties one pair to another?",
            ),
            Wrong(
                "acde",
                "Each plan shows every sample once in an epoch, leaving bound ones aside. How many "
                "of a class does it take at a time?",
            ),
            Wrong(
                "ac",
                "A batch of $m=1$ has ten samples of its own. How many come in by binding, and which?",
            ),
            Wrong(
                "ce",
                "You doubt that bound batches suffice. Take any sample: with whom does it share a "
                "batch? And which classes have two samples there?",
            ),
        ],
        hints=[
            "Every batch holds a sample of each class, and the bound one of each class beside it, "
            "unless they are the same.",
            "Count: thirty samples a class, taken one at a time or two at a time.",
        ],
        solution=r"""
After one epoch: every image is in some batch of it, with its class's bound image, which ties it, and
every class but those whose own bound image is in the batch has two samples there, so edges are active
({prf:ref}`thm-binding` asks nothing else). Batches have up to $2k$ images, fewer where a bound image is met
by itself. With $m=2$ unbound a class is in pairs after one epoch, and it takes three, as a rule. But
an epoch of $m=1$ with binding has twice as many batches, and half of its images are always the same $k$:
what is bought is a verdict, not variety.
""",
        code="""
from ncbook.batching import BatchBinding, ClassBalanced, interaction_graph

import torch

ten = torch.arange(10).repeat_interleave(30)
bound = list(BatchBinding(ClassBalanced(ten, 1, 0), ten))
pairs = list(ClassBalanced(ten, 2, 0))
firsts = set(range(0, 300, 30))
same = sum(i in firsts for batch in bound for i in batch) / sum(map(len, bound))
holds = {
    "a": interaction_graph(bound, ten).is_unique(11),
    "b": interaction_graph(pairs, ten).is_unique(11),
    "c": max(map(len, bound)) == len(pairs[0]),
    "d": len(bound) == len(pairs),
    "e": 0.4 < same < 0.6,
}
answer = "".join(letter for letter, true in holds.items() if true)
""",
    ),
    Exercise(
        label="ex-07-enough",
        title="Is one enough?",
        kind="experiment",
        prompt=r"""
Five classes of 200 images and five of 2 ($R=100$), reshuffled batches of 60: an epoch has 17. With one
bound image of each class the frame is the unique minimiser from the first epoch on. Count in how many of
the 17 batches two *small* classes push each other, averaged over pairs of small classes and ten epochs:
with one bound image of each class, and with two. Guess first. Hand in the two numbers. Then predict which
networks come near the frame, and train one of each.
""",
        answer=Construction(
            [
                (
                    lambda a: bool(((a >= 0) & (a <= 17)).all()),
                    "These are numbers of batches, from 0 to 17.",
                ),
                (
                    lambda a: bool(a[1] > 16.9),
                    "With two bound images every batch holds two of each small class. Who is an "
                    "anchor then?",
                ),
                (
                    lambda a: bool(a[0] < 3),
                    "With one bound image, two small classes are often together as singletons only. "
                    "Does that push them?",
                ),
                (
                    lambda a: bool(a[0] > 1.5),
                    "With one bound image *either* of the two classes may have its second image in "
                    "the batch: that makes an anchor of it, and pushes the other.",
                ),
            ],
            shape=(2,),
            form="two numbers: batches with one bound image, and with two",
        ),
        right="The graph is complete in both cases. One plan pushes two small classes in two batches "
        "of an epoch, the other in all: the graph doesn't see it, and training does.",
        wrong=[
            Wrong(
                [17, 17],
                "With one bound image, two small classes are often together as singletons only. Does "
                "that push them?",
            ),
            Wrong(
                [1, 17],
                "With one bound image *either* of the two classes may have its second image in the "
                "batch: that makes an anchor of it, and pushes the other.",
            ),
            Wrong(
                [1.9, 3.5],
                "With two bound images every batch holds two of each small class. Who is an anchor "
                "then?",
            ),
        ],
        hints=[
            "A small class has one image that is bound, in all batches, and one that isn't.",
            "`labels[batch].bincount()` counts a batch's classes; two of them push each other if "
            "both are there and one is there twice.",
        ],
        solution=r"""
With one bound image, two small classes push each other only where one of them has its second image as
well: in the two batches, of 17, that hold one of the two unbound images (or in one, if it holds both).
With two bound images they do in all 17. Networks follow the count and not the graph: with one bound image
the OF distance is still far from zero after thirty epochs, with two it is close:

```python
enough = lab.run({bind: [lab.config("scl-step100", bind=bind)] for bind in (1, 2)})
print({bind: run[0].curve("of_distance")[-1] for bind, run in enough.items()})
```

Both graphs are complete from the first epoch on: uniqueness doesn't see the difference, and training does.
""",
        code="""
from ncbook.batching import BatchBinding, Reshuffled

import numpy as np
import torch

y = torch.arange(10).repeat_interleave(torch.tensor([200] * 5 + [2] * 5))
other = ~torch.eye(5, dtype=torch.bool)


def pushes(bind):
    plan, shares = BatchBinding(Reshuffled(y, 60, 0), y, bind), []
    for epoch in range(10):
        plan.set_epoch(epoch)
        for batch in plan.batches():
            held = y[batch].bincount(minlength=10)[5:]  # of the small classes
            push = (held[:, None] > 0) & (held > 0) & ((held[:, None] > 1) | (held > 1))
            shares.append(float(push[other].float().mean()))
    return sum(shares) / 10


answer = np.array([pushes(1), pushes(2)])
print(answer)
""",
    ),
    Exercise(
        label="ex-07-sharing",
        title="When does sharing win?",
        kind="experiment",
        prompt=r"""
The network with fixed batches learnt three hundred images by heart, batch by batch. Somebody says: “With
more images the shared weights would win, and fixed batches would do no harm.” What does the graph predict
for ten fixed batches of any size, what does the objection predict, and which number decides?

Here is one. Let $c_1$, $c_2$ and $c_3$ be the mean cosines of pairs of one class in one batch, of one class
in two batches, and of two classes in two batches; then $s=(c_2-c_3)/(c_1-c_3)$ is 1 if a class doesn't know
its batches and about 0 if only they count. Measure $s$ on the chapter's networks,
`profile("laptop").train("scl", batching="fixed", bind=0)`, at epoch 4 and at the end. Hand in a row for
each seed with the two values. Then run it with four times as many images in ten batches again.
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a[:, 0] > a[:, 1]).all()),
                    "In some row $s$ rises. The networks sort by class first and learn their batches "
                    "by heart later: are the columns the right way round?",
                ),
                (
                    lambda a: bool((a[:, 1] < 0.5).all()),
                    "At the end your $s$ is nearly what no trace of the batches would give. Are these "
                    "the runs with fixed batches and nothing bound, cut by their own seed?",
                ),
                (
                    lambda a: bool(((a[:, 0] > 0.5) & (a[:, 0] < 1.3)).all()),
                    "At epoch 4 your $s$ is out of the range of all our runs. Did you leave each "
                    "image's product with itself out of $c_1$, and subtract $c_3$ twice?",
                ),
                (
                    lambda a: bool((a[:, 1] > 0.02).all()),
                    "At the end your $s$ leaves the architecture no influence at all; it has a "
                    "little. Is the second kind of pairs of one class?",
                ),
            ],
            shape=(None, 2),
            form="an array of shape (seeds, 2)",
        ),
        right="At first the weights share nearly everything, at the end little: what is learnt last "
        "is which batch an image is from. At 1,200 images the end stays much higher.",
        wrong=[
            Wrong(
                [[0.16, 0.84], [0.23, 0.82], [0.25, 0.78]],
                "In some row $s$ rises. The networks sort by class first and learn their batches by "
                "heart later: are the columns the right way round?",
            ),
            Wrong(
                [[1.02, 1.0], [1.01, 1.0], [1.0, 0.99]],
                "At the end your $s$ is nearly what no trace of the batches would give. Are these "
                "the runs with fixed batches and nothing bound, cut by their own seed?",
            ),
            Wrong(
                [[0.84, 0.0], [0.82, 0.01], [0.78, 0.0]],
                "At the end your $s$ leaves the architecture no influence at all; it has a little. "
                "Is the second kind of pairs of one class?",
            ),
        ],
        hints=[
            "`run.path` holds the features of the training images at each measured epoch and their "
            "labels; `Fixed(labels, run.config.batch_size, run.config.seed)` cuts the batches again.",
            "Three boolean tables of pairs, $n\\times n$: same class and same batch (without the "
            "diagonal), same class and not same batch, neither. Average $HH^\\top$ over each.",
        ],
        solution=r"""
The graph predicts the same for any size: ten components a class, nothing between them. The objection
predicts that images of one class in different batches come together, $s$ near 1. On three hundred images
$s$ begins there and ends near the other side. For four times as many images, with the chapter's `groups`:

```python
more = lab.train("scl", batching="fixed", bind=0, train_size=1200, batch_size=120)[0]
print(groups(more)[:, -1], more.curve("of_distance")[-1])
```

With as many steps, the pairs of one class in two batches end much nearer to those in one batch than to
those of different classes, and still well below; the OF distance stays far from zero. So the objection is
half right: sharing pulls the batches' frames a long way together, and they are still not one. The control
that is missing is the same run with reshuffled or bound batches, which rules out that 1,200 images are
merely harder, and one that trains longer: memory needs time, and the loss is still falling.
""",
        code="""
from ncbook.batching import Fixed
from ncbook.lab import profile

import numpy as np
import torch


def sharing(run, epoch):
    h, y = run.path["features"][run.epochs.index(epoch)], run.path["labels"]
    where = torch.empty(len(y), dtype=torch.long)
    for number, batch in enumerate(Fixed(y, run.config.batch_size, run.config.seed)):
        where[batch] = number
    same, shared = y[:, None] == y, where[:, None] == where
    others = ~torch.eye(len(y), dtype=torch.bool)
    kinds = same & shared & others, same & ~shared, ~same & ~shared
    c1, c2, c3 = (float((h @ h.T)[kind].mean()) for kind in kinds)
    return (c2 - c3) / (c1 - c3)


runs = profile("laptop").train("scl", batching="fixed", bind=0)
answer = np.array([[sharing(run, 4), sharing(run, run.epochs[-1])] for run in runs])
print(answer.round(2))
""",
    ),
]

QUIZ = [
    Question(
        "Two images of different classes share a batch in which each is alone of its class. What "
        "does this batch's loss ask of the angle between *them*?",
        {
            "Nothing at all, whatever the other images of the batch are": "Neither is an anchor, so "
            "their inner product is in no term. Anchors of other classes push each of them, though."
        },
        {
            "To become wider, because they are negatives of each other": "A negative is one "
            "*of an anchor*, and an image without a positive isn't any.",
            "To become narrower, because both flee from the same anchors": "They needn't flee to "
            "the same place; nothing in the loss compares the two.",
            "To become wider, but more weakly than if one were an anchor": "There is no weaker "
            "term: their product doesn't occur in the loss.",
        },
    ),
    Question(
        "Two images of one class never share a batch. In which cases do they coincide in *every* "
        "minimiser all the same?",
        {
            "A chain of images of the class joins them, each in a mixed batch with the next": ""
            "Being equal is transitive: they are one component.",
            "There are as many dimensions as classes, and the pushes leave both the same axis": "A "
            "class that is split can be held together from outside, as long as there is no room.",
        },
        {
            "Each of them shares a batch with two images or more of every other class": "With a "
            "dimension to spare either of them can tilt there without meeting anybody.",
            "There are many more dimensions than classes, as there are in any network": "That makes "
            "it worse: more room to part in.",
        },
    ),
    Question(
        "Fixed batches hold two images or more of each of ten classes. One image of each of nine "
        "classes is bound to them; features have 64 dimensions. What do the minimisers look like?",
        {
            "Nine classes are points, and the tenth may lie in as many points as it has components": ""
            "One a batch, and each may go its own way in the fifty-five dimensions left."
        },
        {
            "All ten are points, since the tenth class has only one axis left to it": "That holds for "
            "ten dimensions. In sixty-four it has room.",
            "Nine classes are points, and the tenth merges with whichever is most similar": "Bound "
            "samples of the nine are in all batches and push it away from each of them.",
            "None is a point, because the plan as a whole fails the condition": "The theorem speaks "
            "entry by entry: what is forced stays forced.",
        },
    ),
    Question(
        "A network trained with fixed batches has a loss near the least possible, and NC1 stays "
        "large. A colleague says that it needs more epochs. What would settle it?",
        {
            "Whether the variance within a class lies between its batches or inside them": "If it is "
            "nearly all between batches, all that the loss asks for has collapsed, and epochs won't "
            "change it.",
            "The least loss that these very batches allow, computed from their counts": "If the loss "
            "is there already, there is nothing left that more epochs could gain.",
        },
        {
            "The same run at a higher learning rate, to see whether NC1 comes down": "If it does or "
            "doesn't, you still don't know whether the plan's minimum has been reached.",
            "The accuracy on training images: at 100 % the training must be over": "Fixed batches "
            "can be at their minimum with less, and accuracy says nothing about collapse.",
        },
    ),
    Question(
        "`violations()` is empty for all batches of a training, and at its end the OF distance is "
        "0.6. Which conclusions are justified?",
        {
            "The minimum of the plan's objective is the frame, and training hasn't reached it": "The "
            "graph says where the minimum is and nothing about the way there.",
            "Counting how often each two classes push each other may show what is late": "A graph "
            "forgets how often; small classes can meet once in many batches.",
        },
        {
            "The batches are without blame, so the network must lack capacity or data": "Rare pushes "
            "are a matter of the batches too, and an empty list doesn't see them.",
            "The checker's condition isn't sufficient, since the frame was not found": "It is "
            "sufficient for the minimum. That a training ends elsewhere refutes nothing.",
        },
    ),
    Question(
        "“Bound batches reach the frame sooner than unbound ones: fewer epochs, so less work.” Which "
        "comparison is missing?",
        {
            "Images that passed through the network until then, bound ones counted each time": "Each "
            "bound batch is larger by up to $k$ images, so an epoch is more work."
        },
        {
            "The same with another temperature, to see whether the order changes": "It might, but "
            "the conclusion about work would be as unfounded as before.",
            "The final loss of both, since equal epochs should be judged at equal loss": "Bound and "
            "unbound batches have different least losses: they can't be compared.",
            "The test accuracy of both, since work only counts if it generalises": "Worth knowing, "
            "but it is another claim than that of less work.",
        },
    ),
]
