"""Exercises and quiz of chapter 2, The information bottleneck."""

import numpy as np

from ncbook import ib
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

Array = np.ndarray
BIT = np.eye(2) / 2  # p(x, y) of a fair bit and its copy
XOR = np.array([[[0.25, 0.0], [0.0, 0.25]], [[0.0, 0.25], [0.25, 0.0]]])  # (X, Y, T)


def _are_encoders(codes: Array) -> bool:
    return bool((codes >= 0).all() and np.allclose(codes.sum(1), 1, atol=1e-6))


def _worth(encoder: Array) -> float:
    joint = encoder @ BIT
    return float(ib.mutual_information(joint / joint.sum()))


def _both_say_all(codes: Array) -> bool:
    return bool(min(map(_worth, codes)) > np.log(2) - 1e-4)


def _average_says_nothing(codes: Array) -> bool:
    return _worth(codes.mean(0)) < 1e-6


def _is_distribution(joint: Array) -> bool:
    return bool((joint >= 0).all() and abs(joint.sum() - 1) < 1e-6)


def _given_t(joint: Array) -> float:
    """I(X;Y|T) of p(x, y, t)."""
    weights = joint.sum((0, 1))
    each = [ib.mutual_information(joint[..., t] / w) for t, w in enumerate(weights) if w > 1e-12]
    return float(weights[weights > 1e-12] @ each)


def _something_is_left(joint: Array) -> bool:
    return _given_t(joint) > 1e-3


def _more_is_left(joint: Array) -> bool:
    together = joint.sum(2)
    return _given_t(joint) > ib.mutual_information(together / together.sum()) + 1e-3


def _words() -> list[tuple[Array, Array]]:
    """Joint distributions (X, Y), each with a word's p(x|t) (X,)."""
    chance = np.random.default_rng(0)
    tables = [chance.dirichlet(np.full(x * y, 0.7)).reshape(x, y) for x, y in ((4, 3), (6, 4))]
    pairs = [(table, chance.dirichlet(np.ones(len(table)))) for table in tables]
    narrow = np.array([0.5, 0.3, 0.2, 0, 0, 0])
    return [*pairs, (tables[0], tables[0].sum(1)), (tables[1], narrow)]


def _refined(joint: Array, word: Array) -> Array:
    """p(x|t) p(y|x) (X, Y)."""
    refined: Array = word[:, None] * joint / joint.sum(1, keepdims=True)
    return refined


def _split(joint: Array, word: Array) -> float:
    return ib.stability_threshold(_refined(joint, word))


def _split_of_silence(joint: Array, word: Array) -> float:
    return ib.stability_threshold(joint)


def _split_not_squared(joint: Array, word: Array) -> float:
    return float(np.sqrt(_split(joint, word)))


def _split_first_value(joint: Array, word: Array) -> float:
    return 1.0


def _split_by_all(joint: Array, word: Array) -> float:
    """Divided by p(y) in place of p(y|t)."""
    used = word > 0
    matrix = _refined(joint, word)[used] / np.sqrt(np.outer(word[used], joint.sum(0)))
    return float(1 / np.linalg.svd(matrix, compute_uv=False)[1] ** 2)


EXERCISES = [
    Exercise(
        label="ex-02-average",
        title="Repair the argument",
        kind="derive",
        prompt=r"""
“The information curve is concave: average the encoders of two codes,
$p(t\mid x)=\frac12p_0(t\mid x)+\frac12p_1(t\mid x)$; cost and worth average, too.” They don't. For a
fair bit $X$ and $Y=X$ find two encoders that are worth $\log2$ each and whose average is worth
nothing; hand them in as an array of shape $(2, 2, 2)$, in the order code, symbol $t$, value of $x$.
What do cost and worth of an average do in general? Repair the argument with one more symbol's worth
of thought.
""",
        answer=Construction(
            [
                (
                    _are_encoders,
                    "For each code and each $x$ the probabilities of its symbols must sum to 1. Is "
                    "$t$ the second axis, and $x$ the last?",
                ),
                (
                    _both_say_all,
                    r"One of the two is worth less than $\log2$ by itself: can its symbol be turned "
                    "back into the bit?",
                ),
                (
                    _average_says_nothing,
                    "The average of the two still says something about the bit. When does a symbol "
                    "say nothing?",
                ),
            ],
            shape=(2, 2, 2),
            form="an array of shape (2, 2, 2)",
        ),
        right="Each symbol means one thing in one code and the opposite in the other. Who isn't told "
        "which code was used has nothing.",
        wrong=[
            Wrong(
                [[[1, 1], [0, 0]], [[0, 0], [1, 1]]],
                r"One of the two is worth less than $\log2$ by itself: can its symbol be turned back "
                "into the bit?",
            ),
            Wrong(
                [[[1, 0], [0, 1]], [[1, 0], [0, 1]]],
                "The average of the two still says something about the bit. When does a symbol say "
                "nothing?",
            ),
            Wrong(
                [[[1, 0], [1, 0]], [[0, 1], [0, 1]]],
                "For each code and each $x$ the probabilities of its symbols must sum to 1. Is $t$ "
                "the second axis, and $x$ the last?",
            ),
        ],
        hints=[
            "A code that is worth everything has a symbol for each value of the bit. How many such "
            "codes are there, with two symbols?",
            r"The average is worth nothing if $p(t\mid x)$ is the same for both $x$.",
        ],
        solution=r"""
Mutual information is convex in the channel for a fixed input, and $p(t\mid y)=\sum_xp(x\mid
y)p(t\mid x)$ is linear in the encoder. So both cost and worth of the average are *at most* the
averages: cheaper and worse, from which nothing follows. Let $T_0=X$ and $T_1=1-X$, each worth all
there is. Their average says nothing, because averaged encoders forget which code was used. Send that
along, $T=(J,T_J)$, and cost and worth become exact averages, {prf:ref}`thm-curve`; it takes the
symbols of both codes.
""",
        code="""
import numpy as np
from ncbook import ib

bit, same, flipped = np.eye(2) / 2, np.eye(2), np.eye(2)[::-1]
answer = np.stack([same, flipped])
# Four symbols: which code was used, and what it says.
sent_along = np.vstack([same, flipped]) / 2
for encoder in (same, flipped, answer.mean(0), sent_along):
    print(ib.mutual_information(encoder @ bit))
""",
    ),
    Exercise(
        label="ex-02-erasure",
        title="Noise that cures nothing",
        kind="derive",
        prompt=r"""
Deterministic labels make the information curve a corner. So make them random: with probability
$\varepsilon$ the label $f(X)$ is lost and $Y$ is “?”. Find the curve, $\rho_{\max}^2$ and $s^*$, and
what a sweep over β finds. Hand in the price β above which a code pays, as a formula in `eps`. Which
labels, then, give a curve that a sweep can trace?
""",
        answer=Formula("1/(1-eps)", {"eps": (0.05, 0.9)}),
        right="All transitions happen at this one price: the corner is still a corner, and only its "
        "height has changed. What bends a curve is confusion, not loss.",
        wrong=[
            Wrong(
                "1/(1-eps)**2",
                "That would be so if a lost label were replaced by one drawn at random. Here the "
                "receiver sees *that* it is lost. What does $I(T;Y)$ become, compared with "
                "$I(T;f(X))$?",
            ),
            Wrong(
                "1",
                "That is the price for labels that always arrive. Now a nat that is sent is worth "
                "less than a nat, on average.",
            ),
            Wrong(
                "1-eps",
                "That is what a nat of cost is worth. At which price β does such a bargain break "
                "even?",
            ),
            Wrong(
                "1/eps",
                "The rarer the losses, the dearer? Try no losses at all: from which β did a code pay "
                "then?",
            ),
        ],
        hints=[
            "Whether the label was lost is independent of everything. Write $I(T;Y)$ as an average "
            "over that coin.",
            r"$I(T;Y)$ is a constant times $I(T;f(X))$, for every code. What does that do to the "
            r"curve $\min(r,H(f(X)))$ and to its slope at the origin?",
        ],
        solution=r"""
Whether the label was lost is independent of everything, so $I(T;Y)=(1-\varepsilon)I(T;f(X))$ for
every code: the curve is $(1-\varepsilon)\min(r,H(f(X)))$, the same corner, less steep. $D(Wq\Vert
p_Y)=(1-\varepsilon)D(\cdot\Vert\cdot)$ of the labels' distributions, so
$\rho_{\max}^2=s^*=1-\varepsilon$, and all transitions happen at the one price $1/(1-\varepsilon)$.
What bends a curve is confusion: rows $p(y\mid x)$ that overlap by different amounts.
""",
        code="""
import numpy as np
from ncbook import ib

labels = np.eye(10)[np.arange(30) % 10] / 30  # 30 images, 10 classes
lost = np.hstack([0.7 * labels, np.full((30, 1), 0.01)])  # eps = 0.3
print(ib.onset(lost), ib.stability_threshold(lost), 1 / 0.7)
print(ib.information_curve(lost, [1.4, 1.45, 5]).complexity)
answer = "1/(1-eps)"
""",
    ),
    Exercise(
        label="ex-02-blocks",
        title="Predict the staircase",
        kind="predict",
        prompt=r"""
Six balanced classes in two groups of three. The answer is right with probability 0.54, another class
of the same group 0.20 each, a class of the other group 0.02 each. Before you compute anything: how
many words are there at which β, which transitions are continuous, and where is annealing late? Hand in
the β at which annealing, coming from below, first has more than two words, to half a per cent.
""",
        answer=Number(0.94 / 0.34**2, relative=0.004),
        right="From two words to six, both groups at once, and later than the best code: three "
        "symmetric classes jump.",
        wrong=[
            Wrong(
                1 / 0.34**2,
                "Within a group the difference of the two probabilities counts, as you say; but the "
                "functions of $Y$ live on one group only. Which share of $Y$ stays in it?",
            ),
            Wrong(
                (0.94 / 0.34) ** 2,
                "You took $Y$ as if it always stayed in the group. Sometimes it leaves, and then "
                "nothing about the members gets through.",
            ),
            Wrong(
                1 / 0.88**2,
                "That is where the *first* word appears, for the groups. Now the words are hard, and "
                "the question is about the classes inside one.",
            ),
            Wrong(
                7.8427,
                "From there on a better code exists, and a search finds it. When does a *small* step "
                "pay?",
            ),
        ],
        hints=[
            "Once the two words are hard, each is a problem of its own: three rows of the table, the "
            "word's own classes.",
            r"Take a function $u$ of the three classes with mean 0. By which factor does "
            r"$\mathbb E[u\mid Y]$ shrink it if $Y$ is in the group, and how often is it? Then "
            r"$\beta=1/\rho_t^2$.",
        ],
        solution=r"""
The function that the class knows best is the group, passed on with $0.94-0.06=0.88$:
$\beta_1=1/0.88^2=1.291$, two words, and by symmetry between the groups nothing of third order; that
$1/s^*=\beta_1$ exactly isn't proved by this, but the code finds it to all digits. Within a group, once
the two words are hard, functions $u$ with mean 0 are multiplied by $(0.54-0.20)/0.94$ on the 94 % of
$Y$ that stay in the group: $\rho_t^2=0.34^2/0.94$ and $\beta=8.13$ for the split. Three symmetric
classes jump ({prf:ref}`prop-symmetric`), both groups at once: from two words to six, at $1/s^*_t$ of
{prf:ref}`cor-split`, 7.84, before annealing sees it.
""",
        code="""
import numpy as np
from ncbook import ib

group = np.kron(np.eye(2), np.full((3, 3), 0.18)) + 0.02 + 0.34 * np.eye(6)
blocks, steps = group / 6, np.geomspace(1.2, 10, 200)
print(1 / 0.88**2, ib.onset(blocks), ib.stability_threshold(blocks))
print(0.94 / 0.34**2, ib.onset(group[:3] / 3))
up = ib.anneal(blocks, steps)
grown = np.flatnonzero(np.diff(up.sizes))
print([(steps[i + 1].round(2), int(up.sizes[i + 1])) for i in grown])
two = up.encoders[np.flatnonzero(up.sizes == 2)[-1]]  # just before
answer = ib.splitting_betas(blocks, two).min()
""",
    ),
    Exercise(
        label="ex-02-venn",
        title="Three circles",
        kind="derive",
        prompt=r"""
Draw $X$, $Y$ and $T$ as three overlapping circles, areas for nats, and read off: $I(X;Y\mid T)\le
I(X;Y)$, since a part can't exceed the whole. Find three variables for which this is false, and hand in
their $p(x,y,t)$ as an array with the axes $x$, $y$, $t$. Why was it true throughout the chapter?
""",
        answer=Construction(
            [
                (_is_distribution, "These aren't probabilities: they must be ≥ 0 and sum to 1."),
                (
                    _something_is_left,
                    r"Given $T$, your $X$ and $Y$ say nothing of each other: $I(X;Y\mid T)=0$, which "
                    "no circles forbid.",
                ),
                (
                    _more_is_left,
                    r"Here $I(X;Y\mid T)$ is no larger than $I(X;Y)$. What if $T$ told how $X$ and "
                    "$Y$ belong together?",
                ),
            ],
            shape=(None, None, None),
            form="an array with the axes x, y, t",
        ),
        right="The area shared by all three circles would be negative here. A condition can create "
        "dependence as well as explain it.",
        wrong=[
            Wrong(
                np.full((2, 2, 2), 1 / 8),
                r"Given $T$, your $X$ and $Y$ say nothing of each other: $I(X;Y\mid T)=0$, which no "
                "circles forbid.",
            ),
            Wrong(
                np.eye(2)[:, :, None] * np.full(2, 0.25),
                r"Here $I(X;Y\mid T)$ is no larger than $I(X;Y)$. What if $T$ told how $X$ and $Y$ "
                "belong together?",
            ),
            Wrong(XOR * 4, "These aren't probabilities: they must be ≥ 0 and sum to 1."),
        ],
        hints=[
            r"Start with $I(X;Y)=0$: two independent coins. Which $T$ makes one of them known from "
            "the other?",
            "Let $T$ say whether the coins agree.",
        ],
        solution=r"""
Two fair coins $X$, $Y$ and $T=X\oplus Y$: $I(X;Y)=0$, but given $T$ each coin determines the other,
$I(X;Y\mid T)=\log2$. The overlap of all three circles would have the area $-\log2$. If $T$ depends on
$Y$ through $X$ only, $I(X;Y)-I(X;Y\mid T)=I(T;Y)\ge0$ by {prf:ref}`prop-information`: the middle
region is non-negative then, and the picture is safe.
""",
        code="""
import numpy as np
from ncbook import ib

answer = np.array([[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]])  # (X, Y, T)
given = np.mean([ib.mutual_information(2 * answer[..., t]) for t in (0, 1)])
print(ib.mutual_information(answer.sum(2)), given)
""",
    ),
    Exercise(
        label="ex-02-split",
        title="When a word splits, in code",
        kind="code",
        prompt=r"""
Write `splits_from(joint, word)`: given $p(x,y)$ as an array of shape (X, Y) and a word's $p(x\mid t)$
of shape (X,), return the β from which arbitrarily small splits of this word lower the Lagrangian. Some
$p(x\mid t)$ may be zero. Use linear algebra only, nothing of `ncbook.ib`.
""",
        starter="""
import numpy as np


def splits_from(joint, word):
    ...
""",
        answer=Function(_split, _words, relative=1e-4),
        right="For the word that stands for everything this is where saying nothing becomes "
        "unstable; for any other it is the same question, asked of a smaller problem.",
        wrong=[
            Wrong(
                _split_of_silence,
                r"This is the price for the word that stands for everything, whatever `word` is. What "
                r"is the joint distribution of $X$ and $Y$ once $t$ was said?",
            ),
            Wrong(
                _split_not_squared,
                "Nearly: the change of both informations is quadratic in the tilt. Which power of "
                "the correlation compares them?",
            ),
            Wrong(
                _split_first_value,
                "The largest singular value always belongs to constants. A split along a constant "
                "is none.",
            ),
            Wrong(
                _split_by_all,
                r"Right for one word only: you divide by $p(y)$ of the whole table. Which "
                "distribution has $Y$ once $t$ was said?",
            ),
        ],
        hints=[
            r"The smaller problem has the joint distribution $p(x\mid t)\,p(y\mid x)$. Its silence "
            "is the word unsplit.",
            "Divide that matrix by the roots of both its margins, having left out rows and columns "
            "that are zero, and look at its second singular value.",
        ],
        solution=r"""
By {prf:ref}`cor-split` the price is $1/\rho_t^2$, with $\rho_t$ the maximal correlation of
$p(x\mid t)\,p(y\mid x)$, and by {prf:ref}`thm-local` that is the second singular value of this matrix
divided by the roots of its margins. Rows with $p(x\mid t)=0$ have to go before the division.
""",
        code="""
import numpy as np


def splits_from(joint, word):
    inside = word[:, None] * joint / joint.sum(1, keepdims=True)  # p(x|t) p(y|x)
    inside = inside[inside.sum(1) > 0][:, inside.sum(0) > 0]
    roots = np.sqrt(np.outer(inside.sum(1), inside.sum(0)))
    return 1 / np.linalg.svd(inside / roots, compute_uv=False)[1] ** 2


answer = splits_from
""",
    ),
    Exercise(
        label="ex-02-reader",
        title="Another reader",
        kind="experiment",
        prompt=r"""
Show that $I(T;Y)\ge H(Y)-\mathbb E[-\log s(Y\mid T)]$ for any decoder $s(y\mid t)$, such as the
network's own softmax, and when equality holds. Compute this bound, in nats, for the networks of this
chapter (`runs = profile("laptop").train("ce")`; `run.curve("train_loss")` and
`run.curve("test_loss")` hold the expected surprise at all measured epochs). Hand in an array with a
row for each network: the bound at the last epoch on training images, at the last epoch on test images,
and the least that it ever is on test images.
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a[:, 0] <= np.log(10) + 1e-9).all()),
                    "No lower bound on $I(T;Y)$ can exceed $H(Y)$, as your first column does. Are "
                    "these nats?",
                ),
                (
                    lambda a: bool((a[:, 0] > 2).all()),
                    "On its training images a finished network is rarely surprised, so this bound is "
                    "close to $H(Y)$. Did you subtract, and from what?",
                ),
                (
                    lambda a: bool((np.abs(a[:, 1] - 0.35) < 0.3).all()),
                    "On test images the finished networks know something of the class, and far less "
                    "than on training images. Your second column says otherwise.",
                ),
                (
                    lambda a: bool((a[:, 2] < -0.1).all()),
                    "The third column isn't the least value on the way: look at all measured "
                    "epochs, not only at the first and the last.",
                ),
            ],
            shape=(None, 3),
            form="an array of shape (networks, 3)",
        ),
        right="A negative lower bound: on the way the networks were confidently wrong. That speaks "
        "against this reader, and not against what the features hold.",
        wrong=[
            Wrong(
                [[0.02, 1.96, 2.85]],
                "On its training images a finished network is rarely surprised, so this bound is "
                "close to $H(Y)$. Did you subtract, and from what?",
            ),
            Wrong(
                [[3.30, 0.49, -0.79]],
                "No lower bound on $I(T;Y)$ can exceed $H(Y)$, as your first column does. Are these "
                "nats?",
            ),
            Wrong(
                [[2.28, 2.28, -0.5]],
                "On test images the finished networks know something of the class, and far less than "
                "on training images. Your second column says otherwise.",
            ),
            Wrong(
                [[2.28, 0.33, -0.015]],
                "The third column isn't the least value on the way: look at all measured epochs, not "
                "only at the first and the last.",
            ),
        ],
        hints=[
            r"$-\log s=-\log p(y\mid t)+\log\frac{p(y\mid t)}{s(y\mid t)}$; average, and recognise a "
            "divergence.",
            "The classes are balanced, so $H(Y)=\\log 10$, on training and on test images. "
            '`np.log(10) - np.array(run.curve("test_loss"))` is the bound at all measured epochs.',
        ],
        solution=r"""
$H(Y\mid T)=\mathbb E[-\log p(Y\mid T)]=\mathbb E[-\log s(Y\mid T)]-\mathbb E\,D(p(\cdot\mid T)\Vert
s(\cdot\mid T))$, and the divergence is non-negative: equality for calibrated decoders, $s=p(y\mid t)$.
(It is the step in $s$ of {prf:ref}`thm-descent`.) The expected surprise is the cross-entropy that
training reports. On training images this reader's $\delta$ at the plateau is the last training loss, a
few hundredths of a nat at most. On test images the bound ends a little below what the nearest mean
gets, and in the middle of training it falls below zero. The network is then confidently wrong; the
information is in its features, and its own decoder is miscalibrated. A decoder refitted on other
held-out images would raise the bound.
""",
        code="""
import numpy as np
from ncbook.lab import profile

runs = profile("laptop").train("ce")
bound = {}  # each (networks, epochs)
for split in ("train", "test"):
    bound[split] = np.log(10) - np.array([run.curve(f"{split}_loss") for run in runs])
    print(split, bound[split].mean(0).round(2))
answer = np.stack([bound["train"][:, -1], bound["test"][:, -1], bound["test"].min(1)], axis=1)
""",
    ),
    Exercise(
        label="ex-02-hundred",
        title="A hundred classes",
        kind="derive",
        prompt=r"""
CIFAR-100 has 10,000 test images of a hundred classes. What is the bias of the plug-in estimate of
$I(T_q;Y)$ if all cells are possible, and what if only five wrong answers a class are? Hand in the
number of test images that would bring the first down to 0.02 nats. Then design an estimate whose bias
is below 0.02 with the 10,000 that there are.
""",
        answer=Number(9801 / 0.04, relative=2e-3),
        right="Twenty-odd times what there is. Better change the question than wait for the images.",
        wrong=[
            Wrong(
                10_000 / 0.04,
                "You counted the cells. The estimate is made of three entropies, and two of their "
                "biases go the other way.",
            ),
            Wrong(
                9801 / 0.02,
                r"Twice as many: look at the second derivative of $-p\log p$ and what Taylor's "
                "formula puts in front of it.",
            ),
            Wrong(
                401 / 0.04,
                "That is the table in which only six cells of a row are possible.",
            ),
            Wrong(
                9801 / 20_000,
                "That is the bias with the 10,000 images that there are. How many would it take?",
            ),
        ],
        hints=[
            "How many cells, rows and columns are positive?",
            r"The bias is $(c-a-b+1)/2m$; solve for $m$.",
        ],
        solution=r"""
With all cells possible $(10^4-200+1)/20{,}000=0.49$ nats, a tenth of $H(Y)=4.6$, and the expansion
itself isn't to be trusted with one count a cell. With six cells a row, $(600-199)/20{,}000=0.02$. For
0.02 with all cells, $9801/0.04=245{,}025$ images. Coarser readers have smaller tables: $T_q$ and $Y$
replaced by the 20 superclasses give $361/20{,}000=0.018$, a lower bound still, for a coarser $Y$. Or
use the bound of {ref}`Another reader <ex-02-reader>` with a decoder fitted on one half of the images and evaluated on
the other: its error is one of a mean, and its bias is downwards, to the safe side of a lower bound.
""",
        code="""
classes = 100
excess = classes**2 - 2 * classes + 1
print(excess / 20_000, (6 * classes - 2 * classes + 1) / 20_000, (20**2 - 2 * 20 + 1) / 20_000)
answer = excess / (2 * 0.02)
""",
    ),
    Exercise(
        label="ex-02-rotate",
        title="A test for estimators",
        kind="predict",
        prompt=r"""
Mutual information doesn't change if $T$ is mapped one to one. So take features and either rotate them,
with the classifier and the class means along, or stretch their first coordinate tenfold, likewise.
Which of these readings change in general?
""",
        answer=Choice(
            [
                "the entropy of the binned features, width 1, under the rotation",
                "the entropy of the binned features, width 1, under the stretching",
                "$I(T_q;Y)$ with the nearest class mean, under the rotation",
                "$I(T_q;Y)$ with the nearest class mean, under the stretching",
                r"$I(X;T+\sigma\xi)$ with the same $\sigma$, under the rotation",
                r"$I(X;T+\sigma\xi)$ with the same $\sigma$, under the stretching",
                "the exact $I(X;T)$, under the stretching",
            ],
            "abdf",
        ),
        right="Bins fail even the rotation, after which no reader with eyes could tell the "
        "difference. The other two fail only where distances change, and there they should.",
        wrong=[
            Wrong(
                "bdf",
                "Stretching is right. But think of a class whose features are zero in most "
                "coordinates: in how many bins does it lie, before it is turned and after?",
            ),
            Wrong(
                "ab",
                "What is the nearest mean, and what can a reader with noise tell apart? Both depend "
                "on distances. Are those the same after a stretching?",
            ),
            Wrong(
                "abcdef",
                "Rotations leave all distances alone, and isotropic noise looks the same from every "
                "side. Which of your six needs more than distances?",
            ),
            Wrong(
                "abdfg",
                "The exact pair grants its reader unlimited resolution. Can such a reader tell the "
                "stretched features from the others, one by one?",
            ),
        ],
        hints=[
            "Ask of each reading what it needs to know of the features: which are equal, how far "
            "apart they are, or where they are against the axes.",
            "Rotation keeps equality and distances. Stretching keeps equality alone.",
        ],
        solution=r"""
The exact pair passes all one-to-one maps (and says nothing). $T_q$ and the noisy reader pass
rotations, because distances do; they fail a rescaling of one coordinate, and should: that changes what
a reader with isotropic noise, or with a ruler, can see. Bins fail both. Put the chapter's own features
to it, with widths 0.1, 0.5 and 1: at width 1 the entropy rises by some two nats as the features are
turned. Before, most coordinates of a class lay in one bin because of the ReLU's zeros; turned, they
straddle walls. And nothing about the network has changed, as the classifier turns along.
""",
        code="""
from ncbook import ib
import numpy as np
import torch
from ncbook.lab import profile


def binned(features, width):
    _, counts = torch.unique(torch.floor(features / width), dim=0, return_counts=True)
    return ib.entropy(counts.double().numpy() / len(features))


def nearest_mean(features, means):
    answers = torch.cdist(features, means).argmin(1)
    table = np.bincount(10 * answers + path["test_labels"], minlength=100).reshape(10, 10)
    return ib.mutual_information(table / table.sum())


def noisy(features, noise):
    energy = torch.cdist(features + noise, features) ** 2 / 2
    return float(np.log(len(features)) - (energy.diagonal() + torch.logsumexp(-energy, 1)).mean())


def exact(features):
    _, counts = torch.unique(features, dim=0, return_counts=True)
    return ib.entropy(counts.double().numpy() / len(features))


path = profile("laptop").train("ce")[0].path
h, test, means = (path[name][-1].double() for name in ("features", "test_features", "means"))
turn = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0].double()
noise = torch.randn(h.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
stretch = torch.eye(64, dtype=torch.float64)
stretch[h.std(0).argmax()] *= 10  # a coordinate that is in use
for width in (0.1, 0.5, 1.0):
    print(width, binned(h, width), binned(h @ turn, width))
readings = {
    "a": (binned(h, 1.0), binned(h @ turn, 1.0)),
    "b": (binned(h, 1.0), binned(h @ stretch, 1.0)),
    "c": (nearest_mean(test, means), nearest_mean(test @ turn, means @ turn)),
    "d": (nearest_mean(test, means), nearest_mean(test @ stretch, means @ stretch)),
    "e": (noisy(h, noise), noisy(h @ turn, noise @ turn)),
    "f": (noisy(h, noise), noisy(h @ stretch, noise)),
    "g": (exact(h), exact(h @ stretch)),
}
answer = "".join(letter for letter, (one, other) in readings.items() if abs(one - other) > 1e-3)
""",
    ),
    Exercise(
        label="ex-02-gap",
        title="How wrong at most",
        kind="derive",
        prompt=r"""
A stationary code fails its certificate: $\min_q\,[D(q\Vert q_t)-\beta D(Wq\Vert Wq_t)]=-\eta$. Bound
how much better the best code can be. Apply the bound to saying nothing about the rare disease at
$\beta=3$ ($X=1$ with probability 0.05, and $Y$ is $X$ flipped with probability 0.1). Then sharpen it:
the average of the $q_t$ must be the prior. Hand in the sharpened bound in nats, to one per cent, and
compare it with what can be gained in truth.
""",
        answer=Number(0.0694, relative=0.01),
        right="Within a factor of two of the truth, and certified without knowing any better code: "
        "a symbol that speaks almost surely of illness can't be used often.",
        wrong=[
            Wrong(
                1.384,
                "This is the bound before sharpening: a code would have to use the best symbol all "
                "the time. How often can it, if the average is the prior?",
            ),
            Wrong(
                0.04655,
                "That is what the best code gains in truth. A bound has to come from the certificate "
                "alone, without knowing that code.",
            ),
            Wrong(
                -0.0694,
                "Right but for its sign: the height above the tangent is negative, and the gain is "
                "what it lacks.",
            ),
        ],
        hints=[
            r"For the silent code, the height above the tangent is $h(q)=D(q\Vert p_X)-\beta D(Wq\Vert "
            r"p_Y)$, and a code gains $-\sum_tw_th(q_t)$. Without a thought for the prior that is at "
            r"most $\eta$.",
            r"With $\kappa=\max_q-h(q)/q$ each symbol gains at most $\kappa q_t$. What is "
            r"$\sum_tw_tq_t$?",
        ],
        solution=r"""
For any code $\sum_tw_t\phi_\beta(q'_t)\ge\sum_tw_t(a\cdot q'_t-\eta)=a\cdot p_X-\eta$: the best code is
better by at most $\eta$, for the disease 1.38 nats, where 0.047 can be gained. But a symbol that speaks
almost surely of illness can't be used often. With $h(q)$ the height above the tangent and
$\kappa=\max_q-h(q)/q$, a code gains $-\sum_tw_th(q_t)\le\kappa\sum_tw_tq_t=0.05\,\kappa$, 0.069 nats.
(The average of the $q_t$ is the prior; that is all that was used. Any plane that lies below
$\phi_\beta$ gives such a bound, and the best of them, at $p_X$, is the envelope.)
""",
        code="""
from ncbook import ib
import numpy as np
from scipy.special import rel_entr

rare, flip, beta = 0.05, 0.1, 3.0
noise = np.array([[1 - flip, flip], [flip, 1 - flip]])
prior = np.array([1 - rare, rare])
q = np.linspace(0, 1, 10_001)
line = np.stack([1 - q, q], axis=1)
height = rel_entr(line, prior).sum(1) - beta * rel_entr(line @ noise, prior @ noise).sum(1)
print(-height.min(), -ib.information_curve(prior[:, None] * noise, [beta]).objective[0])
answer = rare * (-height[1:] / q[1:]).max()
""",
    ),
]

QUIZ = [
    Question(
        "Computed exactly, a code $T$ of $X$ costs 0.5 nats and is worth 0.6. What do you conclude?",
        {
            r"$T$ depends on $Y$ by another way than through $X$": "Otherwise $I(T;Y)\\le I(X;T)$: "
            "data processing needs exactly that."
        },
        {
            "It lies on the steep part of the information curve": "The curve nowhere has a slope "
            "above 1: no nat is worth more than it costs.",
            "It was chosen at random, and random codes are cheap": "Random codes lose more, not "
            "less: they lie below the curve.",
            "Its informations were taken in different units": "Both are in nats, and computed "
            "exactly. The inequality itself must have lost its ground.",
        },
    ),
    Question(
        "What does the iteration of the self-consistent equations guarantee?",
        {
            "The Lagrangian never rises": "Each round minimises one function of three arguments, one "
            "at a time.",
            "Whatever it converges to satisfies the equations": "Every limit point does, if it is a "
            "minimum or not.",
        },
        {
            "It ends at the best code if the start was positive": "A positive start avoids frozen "
            "zeros. Stationary points that aren't the best remain.",
            "A symbol that has died comes back when it would pay": "The update multiplies: a zero "
            "stays a zero.",
            "From all starts it ends at the same code": "The function isn't convex in all three "
            "arguments together.",
        },
    ),
    Question(
        r"At some β a search finds a code with $\mathcal L_\beta=-0.1$. Annealing, from below, still "
        "says nothing. What follows?",
        {
            "The better code isn't close to silence, or a word of it is rare": "Silence is a local "
            "minimum there: a transition of first order has been passed."
        },
        {
            "Annealing hasn't been iterated for long enough": "It sits in a local minimum. More "
            "rounds leave it there.",
            "The search is wrong: silence is stable at this β": "Stable against small steps only. A "
            "code with a negative Lagrangian beats silence, whatever its distance.",
            r"β is above $1/\rho_{\max}^2$, so that silence is unstable": "Then annealing would have "
            "left it.",
        },
    ),
    Question(
        "A piece of the information curve is straight. What does a sweep over β find of it?",
        {
            "Its ends, and nothing in between": "At one price all its points are equally good, at "
            "every other price one end is better."
        },
        {
            "All its points, in equal steps of cost": "That would take a slope that changes along "
            "it.",
            "Its middle, at the price that is the slope's inverse": "At that price nothing singles "
            "out the middle.",
            "Nothing, since the curve isn't concave there": "A straight piece is concave; it isn't "
            "strictly so.",
        },
    ),
    Question(
        "All training images have different features. The exact $I(X;T)$ is $\\log n$ from the first "
        "epoch to the last. What does this say about compression?",
        {
            "Nothing: it grants its reader unlimited resolution": "However close two features come, "
            "such a reader tells them apart."
        },
        {
            "The network doesn't collapse its classes": "It may collapse to within a millionth. Only "
            "exact equality would show.",
            "The network memorises its training images": "The untrained network has the same value.",
            "Compression takes place in the test set only": "Nothing of the kind was measured.",
        },
    ),
    Question(
        "A published plot shows the entropy of binned features rising and then falling. What is needed "
        "before it shows that a network “compresses”?",
        {
            "The width of a bin compared with the distances between features": "With another width "
            "the same features show no fall, or only a rise.",
            "The same plot after the features were rotated": "Nothing about the network changes then, "
            "so a statement about it shouldn't.",
        },
        {
            "More training images, until the bias is below the fall": "Training images are the whole "
            "population here. The reading depends on the ruler, not on the sample.",
            "A logarithm to the base 2, as entropy is measured in bits": "A unit changes no shape.",
            "The accuracy on test images at the same epochs": "Interesting, but it says nothing about "
            "what the bins measure.",
        },
    ),
    Question(
        "The features of a training set sit exactly at the corner $I(X;T)=I(T;Y)=H(Y)$. What is known "
        "of their geometry?",
        {
            "Equal within a class, different between classes": "And that is all: where the points "
            "are, no information can see."
        },
        {
            "The class means form a simplex ETF": "Ten points on a line are at the corner as well.",
            "NC1 and NC2 are zero, NC3 is left open": "NC1 is zero. The lengths and angles of NC2 are "
            "beyond the plane.",
            "Classes are as far apart as they can be": "Information knows equal and different, and no "
            "distances.",
        },
    ),
]
