"""Exercises and quiz of chapter 6, Supervised contrastive learning and the orthogonal frame."""

import math

from scipy.optimize import brentq

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


def _sharpness(negatives_per_partner: float) -> float:
    """u = 1/τ at which the force u·r·e^(−u)/(1 + r·e^(−u)) is largest."""
    return float(brentq(lambda u: (u - 1) * math.exp(u) - negatives_per_partner, 1, 50))


EXERCISES = [
    Exercise(
        label="ex-06-gain",
        title="The size of the gain",
        kind="derive",
        prompt=r"""
For `k` balanced classes of ten samples each, all in one batch, how much lower per anchor is the loss at
the simplex than at the orthogonal frame? At low temperature the terms of the negatives are small:
expand the loss at either geometry to first order in the sum over its own negatives, nothing else, and
give the difference in `k` and `tau`. Then find, without the approximation, at which temperatures it is
a tenth of a nat for ten classes.
""",
        answer=Formula(
            "10*(k-1)/9 * exp(-1/tau) * (1 - exp(-1/((k-1)*tau)))",
            {"k": (3, 20), "tau": (0.1, 0.6)},
        ),
        right="Two small factors: right angles are hardly felt at low temperature, and the simplex of "
        "many classes is hardly wider than a right angle.",
        wrong=[
            Wrong(
                "(k-1) * exp(-1/tau) * (1 - exp(-1/((k-1)*tau)))",
                "The anchor itself is no candidate: the bets on its own class are shared by one "
                "fewer than the class has.",
            ),
            Wrong(
                "10*(k-1) * exp(-1/tau) * (1 - exp(-1/((k-1)*tau)))",
                "Expand the logarithm: a small term is divided by what it is added to, the partners "
                "of the anchor.",
            ),
            Wrong(
                "10*(k-1)/9 * exp(-1/tau)",
                "That is all that the negatives cost at the frame. At the simplex they cost less, "
                "but not nothing.",
            ),
            Wrong(
                "10*(k-1)/9 * exp(-1/tau) / ((k-1)*tau)",
                r"You have expanded in $\frac{1}{(k-1)\tau}$ as well. At $\tau=0.1$ and ten classes "
                "that isn't small.",
            ),
            Wrong(
                "10*(k-1)/9 * (exp(-1/tau) - exp(-1/((k-1)*tau)))",
                r"At the simplex the exponent is $(\cos-1)/\tau$ with $\cos=-\frac1{k-1}$. What "
                "happened to the 1?",
            ),
        ],
        hints=[
            r"Both minima have the form $\log(m+Nq)$ with $m=n_c-1$ partners, $N=n-n_c$ negatives and "
            r"$q=e^{(\cos-1)/\tau}$.",
            r"$\log(m+Nq)\approx\log m+\frac Nm q$, at two values of $q$; take out the common factor.",
        ],
        solution=r"""
With $m = n_c-1$ and $N = n-n_c$ it is $\log(m+Ne^{-1/\tau})-\log(m+Ne^{-k/((k-1)\tau)}) \approx
\frac Nm e^{-1/\tau}\bigl(1-e^{-1/((k-1)\tau)}\bigr)$, with $m=9$ and $N=10(k-1)$. At $\tau = 0.1$ and
$k=10$, $N/m=10$, that is $3\cdot10^{-4}$. A tenth of a nat is too much for first order (which says
$\tau\approx0.29$): solved with `supcon_minimum` it is $\tau\approx0.34$, and again $\tau\approx0.81$.
The gain is largest, 0.122, at $\tau\approx0.49$, and falls for large τ, where the loss sees no angles
at all.
""",
        code="""
from scipy.optimize import brentq, minimize_scalar
from ncbook.supcon import supcon_minimum


def gain(tau):
    of, etf = (supcon_minimum([10] * 10, tau, geometry=g) for g in ("of", "etf"))
    return of - etf


peak = minimize_scalar(lambda tau: -gain(tau), bounds=(0.2, 2), method="bounded").x
crossings = [brentq(lambda tau: gain(tau) - 0.1, *ends) for ends in ((0.1, peak), (peak, 3))]
print(gain(0.1), peak, gain(peak), crossings)
answer = "10*(k-1)/9 * exp(-1/tau) * (1 - exp(-1/((k-1)*tau)))"
""",
    ),
    Exercise(
        label="ex-06-hundred",
        title="A temperature for a hundred classes",
        kind="code",
        prompt=r"""
The force near the frame depends on the batch only through the number of negatives for each partner,
$r = (n-n_c)/(n_c-1)$. Write `strongest(r)`, the temperature at which it is largest, and compare ten
classes in batches of 40 and of 400 with a hundred classes in batches of 400. Which way would you move
τ for CIFAR-100, and what could the calculation be missing?
""",
        starter="""
def strongest(r):
    ...
""",
        answer=Function(
            lambda r: 1 / _sharpness(r), lambda: [(12.0,), (360 / 39,), (132.0,)], relative=2e-3
        ),
        right="More classes, smaller temperature; the size of the batch hardly matters, since it "
        "brings partners and negatives alike.",
        wrong=[
            Wrong(
                _sharpness,
                r"That is $1/\tau$ at the maximum. Which of the two is asked for?",
            ),
            Wrong(
                lambda r: 1.0,
                "The same for every batch: then the bets weren't divided by their sum. Negatives that "
                "attract nearly all bets can't attract more.",
            ),
            Wrong(
                lambda r: 1 / _sharpness(1 / r),
                "Upside down: $r$ counts the negatives for each partner, not the partners for each "
                "negative.",
            ),
        ],
        hints=[
            r"With $u=1/\tau$ the force at a right angle is $u\,re^{-u}/(1+re^{-u})$: the bets on the "
            "negatives, times $1/\\tau$.",
            r"The derivative of its logarithm vanishes where $(u-1)e^u=r$. Or let "
            "`scipy.optimize.minimize_scalar` find the maximum.",
        ],
        solution=r"""
With $u = 1/\tau$ the force is $u\,re^{-u}/(1+re^{-u})$. Its logarithm
$\log u - u + \log r - \log(1+re^{-u})$ has the derivative
$\frac1u - 1 + \frac{re^{-u}}{1+re^{-u}}$, which vanishes where $u - 1 = re^{-u}$, that is
$(u-1)e^{u}=r$. For batches of 40, $r=12$ and $\tau=1/u\approx0.44$; for batches of 400, $r\approx9.2$
and $\tau\approx0.47$: batch size hardly matters. A hundred classes in batches of 400 have $r = 132$ and
$\tau\approx0.26$. More classes, smaller temperature. What is missing is the network: the laptop's
networks were fastest well below the maximum of the force.
""",
        code="""
import numpy as np
from scipy.optimize import brentq


def strongest(r):
    return 1 / brentq(lambda u: (u - 1) * np.exp(u) - r, 1, 50)


for r in (12, 360 / 39, 132):
    print(r, strongest(r))
answer = strongest
""",
    ),
    Exercise(
        label="ex-06-permits",
        title="What an activation permits",
        kind="predict",
        prompt=r"""
Behind which of these last activations can normalised features form an *exact* simplex ETF with its
centre in the origin, three classes or more? Which property of the activation decides?
""",
        answer=Choice(
            [
                "LeakyReLU, $x$ or $x/100$",
                "ELU, $x$ or $e^x-1$",
                "GELU, which never falls below $-0.17$",
                "SiLU, $x/(1+e^{-x})$",
                "ReLU, $\\max(x,0)$",
                "softplus, $\\log(1+e^x)$",
                "the square, $x^2$",
            ],
            "abcd",
        ),
        right="Those that take both signs, however little of one: the loss sees directions, and a short "
        "vector has the same as a long one.",
        wrong=[
            Wrong(
                "ab",
                "Must an activation fall far below 0, or as far as $-1$? Ask whether the loss sees how "
                "long a feature is before it is normalised.",
            ),
            Wrong(
                "abc",
                "Evaluate each of the others at small $x$, of either sign.",
            ),
            Wrong(
                "a",
                "Must the values be unbounded below? Shrink the simplex until it fits.",
            ),
            Wrong(
                "abcdf",
                "Softplus is smooth, and positive everywhere. What does that say of inner products?",
            ),
            Wrong(
                "abcdfg",
                "Which inner products are possible between vectors without a negative entry?",
            ),
        ],
        hints=[
            "Two vectors without negative entries have an inner product of at least 0. The simplex "
            "needs a negative one.",
            r"Take a simplex of tiny vectors $\varepsilon v_c$. Which activations have every small "
            "number, of either sign, among their values?",
        ],
        solution=r"""
Let $v_1,\dots,v_k$ be a simplex ETF and $\varepsilon>0$ so small that every entry of every
$\varepsilon v_c$ is above the activation's minimum ($-0.17$ for GELU, about $-0.28$ for SiLU, $-1$ for
ELU; LeakyReLU has none). These functions are continuous, tend to $\infty$ on the right, and reach or
approach that minimum, so each entry $\varepsilon v_{cj}$ has a pre-image: the pre-activations exist,
and normalising removes ε. What decides is whether the activation is continuous and takes *both signs*,
however little of one. ReLU takes none below 0, all its inner products are $\ge0$, and $-\frac1{k-1}$ is
out of reach. Softplus and the square are with ReLU (with softplus even right angles are only a limit:
its entries are positive).
""",
        code="""
import numpy as np
import torch
from scipy.optimize import brentq
from torch.nn import functional as fn
from ncbook import geometry

kinds = {"a": fn.leaky_relu, "b": fn.elu, "c": fn.gelu, "d": fn.silu}
kinds |= {"e": fn.relu, "f": fn.softplus, "g": torch.square}
tiny = 0.05 * geometry.simplex_etf(4, 3).numpy()
lows = {"a": -10.0, "b": -5.0, "c": -0.7, "d": -1.2}  # GELU and SiLU turn there


def before(act, low, entry):
    return brentq(lambda x: act(torch.tensor(x, dtype=torch.float64)).item() - entry, low, 5.0)


answer = ""
for letter, act in kinds.items():
    grid = act(torch.linspace(-10, 10, 2001, dtype=torch.float64))
    if grid.min() < tiny.min():
        pre = np.vectorize(lambda entry: before(act, lows[letter], entry))(tiny)
        means = act(torch.tensor(pre))
        print(letter, geometry.cosine_matrix(means, centre=False)[0, 1:])
        answer += letter
""",
    ),
    Exercise(
        label="ex-06-centre",
        title="Which normalisation?",
        kind="predict",
        prompt=r"""
A colleague centres the features of every batch before normalising them ("so that they can be negative
again, in spite of the ReLU") and trains four balanced classes with the supervised contrastive loss.
Which geometry do you expect at the minimum? Predict its OF distance $\Delta_{\mathrm{OF}}$, measured on
the vectors that the loss sees. Could the ETF distance tell the two candidates apart?
""",
        answer=Number((2 - 2 * 0.75**0.5) ** 0.5, relative=0.01),
        right="A simplex, so the OF distance isn't zero. The ETF distance centres anyway, and would be "
        "zero for both.",
        wrong=[
            Wrong(
                0,
                "That would be an orthogonal frame. Centred vectors can point away from each other; "
                "what is then left of the only step in the proof that used the ReLU?",
            ),
            Wrong(
                -1 / 3,
                "That is the cosine between two class means. Put such a Gram matrix into the "
                "definition of the distance.",
            ),
            Wrong(
                2 - 2 * 0.75**0.5,
                "Nearly: is that the distance, or its square?",
            ),
            Wrong(
                1,
                "That is the value for four means that all point the same way.",
            ),
            Wrong(
                (2 - 2 * 0.9**0.5) ** 0.5,
                "That is the value for ten classes. Here there are four.",
            ),
        ],
        hints=[
            "What does the loss know of the ReLU, if the mean is subtracted after it?",
            r"$\Delta_{\mathrm{OF}}^2 = 2-2\,\langle G, I\rangle/(\lVert G\rVert_F\sqrt k)$. "
            r"`geometry.gram_distance(geometry.simplex_etf(4, 8), 'of')` computes it.",
        ],
        solution=r"""
Centred features can have any sign, so non-negativity, the theorem's only use of the ReLU, is gone; the
minimum is that of the unconstrained problem, the simplex ETF, and it can be reached, since centring an
orthogonal frame gives one. Measured on the vectors that the loss sees (centred, then normalised),
$\Delta_{\mathrm{OF}} = \sqrt{2-2\sqrt{(k-1)/k}}$, 0.52 for four classes and 0.32 for ten; on the raw
features it may be anything, 0 included. $\Delta_{\mathrm{ETF}}$ is zero at the simplex and at the
frame, and can't tell. The cell descends on non-negative vectors that are centred before the loss:
""",
        code="""
import torch
from torch.nn.functional import normalize
from ncbook import geometry
from ncbook.supcon import supcon_loss

torch.manual_seed(0)
labels = torch.arange(4).repeat_interleave(5)
h = torch.rand(20, 8, dtype=torch.float64)
for _ in range(150):
    h.requires_grad_()
    seen = normalize(h - h.mean(0), dim=1)
    gradient = torch.autograd.grad(supcon_loss(seen, labels, 0.5), h)[0]
    h = (h.detach() - 0.3 * gradient).relu()
means = torch.stack([seen[labels == c].mean(0) for c in range(4)]).detach()
print([geometry.gram_distance(means, target) for target in ("etf", "of")])
answer = geometry.gram_distance(means, "of")
""",
    ),
    Exercise(
        label="ex-06-repair",
        title="Repair the argument",
        kind="derive",
        prompt=r"""
"With a ReLU all cosines are at least 0, so at a mean cosine of 0.01 the frame is nearly orthogonal." Is
the conclusion right? Let `eps` be the mean cosine between `k` unit class means without negative
entries. Find the formula in `k` and `eps` that $\Delta_{\mathrm{OF}}$ never exceeds, and that it
attains wherever some classes have merged and all the others are at right angles. Then drop the ReLU:
give a counterexample.
""",
        answer=Formula("sqrt(2 - 2/sqrt(1 + (k-1)*eps))", {"k": (3, 20), "eps": (0.001, 0.2)}),
        right="Right, but less than it looks: the distance may be about as large as the square root "
        "of the mean cosine times the number of classes.",
        wrong=[
            Wrong(
                "sqrt(2 - 2/sqrt(1 + (k-1)*eps**2))",
                "That is the distance if all cosines are equal, the least that it can be. How large "
                "can squares become if the values between 0 and 1 are free and only their mean is "
                "given?",
            ),
            Wrong(
                "sqrt(2 - 2/sqrt(1 + k*(k-1)*eps))",
                r"$\lVert G\rVert_F^2$ has been divided by $k$ in one term and not in the other.",
            ),
            Wrong(
                "sqrt(2 - 2/sqrt(1 + k*(k-1)**2*eps**2/2))",
                "One pair has all of the mean here. That is the worst case as long as the pair's "
                "cosine is below 1; what if the mean asks for more, and several pairs have merged?",
            ),
            Wrong(
                "sqrt((k-1)*eps)",
                "This bound holds, and is the first term of the right one. Keep "
                r"$\lVert G\rVert_F$ as it is: there is a smaller one.",
            ),
            Wrong(
                "sqrt(2 - 2/sqrt(1 + (k-1)*eps/2))",
                "The mean is over all ordered pairs, and so is the sum of squares: nothing is to be "
                "halved.",
            ),
        ],
        hints=[
            r"For unit means $\langle G,I\rangle=k$, so $\Delta_{\mathrm{OF}}$ depends on "
            r"$\lVert G\rVert_F$ alone.",
            r"For a cosine $c$ between 0 and 1, $c^2\le c$.",
        ],
        solution=r"""
With the ReLU it is right, but less than it looks: cosines are in $[0,1]$ with mean $\epsilon$, so their
squares sum to at most $k(k-1)\epsilon$, and $\Delta_{\mathrm{OF}}^2 = 2-2\sqrt{k/\lVert G\rVert_F^2}$
with $k\le\lVert G\rVert_F^2\le k+k(k-1)\epsilon$:
$\Delta_{\mathrm{OF}}\le\sqrt{2-2/\sqrt{1+(k-1)\epsilon}}$, 0.29 for $k=10$, $\epsilon=0.01$. It is
attained where all cosines are 0 or 1, as then $c^2=c$: an orthogonal frame in which a few classes have
merged (two of ten give $\epsilon = \frac1{45}$). For the $\epsilon$ between such values it isn't quite:
at 0.01 the 45 cosines sum to 0.45, their squares to at most $0.45^2$, if one pair has it all, and the
distance is at most 0.20.

Without the ReLU it is false, since signs cancel: opposite vectors $\pm u$, five each, have mean cosine
$-\frac19$, and so has every set of ten unit vectors that sums to zero, the simplex included. The mean
cosine then says nothing about the angles.
""",
        code="""
import torch
from ncbook import geometry

merged = torch.eye(10)
merged[1] = merged[0]
epsilon = geometry.mean_cosine(merged, centre=False)
print(geometry.gram_distance(merged, "of"), (2 - 2 / (1 + 9 * epsilon) ** 0.5) ** 0.5)
opposite = torch.tensor([[1.0, 0], [-1.0, 0]]).repeat(5, 1)
print(geometry.mean_cosine(opposite, centre=False), geometry.gram_distance(opposite, "of"))
answer = "sqrt(2 - 2/sqrt(1 + (k-1)*eps))"
""",
    ),
    Exercise(
        label="ex-06-control",
        title="Design the control",
        kind="experiment",
        prompt=r"""
"The network without the ReLU collapses to few dimensions because its weights are regularised." You
train it again with `lab.train("scl-long", last_activation="none", weight_decay=...)`, same seeds, and
count the singular values of the class means above a quarter of the largest. Which of these outcomes
would speak *for* the claim?
""",
        answer=Choice(
            [
                "Without decay the classes collapse as before, and their means span nine dimensions.",
                "Without decay the classes collapse as before, and their means span five dimensions.",
                "Without decay the means span ten dimensions, and CDNV and NC1 are as large as in an "
                "untrained network.",
                "With two and four times the decay the classes collapse as before, and in every seed "
                "the dimensions become fewer and fewer.",
                "Without decay the loss ends lower than with it.",
                "Without decay one seed in three has seven dimensions, the others five.",
            ],
            "ad",
        ),
        right="Both move the cause and see the effect move, with everything else, collapse included, as "
        "it was.",
        wrong=[
            Wrong(
                "a",
                "One of two. Taking the cause away isn't the only way to move it.",
            ),
            Wrong(
                "ac",
                "A network that hasn't collapsed has many dimensions for another reason. What has to "
                "be held fixed?",
            ),
            Wrong(
                "acd",
                "One too many: are classes that haven't collapsed evidence about how they collapse?",
            ),
            Wrong(
                "adf",
                "One too many: one seed in three, in a network whose seeds differed before?",
            ),
            Wrong(
                "ade",
                "One too many: a lower loss says nothing yet of where the means are.",
            ),
        ],
        hints=[
            "For each outcome ask what a doubter would say: which other reason could there be for it?",
            "The claim has two halves: the network collapses, and in few dimensions. In which outcomes "
            "does the first half still hold?",
        ],
        solution=r"""
Train with `weight_decay=0.0` and the same seeds, and count singular values above a quarter of the
largest, but look at NC1 and CDNV as well: a network that has not collapsed has many dimensions for
another reason. If the classes collapse in nine or ten dimensions, decay was a cause, and a dose that
shows its effect step by step, in every seed, says the same. If the count stays near five, decay doesn't
make the dimensions few, though it may sharpen them. If little collapses, the run was too short to tell,
and the next control is a run long enough to collapse without decay. One seed of three is no pattern,
and a lower loss is compatible with every arrangement of the means. {prf:ref}`prop-span` predicts none
of this: it is about free features. The cell shows for the chapter's own runs how the count and CDNV
move together in time, which is why they have to be read together:
""",
        code="""
import torch
from ncbook.lab import profile

for run in profile("laptop").train("scl-long", last_activation="none"):
    values = torch.linalg.svdvals(run.path["means"])  # (measurements, k)
    counts = (values > 0.25 * values[:, :1]).sum(1)
    print([(int(n), round(float(c), 3)) for n, c in zip(counts, run.curve("cdnv"))])
answer = "ad"
""",
    ),
    Exercise(
        label="ex-06-power",
        title="A margin for doubt",
        kind="derive",
        prompt=r"""
Three seeds gave the interval printed for the difference in nearest-mean accuracy. Suppose the
differences between the two networks of one seed have a standard deviation of 0.02. What is the least
number of seeds for which the 95 % interval has a half-width below 0.02, so that a measured difference
of two percentage points is told from zero? Say which spread counts, and why two runs with the same seed
are compared with each other.
""",
        answer=Number(7, relative=0, absolute=0.1),
        right="Few seeds pay twice: by the square root, and by the quantile of Student's distribution "
        "with few degrees of freedom.",
        wrong=[
            Wrong(
                4,
                "That takes 1.96 for the quantile, as if the spread were known. It is estimated from "
                "the same few differences.",
            ),
            Wrong(
                6,
                "Nearly: how many degrees of freedom does a standard deviation have that was "
                "estimated from $m$ differences?",
            ),
            Wrong(
                9,
                "That compares two independent groups. Both networks of a seed share images and "
                "initial weights, and what those do to both cancels in the difference.",
            ),
            Wrong(
                10,
                "That is about right for a good chance of seeing the difference. Here only the "
                "half-width of the interval is asked for.",
            ),
        ],
        hints=[
            r"The half-width over $m$ seeds is $t_{m-1}\,s/\sqrt m$, with $t_{m-1}$ the 97.5 % quantile "
            "of Student's distribution.",
            "`scipy.stats.t.ppf(0.975, m - 1)`, for $m = 2, 3, \\dots$",
        ],
        solution=r"""
What counts is the standard deviation $s$ of the *differences* between the two networks of one seed:
they share images and initial weights, and what those do to both cancels. The half-width of the 95 %
interval over $m$ seeds is $t_{m-1}\,s/\sqrt m$, with $t_{2}=4.3$ and $t_9 = 2.3$; ask for it to be
below 0.02 and solve for $m$. With $s = 0.02$ it takes seven seeds ($t_6 = 2.45$:
$2.45\cdot0.02/\sqrt7=0.0185$), with six it is 0.021. (The spread measured in this chapter is a little
less; put `difference[:, 0].std(ddof=1)` in its place.) If the *true* difference is 0.02, the measured
one may be less, and an interval that excludes zero needs some luck: for an 80 % chance of it, plan for
about ten.
""",
        code="""
from scipy.stats import t

spread = 0.02
answer = next(m for m in range(2, 1000) if t.ppf(0.975, m - 1) * spread / m**0.5 < 0.02)
""",
    ),
    Exercise(
        label="ex-06-first",
        title="Who is first in a long tail?",
        kind="experiment",
        prompt=r"""
Under STEP 100 the small classes are at right angles first. Does that hold for a long tail, where no
class is just large or just small, and isn't it merely that the last five classes of CIFAR-10 are easier
to tell apart? For `"scl-lt100"` and for the balanced `"scl"`, take the class means after epoch 4
(`run.epochs.index(4)`) and the mean cosine among the first five classes less that among the last five.
Guess both. Hand in an array with a row for each seed: the difference in the long tail, the difference
with balanced classes.
""",
        starter="""
from ncbook import geometry
from ncbook.lab import profile

lab = profile("laptop")
""",
        answer=Construction(
            [
                (
                    lambda a: bool((abs(a) < 1).all()),
                    "A difference of two mean cosines of these networks can't be that large.",
                ),
                (
                    lambda a: bool((a[:, 0] > -0.05).all()),
                    "The first difference comes out negative. First five less last five, not centred?",
                ),
                (
                    lambda a: bool((a[:, 0] > abs(a[:, 1])).all()),
                    "In some row the balanced networks differ more than the long-tailed ones. Are the "
                    "columns the right way round?",
                ),
                (
                    lambda a: bool((a[:, 0] > 0.12).all()),
                    "In the long tail the difference comes out too small for epoch 4: at the end "
                    "all cosines are near 0, and so are their differences.",
                ),
                (
                    lambda a: bool((abs(a[:, 1]) < 0.12).all()),
                    "With balanced classes the difference comes out too large for epoch 4.",
                ),
            ],
            shape=(None, 2),
            form="an array of shape (seeds, 2)",
        ),
        right="The order is the tail's, not the classes': with balanced classes it all but vanishes. "
        "Without that control the first column would prove nothing.",
        wrong=[
            Wrong(
                [[0.01, 0.27], [0.03, 0.28], [-0.02, 0.23]],
                "In some row the balanced networks differ more than the long-tailed ones. Are the "
                "columns the right way round?",
            ),
            Wrong(
                [[-0.27, -0.01], [-0.28, -0.03], [-0.23, 0.02]],
                "The first difference comes out negative. First five less last five, not centred?",
            ),
            Wrong(
                [[0.004, 0.001], [0.006, 0.002], [0.003, 0.001]],
                "In the long tail the difference comes out too small for epoch 4: at the end "
                "all cosines are near 0, and so are their differences.",
            ),
        ],
        hints=[
            '`run.path["means"][run.epochs.index(4)]` are the class means, and '
            "`geometry.cosine_matrix(means, centre=False)` their cosines.",
            "Among five classes there are 20 cosines off the diagonal: sum the block, take 5 from it, "
            "divide by 20.",
        ],
        solution=r"""
In the long tail the five largest classes are still at a cosine of 0.8 to each other when the five
smallest are near 0.55; with balanced classes the two groups are equal within a few hundredths. So the
order isn't that of the classes. Two readings are left that this experiment doesn't separate: a class of
few images is memorised sooner, and with batch-binding its images are in every batch, so that the
network has met each of them many times as often. Training without binding (`bind=0`) would separate
them.
""",
        code="""
import numpy as np
from ncbook import geometry
from ncbook.lab import profile

lab = profile("laptop")


def lead(run):
    means = run.path["means"][run.epochs.index(4)]
    cosines = geometry.cosine_matrix(means, centre=False)
    first, last = cosines[:5, :5], cosines[5:, 5:]
    return float(first.sum() - last.sum()) / 20


answer = np.array([[lead(run) for run in pair] for pair in zip(lab.train("scl-lt100"), lab.train("scl"))])
print(answer)
""",
    ),
]

QUIZ = [
    Question(
        "At τ = 0.05 a network with the ReLU ends with NC1 near zero and an OF distance of 0.7. What "
        "about the theorem?",
        {
            "Nothing: the minimum is where it was, and hardly any force leads there": "At a right "
            "angle the push has the factor $e^{-1/\\tau}/\\tau$: of the order of $10^{-8}$ at τ = 0.05."
        },
        {
            "It is refuted: at low temperature the minimum isn't an orthogonal frame": "The minimiser "
            "is the frame at every temperature. A run that stops elsewhere is no minimum.",
            "It doesn't apply: it holds for temperatures near 0.2 only": "It holds for every τ > 0; "
            "the slope towards the minimum is what changes.",
            "It is confirmed: what it says is that classes collapse to points": "Half of it. The angles are the other half.",
        },
    ),
    Question(
        "GELU never falls below −0.17. Why may its features form a simplex centred in the origin all "
        "the same?",
        {
            "The loss sees directions, and short vectors can have any direction": "Shrink the positive "
            "entries until −0.17 is large beside them; normalisation does the rest."
        },
        {
            "The minimum of −0.17 lies below the −1/9 that ten classes need": "Entries aren't cosines; and a "
            "bound of −0.001 would do as well.",
            "Class means are averages of features, which may lie lower": "An average can't lie below "
            "the least of its values.",
            "Constraints that are nearly met are ignored by the optimiser": "There is no constraint: "
            "every direction can be reached exactly.",
        },
    ),
    Question(
        "Without the ReLU the mean cosine between ten class means is −1/9. What follows?",
        {
            "The normalised means sum to zero": "Nothing more: the mean cosine is the length "
            "of that sum, in disguise."
        },
        {
            "The means form a simplex": "Five pairs of opposite vectors have the same mean cosine.",
            "All angles between means are equal": "The mean of the cosines says nothing of their "
            "spread.",
            "The means span nine dimensions": "Opposite vectors on a single line would do.",
        },
    ),
    Question(
        "Free features descend from a start in a five-dimensional subspace. Which methods can take "
        "them out of it?",
        {
            "Adam": "It divides entry by entry, so its step isn't a combination of gradients.",
            "Gradient descent that sets negative entries to zero": "That too acts on single entries.",
            "Gradient descent with noise added to the features": "Noise has components in every "
            "direction, and the way out leads downhill.",
        },
        {
            "Gradient descent with momentum": "Momentum is a sum of past gradients: all of them lie "
            "in the subspace.",
            "Gradient descent with weight decay": "Decay shortens each vector along itself.",
        },
    ),
    Question(
        "On FashionMNIST untrained features did best and contrastive ones worst. Which explanation can "
        "be ruled out by how the probe works?",
        {
            "The orthogonal frame has its origin in a bad place": "The probe has an intercept and "
            "standardises: it doesn't know where the origin is."
        },
        {
            "Training erased what CIFAR-10 didn't ask for": "Possible, though the variation left "
            "doesn't order the two networks.",
            "The two recipes differ in steps and decay": "They do, and nothing here separates that "
            "from the loss.",
            "500 images are too few to learn features from": "Quite possible; a larger run would tell.",
        },
    ),
    Question(
        "Three seeds: the 95 % interval of a difference between two kinds of networks is −0.04 to "
        "+0.05. What follows?",
        {
            "Neither kind is shown to be better, and neither are they shown to be equal": "Differences "
            "of several points either way are compatible with these runs."
        },
        {
            "The two kinds are equally good, since the interval contains zero": "It contains 0.04 as well, and that would be a large difference.",
            "The second kind is better, on average, by half a point": "That is the middle of an "
            "interval nine points wide.",
            "Nothing at all: an experiment on three seeds is worthless": "It says how many seeds the next one needs.",
        },
    ),
]
