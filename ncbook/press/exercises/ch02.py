"""Exercises and quiz of chapter 2, The information bottleneck."""

import numpy as np
from scipy.special import rel_entr

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


def _rounds() -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Joint distributions (X, Y), encoders (T, X) and prices."""
    chance = np.random.default_rng(0)
    made = []
    for xs, ys, ts, beta in ((4, 3, 2, 2.0), (5, 4, 5, 6.0), (3, 2, 3, 0.7)):
        joint = chance.dirichlet(np.full(xs * ys, 2.0)).reshape(xs, ys)
        made.append((joint, chance.dirichlet(np.full(ts, 2.0), size=xs).T, beta))
    return made


def _parts(joint: np.ndarray, encoder: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (T,), decoder (T, Y) and channel (X, Y)."""
    inputs = joint.sum(1)
    weights = encoder @ inputs
    return weights, encoder @ joint / weights[:, None], joint / inputs[:, None]


def _update(joint: np.ndarray, encoder: np.ndarray, beta: float) -> np.ndarray:
    weights, decoder, channel = _parts(joint, encoder)
    updated = weights[:, None] * np.exp(-beta * rel_entr(channel, decoder[:, None]).sum(-1))
    normalised: np.ndarray = updated / updated.sum(0)
    return normalised


def _update_without_weights(joint: np.ndarray, encoder: np.ndarray, beta: float) -> np.ndarray:
    _, decoder, channel = _parts(joint, encoder)
    updated = np.exp(-beta * rel_entr(channel, decoder[:, None]).sum(-1))
    normalised: np.ndarray = updated / updated.sum(0)
    return normalised


def _update_other_way_round(joint: np.ndarray, encoder: np.ndarray, beta: float) -> np.ndarray:
    weights, decoder, channel = _parts(joint, encoder)
    updated = weights[:, None] * np.exp(-beta * rel_entr(decoder[:, None], channel).sum(-1))
    normalised: np.ndarray = updated / updated.sum(0)
    return normalised


def _update_normalised_over_x(joint: np.ndarray, encoder: np.ndarray, beta: float) -> np.ndarray:
    weights, decoder, channel = _parts(joint, encoder)
    updated = weights[:, None] * np.exp(-beta * rel_entr(channel, decoder[:, None]).sum(-1))
    normalised: np.ndarray = updated / updated.sum(1, keepdims=True)
    return normalised


def _is_distribution(joint: np.ndarray) -> bool:
    return bool((joint >= 0).all() and abs(joint.sum() - 1) < 1e-6)


def _given_t(joint: np.ndarray) -> float:
    """I(X;Y|T) of a joint distribution (X, Y, T), in nats."""
    shares = joint.sum((0, 1))
    parts = [s * ib.mutual_information(joint[..., t] / s) for t, s in enumerate(shares) if s > 0]
    return float(np.sum(parts))


def _knows_more_given_t(joint: np.ndarray) -> bool:
    return _given_t(joint) > ib.mutual_information(joint.sum(2)) + 1e-6


NO_DISTRIBUTION = "The entries of a joint distribution are not negative and sum to one."
NOTHING_GAINED = (
    "Here, knowing $T$ doesn't raise what $X$ and $Y$ say about each other. Look for a $T$ that "
    "says something about the pair and nothing about either."
)

EXERCISES = [
    Exercise(
        label="ex-02-average",
        title="Repair the argument",
        kind="predict",
        prompt=r"""
“The information curve is concave: average the encoders of two codes, $p(t\mid x)=(1-\alpha)p_0(t\mid
x)+\alpha p_1(t\mid x)$; cost and worth average, too.” What is true of the averaged encoder, for a
fixed source? Tick all that apply, give an example in which everything is lost, and repair the argument
with one more symbol's worth of thought.
""",
        answer=Choice(
            [
                "its cost is at most the average of the two costs",
                "its cost is at least the average of the two costs",
                "its worth is at most the average of the two worths",
                "its worth is at least the average of the two worths",
            ],
            "ac",
        ),
        right="Cheaper and worse: from that nothing follows for the curve. Mutual information is "
        "convex in the channel, and averaging forgets which code was used.",
        wrong=[
            Wrong(
                "ad",
                "Cheaper *and* better would be a free lunch. The worth is a mutual information as "
                "well, and $p(t\\mid y)$ is linear in the encoder: does it bend the other way?",
            ),
            Wrong(
                "bd",
                "Take a fair bit $X$, once sent as it is and once flipped, and average the two "
                "encoders with one half each. What does the result say?",
            ),
            Wrong(
                "a",
                "True, but the same argument says something about the worth: is "
                r"$p(t\mid y)$ a linear function of the encoder?",
            ),
            Wrong(
                "abcd",
                "All four would make both equal to the averages. Try two codes that contradict each "
                "other.",
            ),
        ],
        hints=[
            "For a fixed input distribution, is mutual information convex or concave in the channel?",
            r"$p(t\mid y)=\sum_x p(x\mid y)\,p(t\mid x)$: averaging encoders averages these too.",
            "To repair it, let the receiver know which of the two codes was used.",
        ],
        solution=r"""
Mutual information is convex in the channel for a fixed input, and $p(t\mid y)=\sum_xp(x\mid y)p(t\mid
x)$ is linear in the encoder. So both cost and worth of the average are *at most* the averages: cheaper
and worse, from which nothing follows. For a fair bit $X$ let $T_0=X$ and $T_1=1-X$, each worth all
there is. Their average with $\alpha=\frac12$ says nothing. Averaged encoders forget which code was
used. Send that along, $T=(J,T_J)$ with $J$ independent of everything, and both become exact averages.
The code below does all this for a rare disease with an imperfect test.
""",
        code="""
import numpy as np
from ncbook import ib

disease = np.array([0.95, 0.05])[:, None] * np.array([[0.9, 0.1], [0.1, 0.9]])


def nats(encoder):
    inputs = disease.sum(1)
    return ib.mutual_information(encoder * inputs), ib.mutual_information(encoder @ disease)


as_it_is, flipped = np.eye(2), np.eye(2)[::-1]
mean = np.mean([nats(as_it_is), nats(flipped)], axis=0)
averaged = nats((as_it_is + flipped) / 2)
announced = nats(np.vstack([as_it_is, flipped]) / 2)
print(mean, averaged, announced)
cost, worth = np.array(averaged) <= mean + 1e-12
answer = ("a" if cost else "b") + ("c" if worth else "d")
""",
    ),
    Exercise(
        label="ex-02-update",
        title="One round of the equations",
        kind="code",
        prompt=r"""
Write `update(joint, encoder, beta)`: the right-hand side of the self-consistent equations,
$p(t\mid x)\propto p(t)\,e^{-\beta D(p(y\mid x)\Vert p(y\mid t))}$, for a joint distribution of shape
$(|X|, |Y|)$ with positive entries and an encoder of shape $(|T|, |X|)$ whose columns sum to one. It
returns the new encoder. Try to do it without looking at the chapter's.
""",
        starter="""
import numpy as np


def update(joint, encoder, beta):
    ...
""",
        answer=Function(_update, _rounds),
        right="That is the whole algorithm: repeated, it never raises the Lagrangian, as the theorem "
        "on its descent says.",
        wrong=[
            Wrong(
                _update_without_weights,
                "The factor $p(t)$ is missing: an answer uses a symbol the more, the more it is in "
                "use anyway.",
            ),
            Wrong(
                _update_other_way_round,
                "Your divergence has its arguments the other way round. Which of the two is averaged "
                "over: the answer's own opinion or the symbol's?",
            ),
            Wrong(
                _update_normalised_over_x,
                "You normalised over $x$. It is the symbols that have to add up to one, for each "
                "answer.",
            ),
        ],
        hints=[
            "Three things to compute first: $p(x)$ from the joint distribution, $p(t)$ from the "
            r"encoder and $p(x)$, and the decoder $p(y\mid t)$.",
            r"`encoder @ joint` has the entries $p(t,y)$. `scipy.special.rel_entr(p, q)` summed over "
            "$y$ is the divergence; shapes $(1,X,Y)$ and $(T,1,Y)$ give all pairs at once.",
        ],
        solution=r"""
The chapter's `update`, but for the line that drops symbols which have died. Every factor can be read
off {prf:ref}`thm-equations`.
""",
        code="""
import numpy as np
from scipy.special import rel_entr


def update(joint, encoder, beta):
    inputs = joint.sum(1)  # p(x)
    weights = encoder @ inputs  # p(t)
    decoder = encoder @ joint / weights[:, None]  # p(y|t)
    channel = joint / inputs[:, None]  # p(y|x)
    distances = rel_entr(channel, decoder[:, None]).sum(-1)  # (T, X)
    updated = weights[:, None] * np.exp(-beta * distances)
    return updated / updated.sum(0)


answer = update
""",
    ),
    Exercise(
        label="ex-02-erasure",
        title="Noise that cures nothing",
        kind="derive",
        prompt=r"""
Deterministic labels make the curve a corner. So make them random: with probability $e$ the label is
lost and $Y$ is “?”. At which β does a sweep find its first word? Give a formula in `e`. What is the
information curve now, and which labels, then, give a curve that a sweep can trace?
""",
        answer=Formula("1/(1-e)", {"e": (0.05, 0.9)}),
        right="All transitions still happen at one price: losing labels makes the corner less steep "
        "and bends nothing. What bends a curve is confusion.",
        wrong=[
            Wrong(
                "1",
                "That is the price with all labels there. With some of them lost, a word is worth "
                "less.",
            ),
            Wrong("1-e", "A lost label makes words less worthwhile. Should they pay earlier?"),
            Wrong(
                "1/e",
                "Check a limit: with hardly any label lost, the answer should be that of "
                "deterministic labels.",
            ),
            Wrong(
                "1/(1-e)**2",
                "Squares come in for a symmetric confusion, in which the maximal correlation is "
                r"$1-2e$. Here, compute $\rho_{\max}^2$ directly: which share of $I(X;Y)$ is left?",
            ),
        ],
        hints=[
            "Whether the label was lost is independent of everything. What is $I(T;Y)$ in terms of "
            "$I(T;f(X))$, for every code?",
            "The curve is scaled in one direction. How does its slope at the origin change, and what "
            "has that to do with β?",
        ],
        solution=r"""
Whether the label was lost is independent of everything, so $I(T;Y)=(1-e)I(T;f(X))$ for every code: the
curve is $(1-e)\min(r,H(f(X)))$, the same corner, less steep. $D(Wq\Vert p_Y)=(1-e)D(\cdot\Vert\cdot)$
of the labels' distributions, so $\rho_{\max}^2=s^*=1-e$, and all transitions happen at the one price
$1/(1-e)$. What bends a curve is confusion: rows $p(y\mid x)$ that overlap by different amounts.
""",
        code="""
import numpy as np
from ncbook import ib

labelled = np.eye(10)[np.arange(30) % 10] / 30  # 30 images, 10 classes
lost = np.hstack([0.7 * labelled, np.full((30, 1), 0.01)])  # e = 0.3
print(ib.onset(lost), ib.stability_threshold(lost), 1 / 0.7)
print(ib.information_curve(lost, [1.4, 1.45, 5]).complexity)
answer = "1/(1-e)"
""",
    ),
    Exercise(
        label="ex-02-blocks",
        title="Predict the staircase",
        kind="predict",
        prompt=r"""
Six balanced classes in two groups of three. The answer is right with probability 0.54, another class of
the same group 0.20 each, a class of the other group 0.02 each. Before you compute: with β rising from
1, how many words does the best code have, one plateau after the other? And at which β would *annealing*
notice the second change? Hand in that β, to within one per cent.
""",
        answer=Number(8.131, relative=0.01),
        right="One word, two (the groups), and then six at once: three symmetric classes jump. The best "
        "code has made the jump before annealing sees it.",
        wrong=[
            Wrong(
                1 / 0.88**2,
                "That is the *first* change: the function that the class knows best is the group, and "
                "that is where the two words come in.",
            ),
            Wrong(
                1 / 0.34**2,
                "Nearly: within a group, functions of mean 0 are passed on with 0.54 − 0.20. But which "
                "share of $Y$ stays in the group, and with it the conditional distribution?",
            ),
            Wrong(
                0.34**2 / 0.94,
                "That is the squared correlation within a group. Which β goes with it?",
            ),
            Wrong(
                7.845,
                "That is where the best code changes. Annealing follows its own branch as long as it "
                "is a local minimum, and that is a little longer.",
            ),
        ],
        hints=[
            "The first change belongs to the function that $Y$ knows best: the group. What are its "
            "correlation and $1/\\rho^2$?",
            "Given that a word means a group, which functions on its three classes are left, and by "
            "which factor does the channel shrink them? Mind that only a part of $Y$ stays inside.",
            "The squared correlation within a group is the square of that factor on the part that "
            "stays, divided by its share; annealing notices at its inverse.",
        ],
        solution=r"""
The function that the class knows best is the group, passed on with $0.94-0.06=0.88$:
$\beta_1=1/0.88^2=1.291$, two words, and by symmetry between the groups nothing of third order; that
$1/s^*=\beta_1$ exactly isn't proved by this, but the code finds it to all digits. Within a group, once
the two words are hard, functions $u$ with mean 0 are multiplied by $(0.54-0.20)/0.94$ on the 94 % of
$Y$ that stay in the group: $\rho_t^2=0.34^2/0.94$ and $\beta=8.13$ for the split. Three symmetric
classes jump ({prf:ref}`prop-symmetric`), both groups at once: from two words to six, at $1/s^*_t$ of
{prf:ref}`cor-split`, before annealing sees it.
""",
        code="""
import numpy as np
from ncbook import ib

group = np.kron(np.eye(2), np.full((3, 3), 0.18)) + 0.02 + 0.34 * np.eye(6)
blocks, steps = group / 6, np.geomspace(1.2, 10, 100)
print(1 / 0.88**2, ib.onset(blocks), ib.stability_threshold(blocks))
for way in (ib.anneal(blocks, steps), ib.information_curve(blocks, steps)):
    print([(steps[i + 1].round(2), way.sizes[i + 1]) for i in np.flatnonzero(np.diff(way.sizes))])
answer = ib.stability_threshold(group[:3] / 3)
print(answer, 0.94 / 0.34**2)
""",
    ),
    Exercise(
        label="ex-02-venn",
        title="Three circles",
        kind="derive",
        prompt=r"""
Draw $X$, $Y$ and $T$ as three overlapping circles, areas for nats, and read off: $I(X;Y\mid T)\le
I(X;Y)$, since a part can't exceed the whole. Find three variables for which this is false, and hand in
their joint distribution as an array of shape $(2, 2, 2)$, axes $X$, $Y$, $T$. Why was the inequality true
throughout this chapter?
""",
        answer=Construction(
            [(_is_distribution, NO_DISTRIBUTION), (_knows_more_given_t, NOTHING_GAINED)],
            shape=(2, 2, 2),
            form="an array of shape (2, 2, 2)",
        ),
        right="The overlap of all three circles would have a negative area. In this chapter $T$ depends "
        "on $Y$ through $X$ only, and then the picture is safe.",
        wrong=[
            Wrong(np.full((2, 2, 2), 0.25), NO_DISTRIBUTION),
            Wrong([[[0.5, 0], [0, 0]], [[0, 0], [0, 0.5]]], NOTHING_GAINED),
        ],
        hints=[
            "Let $X$ and $Y$ be independent, so that there is nothing to begin with.",
            "Choose $T$ so that it and $X$ together determine $Y$, and $T$ alone says nothing about $X$.",
        ],
        solution=r"""
Two fair coins $X$, $Y$ and $T=X\oplus Y$: $I(X;Y)=0$, but given $T$ each coin determines the other,
$I(X;Y\mid T)=\log2$. The overlap of all three circles would have the area $-\log2$. If $T$ depends on
$Y$ through $X$ only, $I(X;Y)-I(X;Y\mid T)=I(T;Y)\ge0$ by {prf:ref}`prop-information`: the middle region
is non-negative then, and the picture is safe.
""",
        code="""
import numpy as np
from ncbook import ib

xor = np.array([[[0.25, 0], [0, 0.25]], [[0, 0.25], [0.25, 0]]])  # (X, Y, T)
given = np.mean([ib.mutual_information(2 * xor[..., t]) for t in (0, 1)])
print(ib.mutual_information(xor.sum(2)), given)
answer = xor
""",
    ),
    Exercise(
        label="ex-02-reader",
        title="Another reader",
        kind="experiment",
        prompt=r"""
Show that for any decoder $s(y\mid t)$, such as the network's own softmax,
$I(T;Y)\ge H(Y)-\mathbb E[-\log s(Y\mid T)]$, and say when equality holds. For the networks of Chapter 1
(`runs = profile("laptop").train("ce")`; `run.curve("train_loss")`, `run.curve("test_loss")`) compute
this bound in nats at all measured epochs, on training and on test images. Hand in an array of shape
(2, epochs): the mean over seeds, training images first. Before you look: can a lower bound of mutual
information come out negative?
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a <= np.log(10) + 1e-9).all()),
                    "No reader gets more than $\\log 10$ nats out of ten balanced classes, and here "
                    "some entry is larger. Is it $H(Y)$ *minus* the surprise?",
                ),
                (
                    lambda a: bool(a[0, -1] > 2.1 > a[1, -1]),
                    "At the end the reader should know nearly all about the training images and far "
                    "less about the others. Are the rows the right way round, and are these nats?",
                ),
                (
                    lambda a: bool(a[1].min() < 0),
                    "On test images the bound should get worse than nothing at some epoch. Did you cut "
                    "it off at zero, or take the best epoch?",
                ),
            ],
            shape=(2, None),
            form="an array of shape (2, epochs)",
        ),
        right="A negative lower bound: the network is then confidently wrong. The information is in its "
        "features, and its own decoder is miscalibrated.",
        wrong=[
            Wrong(
                [[0.0, 0.1], [0.0, 3.5]],
                "No reader gets more than $\\log 10$ nats out of ten balanced classes, and here some "
                "entry is larger. Is it $H(Y)$ *minus* the surprise?",
            ),
            Wrong(
                [[0.1, 0.3], [0.2, 2.28]],
                "At the end the reader should know nearly all about the training images and far less "
                "about the others. Are the rows the right way round, and are these nats?",
            ),
            Wrong(
                [[0.1, 2.28], [0.0, 0.3]],
                "On test images the bound should get worse than nothing at some epoch. Did you cut it "
                "off at zero, or take the best epoch?",
            ),
        ],
        hints=[
            r"$H(Y\mid T)=\mathbb E[-\log p(Y\mid T)]$. What is the difference to the same with $s$ in "
            "place of $p$?",
            "The expected surprise of the softmax is the cross-entropy that training reports, in nats; "
            "$H(Y)$ is $\\log 10$.",
        ],
        solution=r"""
$H(Y\mid T)=\mathbb E[-\log p(Y\mid T)]=\mathbb E[-\log s(Y\mid T)]-\mathbb E\,D(p(\cdot\mid T)\Vert
s(\cdot\mid T))$, and the divergence is non-negative: equality for calibrated decoders, $s=p(y\mid t)$.
(It is the step in $s$ of {prf:ref}`thm-descent`.) The expected surprise is the cross-entropy that
training reports. On training images the bound ends within a few hundredths of a nat of $\log10$: that is
the $\delta$ of this reader's plateau. On test images it ends below what the nearest mean gets, and while
the last training images are being forced in it falls far below zero. A decoder refitted on other held-out
images would raise the bound.
""",
        code="""
import numpy as np
from ncbook.lab import profile

runs = profile("laptop").train("ce")
losses = [np.array([run.curve(f"{split}_loss") for run in runs]) for split in ("train", "test")]
answer = np.array([(np.log(10) - loss).mean(0) for loss in losses])
print(answer.round(2))
""",
    ),
    Exercise(
        label="ex-02-hundred",
        title="A hundred classes",
        kind="derive",
        prompt=r"""
CIFAR-100 has 10,000 test images, and the nearest-mean reader a hundred words. To first order, what is the
bias of the plug-in estimate of $I(T_q;Y)$, in nats, when all cells of the table are possible? (Then: what
is it when only five wrong answers a class are? Design an estimate whose bias is below 0.02 nats.)
""",
        answer=Number(99**2 / 20_000, relative=0.02),
        right="A tenth of all there is to know, $\\log 100$; and with one count a cell the expansion "
        "itself isn't to be trusted.",
        wrong=[
            Wrong(
                99**2 / 10_000,
                "Twice too large: what stands below in the bias, $n$ or $2n$?",
            ),
            Wrong(
                (100**2 - 1) / 20_000,
                "That counts the cells of the table. The marginals are estimated as well, and their "
                "biases come off.",
            ),
            Wrong(
                99**2 / 100_000,
                "That is for 50,000 images. How many test images are there?",
            ),
        ],
        hints=[
            "The proposition in the chapter: the number of possible cells, less those of the two "
            "marginals, plus one, over $2n$.",
            "All cells of a table with a hundred rows and a hundred columns: "
            "$100^2 - 100 - 100 + 1$.",
        ],
        solution=r"""
By {prf:ref}`prop-bias`, with all cells possible $(10^4-200+1)/20{,}000=0.49$ nats, a tenth of
$H(Y)=4.6$, and the expansion itself isn't to be trusted with one count a cell. With six cells a row,
$(600-199)/20{,}000=0.02$. Coarser readers have smaller tables: $T_q$ and $Y$ replaced by the 20
superclasses give $361/20{,}000=0.018$, a lower bound still, for a coarser $Y$. Or use the bound of
{prf:ref}`thm-descent` with a decoder fitted on one half of the images and evaluated on the other: its
error is one of a mean, and its bias is downwards, to the safe side of a lower bound.
""",
        code="""
rows = columns = 100
answer = (rows * columns - rows - columns + 1) / (2 * 10_000)
""",
    ),
    Exercise(
        label="ex-02-rotate",
        title="A test for estimators",
        kind="experiment",
        prompt=r"""
Mutual information doesn't change if $T$ is mapped one to one. Turn that into a test that any estimate of
$I(X;T)$ should pass, and put the binned one to it: cut the last features of one of Chapter 1's networks
into cubes of width 0.1, 0.5 and 1, take the entropy of the cells in nats, rotate the features by a random
orthogonal matrix and do it again. Hand in an array of shape (3, 2): a row for each width, before and
after. Which of the chapter's quantities pass?
""",
        answer=Construction(
            [
                (
                    lambda a: bool((a >= 0).all() and (a <= np.log(500) + 1e-6).all()),
                    "The entropy of 500 images' cells lies between 0 and $\\log 500$ nats.",
                ),
                (
                    lambda a: bool((a[:-1, 0] >= a[1:, 0] - 1e-9).all()),
                    "Narrower cubes tell more images apart: the first column should not rise from "
                    "width 0.1 to width 1. Is the order of the rows right?",
                ),
                (
                    lambda a: bool(a[2, 1] > a[2, 0] + 0.3),
                    "At width 1 the rotation should change a lot. Did you rotate the features before "
                    "cutting them, and with an orthogonal matrix?",
                ),
            ],
            shape=(3, 2),
            form="an array of shape (3, 2)",
        ),
        right="A rotation changes nothing about the network, and the binned estimate changes: it fails. "
        "Quantities made of distances pass rotations.",
        wrong=[
            Wrong(
                [[5.0, 8.9], [4.0, 6.0], [2.0, 4.0]],
                "The entropy of 500 images' cells lies between 0 and $\\log 500$ nats.",
            ),
            Wrong(
                [[2.4, 4.0], [3.0, 5.0], [6.0, 6.2]],
                "Narrower cubes tell more images apart: the first column should not rise from width "
                "0.1 to width 1. Is the order of the rows right?",
            ),
            Wrong(
                [[6.0, 6.0], [4.0, 4.0], [2.4, 2.4]],
                "At width 1 the rotation should change a lot. Did you rotate the features before "
                "cutting them, and with an orthogonal matrix?",
            ),
        ],
        hints=[
            'The features are `run.path["features"][-1]`, of shape (images, 64). Cells: '
            "`torch.unique(torch.floor(h / width), dim=0, return_counts=True)`.",
            "A random orthogonal matrix: the first factor of `torch.linalg.qr` of a Gaussian one.",
        ],
        solution=r"""
Rotate the features. The network's output can be left unchanged by rotating the classifier along, so
nothing about the network has changed. For width 1 the entropy rises: before, most coordinates of a class
lay in one bin because of the ReLU's zeros; turned, they straddle walls. Bins fail. The exact pair passes
all one-to-one maps (and says nothing). $T_q$ and the noisy reader pass rotations, because distances do;
they would fail a rescaling of one coordinate, and should: that changes what a reader with isotropic
noise, or with a ruler, can see.
""",
        code="""
import numpy as np
from ncbook import ib
import torch
from ncbook.lab import profile


def binned(features, width):
    _, counts = torch.unique(torch.floor(features / width), dim=0, return_counts=True)
    return ib.entropy(counts.double().numpy() / len(features))


h = profile("laptop").train("ce")[0].path["features"][-1]
rotation = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0]
answer = np.array([[binned(h, width), binned(h @ rotation, width)] for width in (0.1, 0.5, 1.0)])
print(answer.round(2))
""",
    ),
    Exercise(
        label="ex-02-gap",
        title="How wrong at most",
        kind="derive",
        prompt=r"""
A stationary code fails its certificate: $\min_q\,[D(q\Vert q_t)-\beta D(Wq\Vert Wq_t)]=-\eta$. Bound how
much better the best code can be. Then take the rare disease ($X=1$ with probability 0.05, $Y$ is $X$
flipped with probability 0.1) at $\beta=3$, and saying nothing. Using that the average of the symbols'
$q_t$ is the prior, sharpen the bound: with $h(q)$ the height above the tangent, a code gains at most
$0.05\max_q\,(-h(q)/q)$. How many nats is that, to within two per cent? Compare with what can truly be gained.
""",
        answer=Number(0.0694, relative=0.02),
        right="The plain bound is some thirty times what can be gained; using the prior leaves half as much "
        "again as the truth.",
        wrong=[
            Wrong(
                0.0,
                "At this β a first word pays already: silence is a local minimum and not the best code.",
            ),
            Wrong(
                1.384,
                "That is the depth below the tangent, $\\eta$ itself. A symbol that speaks almost surely "
                "of illness can't be used often.",
            ),
            Wrong(
                0.05,
                "That is the prior. It is multiplied by the steepest fall of the height, not by 1.",
            ),
        ],
        hints=[
            "Write $h(q)=D(q\\Vert p_X)-\\beta D(Wq\\Vert p_Y)$; for a binary $X$ it is a function of one "
            "number on a grid.",
            "A code gains $-\\sum_t w_t h(q_t)$ with $\\sum_t w_t q_t = 0.05$. Bound $-h(q)$ by a multiple of "
            "$q$.",
        ],
        solution=r"""
For any code $\sum_tw_t\phi_\beta(q'_t)\ge\sum_tw_t(a\cdot q'_t-\eta)=a\cdot p_X-\eta$: the best code is
better by at most $\eta$. But a symbol that speaks almost surely of illness can't be used often. With
$h(q)$ the height above the tangent and $\kappa=\max_q-h(q)/q$, a code gains
$-\sum_tw_th(q_t)\le\kappa\sum_tw_tq_t=0.05\,\kappa$ nats. (The average of the $q_t$ is the prior; that is
all that was used. Any plane through the point at $p_X$, not only the tangent, gives such a bound, and the
best of them gives the envelope.) The code prints all three: $\eta$, the sharper bound, and what the best
code gains.
""",
        code="""
import numpy as np
from scipy.special import rel_entr
from ncbook import ib

rare, beta = 0.05, 3.0
disease = np.array([1 - rare, rare])[:, None] * np.array([[0.9, 0.1], [0.1, 0.9]])
q1 = np.linspace(0, 1, 4001)
line = np.stack([1 - q1, q1], axis=1)
moved = line @ (disease / disease.sum(1)[:, None])
height = rel_entr(line, disease.sum(1)).sum(-1)
height -= beta * rel_entr(moved, disease.sum(0)).sum(-1)
answer = rare * (-height[1:] / q1[1:]).max()
print(-height.min(), answer, -ib.information_curve(disease, [beta]).objective)
""",
    ),
]

QUIZ = [
    Question(
        "A deterministic network maps every training image to a different feature. What is $I(X;T)$ on "
        "the training set?",
        {
            r"$\log n$, whatever training did": "Each image keeps its name. The exact pair sees no "
            "compression, and no collapse either."
        },
        {
            "It falls as the network collapses": "As long as no two features coincide exactly, nothing is "
            "lost, however close they lie.",
            r"$\log k$, after collapse": "That is the *label's* entropy; features of one class are near "
            "one another and still different.",
            "It depends on the width of the layer": "One-to-one is one-to-one in any width.",
        },
    ),
    Question(
        r"β is the price that the bottleneck is willing to pay. What is the best code at $\beta = 0.9$?",
        {
            "One that says nothing": "A nat that says at most a nat about $Y$, paid with more than it is "
            "worth: no code pays below 1."
        },
        {
            "One that sends the most likely class": "A constant message has no cost and no worth: it says "
            "nothing, too, but it isn't about likelihood.",
            "Nine tenths of a good code": "Randomising a code doesn't make it pay.",
            "It depends on how noisy the labels are": "Below 1 it doesn't: no code is worth more than it "
            "costs.",
        },
    ),
    Question(
        "Annealing follows a solution as β grows. What can it miss?",
        {
            "That another code has become better long before its own stops being a local minimum": "As for "
            "the rare disease: silence is stable and wrong.",
            "A jump to several new words at once, until its branch becomes unstable": "Symmetric classes "
            "appear together, and the sweep is late.",
        },
        {
            "Nothing, if its steps are small enough": "Small steps follow a branch well. They don't leave "
            "it.",
            "That its own Lagrangian rises": "It never does along the iteration; that is a theorem.",
        },
    ),
    Question(
        "Where does a perfectly collapsed network sit in the plane of complexity and relevance, read by its "
        "nearest class mean, on balanced training data?",
        {
            r"At $(\log k, \log k)$, the corner of the curve": "It names the class and nothing else: all "
            "that is worth keeping, and no nat more."
        },
        {
            r"At $(\log n, \log k)$": "That is a reader who tells images apart. The nearest mean can't.",
            r"At $(0, 0)$, everything is compressed": "The class is still there.",
            "To the left of the corner, since collapse compresses": "Left of it relevance would have to "
            "fall, for no code is worth more than it costs.",
        },
    ),
    Question(
        "A published information plane shows $I(X;T)$ rising and then falling, estimated by binning. What "
        "has to be asked first?",
        {
            "What the same figure looks like with other widths of the bins, and after a rotation": "If these "
            "change it, it shows the bins."
        },
        {
            "How many layers the network has": "The estimate can be wrong for any number of them.",
            "Whether the activations saturate": "A good question and not the first: a fall that goes away "
            "with another width needs no explanation.",
            "Nothing: mutual information can be computed from samples": "Of continuous features it can only "
            "be estimated, and this estimate depends on a ruler.",
        },
    ),
    Question(
        "Why is the information curve concave?",
        {
            "Two codes can be mixed by a coin whose result is sent along": "Cost and worth then average "
            "exactly; one more symbol's worth of thought."
        },
        {
            "Averaging two encoders averages their cost and worth": "It doesn't: the average forgets which "
            "code was used.",
            "Mutual information is concave in the encoder": "For a fixed input it is convex.",
            "Because Blahut–Arimoto converges": "It converges on other curves too, to local minima.",
        },
    ),
]
