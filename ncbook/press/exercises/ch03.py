"""Exercises and quiz of chapter 3, The Gaussian bottleneck."""

import numpy as np

from ncbook.ib import GaussianBottleneck, MetaGaussianBottleneck
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

Budget = tuple[float, np.ndarray]
Sample = tuple[np.ndarray, np.ndarray]


def _budgets() -> list[Budget]:
    """Nats to spend and the correlations: one direction's worth, several, equal ones, plenty."""
    three, even = np.array([0.9, 0.7, 0.4]), np.array([0.8, 0.8, 0.5])
    many = np.array([0.99, 0.95, 0.8, 0.5, 0.3, 0.1])
    return [(0.2, three), (1.0, three), (3.0, three), (0.4, even), (2.0, many), (8.0, many)]


def _height(depths: np.ndarray, rhos: np.ndarray) -> float:
    """I(T;Y) if T spends these nats on the directions, whatever their sign."""
    shares = rhos**2 * np.exp(-2 * depths) + 1 - rhos**2  # of Y's variance, still uncertain
    return float(-0.5 * np.log(shares).sum())


def _filled(nats: float, rhos: np.ndarray) -> float:
    floors = np.log(1 / np.sort(rhos)[::-1] ** 2 - 1)
    levels = [floors[:m].mean() + 2 * nats / m for m in range(1, len(rhos) + 1)]
    level = min(levels)  # a dry floor, taken in, could only raise it
    return _height(np.maximum(level - floors, 0) / 2, np.sort(rhos)[::-1])


def _filled_dry_too(nats: float, rhos: np.ndarray) -> float:
    floors = np.log(1 / rhos**2 - 1)
    return _height((floors.mean() + 2 * nats / len(rhos) - floors) / 2, rhos)


def _spread_evenly(nats: float, rhos: np.ndarray) -> float:
    return _height(np.full(len(rhos), nats / len(rhos)), rhos)


def _all_on_the_first(nats: float, rhos: np.ndarray) -> float:
    return _height(np.array([nats]), rhos[:1])


def _half_of_it(nats: float, rhos: np.ndarray) -> float:
    return _filled(nats / 2, rhos)


def _in_proportion(nats: float, rhos: np.ndarray) -> float:
    return _height(nats * rhos**2 / (rhos**2).sum(), rhos)


def _folds() -> list[Sample]:
    """Samples of the chapter's fold, for two correlations."""
    made = []
    for seed, rho in enumerate((0.9, 0.7)):
        chance = np.random.default_rng(seed)
        x, noise = chance.normal(size=(2, 20_000))
        made.append((x, rho * x * chance.choice([-1, 1], len(x)) + np.sqrt(1 - rho**2) * noise))
    return made


def _first_beta(x: np.ndarray, y: np.ndarray) -> float:
    return float(GaussianBottleneck.fit(x, y).critical_betas[0])


def _with_squares(x: np.ndarray, y: np.ndarray) -> float:
    return _first_beta(np.stack([x, x**2], 1), np.stack([y, y**2], 1))


def _on_one_side(x: np.ndarray, y: np.ndarray) -> float:
    return _first_beta(np.stack([x, x**2], 1), y[:, None])


def _as_they_are(x: np.ndarray, y: np.ndarray) -> float:
    return _first_beta(x[:, None], y[:, None])


def _sizes(x: np.ndarray, y: np.ndarray) -> float:
    return _first_beta(abs(x)[:, None], abs(y)[:, None])


def _scored_squares(x: np.ndarray, y: np.ndarray) -> float:
    pair = MetaGaussianBottleneck.fit(x[:, None] ** 2, y[:, None] ** 2)
    return float(pair.critical_betas[0])


def _correlation_of_squares(x: np.ndarray, y: np.ndarray) -> float:
    return float(_with_squares(x, y) ** -0.5)


def _are_counts(found: np.ndarray) -> bool:
    return bool((found >= 0).all() and (found <= 8).all() and (found == np.round(found)).all())


EXERCISES = [
    Exercise(
        label="ex-03-second",
        title="What the second direction waits for",
        kind="derive",
        prompt=r"""
How many nats has $T$ already spent on the first direction when the second one switches on? Find the
formula in `rho1` and `rho2`, $\rho_1>\rho_2$, evaluate it for $\rho=(0.95,0.8)$ and for
$\rho=(0.95,0.94)$, and explain in terms of the vessel why it depends on nothing else.
""",
        answer=Formula(
            "log((1/rho2**2 - 1)/(1/rho1**2 - 1))/2", {"rho1": (0.8, 0.98), "rho2": (0.2, 0.75)}
        ),
        right="Half the difference of two floors, whatever directions lie higher. Equal correlations "
        r"have equal floors and switch on together; near 1, correlations that look equal needn't.",
        wrong=[
            Wrong(
                "log(rho1/rho2)",
                r"That is half the logarithm of $\beta_2/\beta_1$. The water doesn't stand at "
                r"$\log\beta$: look again at what is drawn as the height of a floor.",
            ),
            Wrong(
                "log((1/rho2**2 - 1)/(1/rho1**2 - 1))",
                "That is how deep the water stands over the first floor. How are depth and "
                "information related?",
            ),
            Wrong(
                "log2((1/rho2**2 - 1)/(1/rho1**2 - 1))/2",
                "Right in bits; nats were asked for.",
            ),
            Wrong(
                "log((1 - rho2**2)/(1 - rho1**2))/2",
                r"That is what $T$ by then says about $Y$, $I(T;Y)$. It was asked what it has spent: "
                r"$I(X;T)$, which is more.",
            ),
        ],
        hints=[
            r"At which height does the water stand when it reaches the second floor?",
            r"$I(X_1';T)=\frac12[\log(\beta-1)-\log(\beta_1-1)]$. Put in the critical $\beta$ of the "
            r"second direction, and $\beta_i=1/\rho_i^2$.",
        ],
        solution=r"""
At $\beta=\beta_2$ the water stands at the second floor, $\log(\beta_2-1)$, and its depth over the first
is $\log\frac{\beta_2-1}{\beta_1-1}$. Half of that is the information:
$\frac12\log\frac{\rho_2^{-2}-1}{\rho_1^{-2}-1}$, the difference of two floors. Further directions are
still dry. That is 0.82 nats for $(0.95, 0.8)$, more than a bit, and 0.10 for $(0.95, 0.94)$. If two
correlations are equal the second direction needs no waiting at all: both switch on together. Near 1 that
takes more than looking equal: for $(0.999, 0.99)$ it is 1.16 nats. Collapse brings $k-1$ correlations
close to 1, which does not put their floors at one height.
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck

for rho in ([0.95, 0.8], [0.95, 0.94]):
    pair = GaussianBottleneck(np.eye(2), np.eye(2), np.diag(rho))
    spent, _ = pair.information(pair.critical_betas[1])
    floors = 1 / np.square(rho) - 1
    print(spent, np.log(floors[1] / floors[0]) / 2)
answer = "log((1/rho2**2 - 1)/(1/rho1**2 - 1))/2"
""",
    ),
    Exercise(
        label="ex-03-saddle",
        title="The saddle at zero",
        kind="derive",
        prompt=r"""
Expand $L$ of $T=AX+\xi$ to second order in $A$ at $A=0$. For which $\beta$ is $A=0$ a local minimum?
Now let $X$ have four coordinates, the correlations be $0.95$, $0.8$ and $0.5$, as in the SciPy
experiment, $A$ have **five** rows, and $\beta=2$. In how many independent ways does $L$ fall away from
$A=0$? (Answer with the number of negative eigenvalues of its Hessian, and check it numerically.)
""",
        answer=Number(10),
        right=r"Each of the rows can leave zero along each direction with $\beta_i<\beta$. So a "
        "descent that starts near zero is not trapped there; it has many ways out.",
        wrong=[
            Wrong(
                2,
                "That many directions are open. But $A$ has several rows, and each of them can leave "
                "zero.",
            ),
            Wrong(
                5,
                r"One way for each row. Is the first direction the only one with $\beta_i<2$? The "
                r"critical $\beta$ are $1.11$, $1.56$ and $4$.",
            ),
            Wrong(
                15,
                r"You let rows leave zero along all three correlated directions. In the third one "
                r"$L$ rises at $\beta=2$: look at the sign of $1-\beta\rho_3^2$.",
            ),
            Wrong(
                20,
                r"That is the number of entries of $A$, so you found a maximum. In which directions "
                r"of $X$ is $1-\beta\rho_i^2$ negative?",
            ),
        ],
        hints=[
            r"$\log\det(I+A\Sigma A^\top)=\operatorname{tr}(A\Sigma A^\top)+O(\lVert A\rVert^4)$, once "
            r"with $\Sigma_X$ and once with $\Sigma_{X|Y}$.",
            r"In canonical coordinates the quadratic form is $\frac12\sum_{r,i}(1-\beta\rho_i^2)A_{ri}^2$ "
            "over rows $r$ and directions $i$: count the negative terms.",
        ],
        solution=r"""
$\log\det(I+A\Sigma A^\top)=\operatorname{tr}(A\Sigma A^\top)+O(\lVert A\rVert^4)$, so
$L\approx\frac12\operatorname{tr}A\bigl[(1-\beta)\Sigma_X+\beta\Sigma_{X|Y}\bigr]A^\top$. In whitened,
canonical coordinates the bracket is $\operatorname{diag}(1-\beta\rho_i^2)$. So $A=0$ is a local minimum
for $\beta\le\beta_1$ (at $\beta_1$ itself the expansion is silent, and {prf:ref}`thm-gib` has $L\ge0$).
Above, every row can leave it in as many directions as there are $\beta_i<\beta$: the number of rows
times the number of stairs. Two stairs lie below $\beta=2$ (1.11 and 1.56), times five rows. At a stationary point with some of the active directions missing the same
expansion holds for the missing ones in the rows not in use.
""",
        code="""
import numpy as np

draw = np.random.default_rng(0)
mix_x, mix_y = draw.normal(size=(4, 4)), draw.normal(size=(3, 3))
core = np.zeros((4, 3))
core[range(3), range(3)] = 0.95, 0.8, 0.5
sigma_x, sigma_y, cross = mix_x @ mix_x.T, mix_y @ mix_y.T, mix_x @ core @ mix_y.T
rest = sigma_x - cross @ np.linalg.solve(sigma_y, cross.T)


def slope(flat, beta=2.0):
    a = flat.reshape(5, 4)
    parts = [np.linalg.solve(a @ s @ a.T + np.eye(5), a @ s) for s in (sigma_x, rest)]
    return ((1 - beta) * parts[0] + beta * parts[1]).ravel()


step = 1e-4 * np.eye(20)
hessian = np.array([(slope(e) - slope(-e)) / 2e-4 for e in step])
answer = int((np.linalg.eigvalsh((hessian + hessian.T) / 2) < -1e-4).sum())
""",
    ),
    Exercise(
        label="ex-03-spend",
        title="A budget instead of a price",
        kind="code",
        prompt=r"""
$\beta$ is a price. Suppose that you are given a budget instead: `nats` $=I(X;T)$ to spend on a Gaussian
pair with correlations `rhos` (an array, largest first, none of them 0 or 1). Write a function that
returns the most that $T$ can then say about $Y$.
""",
        starter="""
import numpy as np


def most(nats, rhos):
    ...
""",
        answer=Function(_filled, _budgets),
        right="Your water finds its level: it covers the lowest floors only, as many as the budget "
        "reaches, and stands equally high over all of them.",
        wrong=[
            Wrong(
                _spread_evenly,
                "You give every direction the same number of nats. At that point the next nat brings "
                "more in a strong direction than in a weak one, so moving some would pay.",
            ),
            Wrong(
                _all_on_the_first,
                "You spend everything on the best direction. Its next nat is worth less and less; "
                "from some point on the second one pays better.",
            ),
            Wrong(
                _filled_dry_too,
                "Right as long as all directions are wet. With a small budget your level lies below "
                "some of the floors, and there you reckon with a negative depth.",
            ),
            Wrong(
                _in_proportion,
                r"You divide the nats in proportion to $\rho_i^2$. No such rule comes out of the "
                "theorem: it is the *levels* that are equal, and directions may get nothing.",
            ),
            Wrong(
                _half_of_it,
                "You spend half of the budget. How are the depth of the water and the nats that it "
                "stands for related?",
            ),
        ],
        hints=[
            r"Floors at $\log(1/\rho_i^2-1)$, water up to a common level, and half of all depths add "
            "up to the budget.",
            r"If exactly $m$ floors are wet, the level is their mean plus $2\,$`nats`$/m$. Try each $m$: "
            "which of the levels is the right one?",
            r"With depth $D_i$ the share $s_i=e^{-D_i}$ of $X_i'$ stays uncertain, and $T$ says "
            r"$-\frac12\sum_i\log(\rho_i^2s_i+1-\rho_i^2)$.",
        ],
        solution=r"""
Over $m$ wet floors the level is the mean of their heights plus $2I(X;T)/m$
({prf:ref}`prop-curve` solved for $\beta-1$). The right $m$ is the one with the lowest level: taking in
a floor that lies below the level lowers it, taking in one above raises it. No test of cases is needed.
That no $T$ with this budget says more is the last sentence of {prf:ref}`prop-curve`.
""",
        code="""
import numpy as np


def most(nats, rhos):
    floors = np.log(1 / rhos**2 - 1)  # rising
    level = min(floors[:m].mean() + 2 * nats / m for m in range(1, len(rhos) + 1))
    shares = np.exp(-np.maximum(level - floors, 0))
    return -0.5 * np.log(rhos**2 * shares + 1 - rhos**2).sum()


answer = most
""",
    ),
    Exercise(
        label="ex-03-above",
        title="A curve above the curve",
        kind="experiment",
        prompt=r"""
A colleague draws 300 samples of a Gaussian pair with $\rho=0.8$, counts them in $8\times8$ equally
likely cells, runs Blahut–Arimoto, and gets points *above* the Gaussian curve. The chapter proves that
cells stay below. Who is right, and where does the argument break? Measure it: by how many nats does the
mutual information of such a table of counts exceed that of the cells' true probabilities, on average
over many tables? (To within a tenth of itself.)
""",
        answer=Number(0.078, relative=0.11),
        right="Counting noise counts as dependence. Both are right: the proposition is about the "
        "cells' true probabilities, and the table is another joint distribution.",
        wrong=[
            Wrong(
                49 / 300,
                "The degrees of freedom are right. They are the mean of what a likelihood ratio test "
                "adds up: how is that related to the information of the table, in nats?",
            ),
            Wrong(
                63 / 600,
                "You counted a degree of freedom for each cell but one. The margins are estimated "
                "too, and their share drops out.",
            ),
            Wrong(
                0.52,
                "That is the information of the table itself. How much of it would be there if you "
                "knew the probabilities?",
            ),
            Wrong(
                0.0,
                "Some cells are hit too often and others too rarely, and in the information these errors "
                "don't cancel. With fewer than five samples in a cell on average, chance makes a pattern.",
            ),
        ],
        hints=[
            "`np.histogram2d` of `np.digitize(x, cuts)` gives a table; `mutual_information` its "
            "information. One table scatters widely: average over some hundreds.",
            "For the truth, do the same with a few million samples, or integrate over the cells as "
            "the chapter's `cells(8, [0.8])` does.",
        ],
        solution=r"""
Both. {prf:ref}`prop-cells` is about the cells' true probabilities; the table of counts is another joint
distribution, in which noise counts as dependence. Its information exceeds the true one by about
$(8-1)^2/(2n)=0.08$ nats, a little less here since some cells are hardly ever hit. Blahut–Arimoto on such
a table finds points that are on average a little above the Gaussian curve; with 30,000 samples they lie
below it, as they should. What the colleague should report: the encoder's relevance on samples that it
hasn't seen. Encode them, and count again.
""",
        code="""
import numpy as np
from ncbook.ib import mutual_information
from scipy.special import ndtri

draw, cuts = np.random.default_rng(0), ndtri(np.linspace(0, 1, 9))[1:-1]


def counted(n):
    x = draw.normal(size=n)
    y = 0.8 * x + 0.6 * draw.normal(size=n)
    places = 8 * np.digitize(x, cuts) + np.digitize(y, cuts)
    return np.bincount(places, minlength=64).reshape(8, 8) / n


truth = mutual_information(counted(4_000_000))
answer = np.mean([mutual_information(counted(300)) for _ in range(1000)]) - truth
""",
    ),
    Exercise(
        label="ex-03-rotate",
        title="Rotate, then rank",
        kind="predict",
        prompt=r"""
Take a jointly Gaussian pair with planted transitions, do one of these to it, and compute normal scores
of whatever results. Which of them leave the transitions where they were planted, up to sampling error?
Predict, then run.
""",
        answer=Choice(
            [
                "the exponential of each coordinate of $X$ and of $Y$",
                "rotate $X$ by 45° in its first two coordinates, then take the exponential of each",
                "take the exponential of each coordinate of $X$, then rotate by 45° in the first two",
                "cube each coordinate of $X$, swap the first two, and multiply one by $-3$",
                "replace each coordinate of $X$ by its absolute value",
            ],
            "abd",
        ),
        right="Before the increasing maps any invertible linear map may be applied, after them none "
        "but permutations and rescalings: so an analysis by scores assumes something about the "
        "*coordinates*.",
        wrong=[
            Wrong(
                "abcd",
                "Rotating is invertible and loses nothing, so the true bottleneck stays in all of "
                "these. But scores undo maps of *single* coordinates: in one of these, which are "
                "mixed by then?",
            ),
            Wrong(
                "ad",
                "You distrust each rotation. What is a Gaussian vector after one, and what do the "
                "scores then have to undo?",
            ),
            Wrong(
                "ab",
                "A decreasing map of a coordinate reverses its ranks. What becomes of its score, and "
                "does a change of sign change a canonical correlation?",
            ),
            Wrong(
                "abde",
                "An absolute value can't be undone: two values of $x$ share one rank. What the sign "
                "said is lost.",
            ),
        ],
        hints=[
            "Scores are exact if *some* increasing (or decreasing) maps of the single coordinates "
            "make the pair jointly Gaussian. For which of the five do such maps exist?",
            "Canonical correlations survive any invertible linear map of a Gaussian vector, so the "
            "order matters: linear first and increasing maps second, or the other way round?",
        ],
        solution=r"""
{prf:ref}`cor-copula` allows any increasing map of each coordinate. In the third case two coordinates are
sum and difference of two lognormal variables after the rotation, and no increasing maps of sum and
difference restore the two. Before the increasing maps any linear map may be applied (the pair stays Gaussian), after them none but
permutations and rescalings of coordinates. A meta-Gaussian analysis of features therefore makes an
assumption about the coordinates, and has to say in which ones it was made. An absolute value isn't
monotone at all: it destroys information.
""",
        code="""
import numpy as np
from ncbook.ib import MetaGaussianBottleneck

draw = np.random.default_rng(0)
rho = np.array([0.9, 0.7, 0.4, 0.0])
x = draw.normal(size=(40_000, 4))
y = rho * x + np.sqrt(1 - rho**2) * draw.normal(size=x.shape)
x = x @ (np.eye(4) + 0.4 * draw.normal(size=(4, 4)))
x = x / x.std(0)
turn = np.eye(4)
turn[:2, :2] = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
made = [np.exp(2 * x), np.exp(2 * x @ turn), np.exp(2 * x) @ turn]
made += [x[:, [1, 0, 2, 3]] ** 3 * [1, -3, 1, 1], abs(x)]
betas = [MetaGaussianBottleneck.fit(z, np.exp(y)).critical_betas[:3] for z in made]
print(np.round(1 / rho[:3] ** 2, 2), np.round(betas, 2), sep="\\n")
kept = [np.abs(found * rho[:3] ** 2 - 1).max() < 0.1 for found in betas]
answer = "".join(letter for letter, same in zip("abcde", kept) if same)
""",
    ),
    Exercise(
        label="ex-03-repair",
        title="Repair the fold",
        kind="code",
        prompt=r"""
The meta-Gaussian bottleneck sees nothing in the fold, where $Y$ follows $X$ with correlation $\rho$ or
$-\rho$. Give it more columns, functions of the numbers themselves, so that the Gaussian formula (not
the scores) finds the best correlation that exists. Write a function that takes samples `x` and `y`,
each of shape $(n,)$, and returns the first critical $\beta$ that is found so. Is the information that
the formula then reports a lower bound?
""",
        starter="""
import numpy as np
from ncbook.ib import GaussianBottleneck


def first_beta(x, y):
    ...
""",
        answer=Function(_with_squares, _folds, relative=0.02),
        right=r"It finds $1/\rho^4$, where the trivial solution loses its stability. The nats it reports "
        "are another matter: $(x,x^2)$ is not jointly Gaussian, and they may exceed the truth.",
        wrong=[
            Wrong(
                _as_they_are,
                "You fitted the numbers as they are. By symmetry they are uncorrelated, so what you "
                "find is the noise of the sample. Which function of $x$ does the coin leave alone?",
            ),
            Wrong(
                _sizes,
                "The absolute value survives the coin, but it isn't the best such function: another "
                "one of the same symmetry has a higher correlation. Think of Hermite polynomials.",
            ),
            Wrong(
                _scored_squares,
                "You took normal scores of the squares. Ranks of $x^2$ are ranks of $|x|$: the shape "
                "that made the square the best function is gone.",
            ),
            Wrong(
                _correlation_of_squares,
                r"You return the correlation; the critical $\beta$ is asked for.",
            ),
            Wrong(
                _on_one_side,
                "You gave a new column to $x$ only. Whatever $x$ is, the mean of $y$ is zero: no function "
                "of $x$ is correlated with $y$ itself.",
            ),
        ],
        hints=[
            r"$\mathbb E[\mathrm{He}_n(Y)\mid X]$ is $\rho^n\,\mathrm{He}_n(X)$ for a Gaussian pair. What "
            r"is left of it when $\rho$ is replaced by $-\rho$ half of the time?",
            "Stack a second column onto each of the two, a polynomial of degree 2 of the first, and "
            "fit `GaussianBottleneck`.",
        ],
        solution=r"""
The canonical functions are the Hermite polynomials of even degree, and the best pair is
$\mathrm{He}_2(x)=x^2-1$: add $x^2$ and $y^2$. Their correlation is $\rho^2$, 0.81 for the fold of the
chapter. The formula then reports 0.54 nats, more than the 0.41 that there are: $(x,x^2)$ is not jointly
Gaussian, so {prf:ref}`thm-lower` doesn't apply. The correlation, and with it the $1/\rho^4$ at which the
trivial solution loses its stability, is right; the nats aren't. (The true bottleneck jumps earlier, as in
Chapter 2: a $T$ that announces nothing but an $X$ far out pays from $1/\rho^2$ on.)
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck, gaussian_information


def repaired(x, y):
    return GaussianBottleneck.fit(np.stack([x, x**2], 1), np.stack([y, y**2], 1))


def first_beta(x, y):
    return repaired(x, y).critical_betas[0]


draw = np.random.default_rng(0)
x, noise = draw.normal(size=(2, 50_000))
pair = repaired(x, 0.9 * x * draw.choice([-1, 1], len(x)) + np.sqrt(0.19) * noise)
print(pair.correlations, gaussian_information(pair.noise_shares))
answer = first_beta
""",
    ),
    Exercise(
        label="ex-03-debias",
        title="Take the bias out",
        kind="derive",
        prompt=r"""
With $c=d/n$ on both sides, a planted $\rho^2>c/(1-c)$ shows up as
$\hat\rho^2=\rho^2(1-c+c/\rho^2)^2$. Turn it round: find $\rho$ (not its square) from what is seen, as a
formula in `r` (for $\hat\rho$) and `c`. What does the inverse say at the edge $\hat\rho^2=4c(1-c)$, and
what follows for a correlation that is seen just above it?
""",
        answer=Formula(
            "(r + sqrt(r**2 - 4*c*(1-c)))/(2*(1-c))", {"r": (0.7, 0.99), "c": (0.01, 0.12)}
        ),
        right="At the edge the root vanishes, and just above it the inverse is infinitely steep: "
        "there a little noise in what is seen moves the estimate a long way.",
        wrong=[
            Wrong(
                "(r - sqrt(r**2 - 4*c*(1-c)))/(2*(1-c))",
                r"The other root of the quadratic equation. It goes to 0 with $c$, when "
                r"$\hat\rho$ should be the truth.",
            ),
            Wrong(
                "((r + sqrt(r**2 - 4*c*(1-c)))/(2*(1-c)))**2",
                r"This is $\rho^2$; the prompt asks for the correlation itself.",
            ),
            Wrong(
                "r/(1 - c + c/r**2)",
                r"On the right-hand side you put $\hat\rho$ where $\rho$ belongs. That is the first step "
                "of an iteration, and still too large; solve the equation.",
            ),
        ],
        hints=[
            r"Take the root on both sides: $\hat\rho=\rho(1-c)+c/\rho$. Multiply by $\rho$.",
            r"$(1-c)\rho^2-\hat\rho\rho+c=0$ has two roots. Which of them tends to $\hat\rho$ as $c\to0$?",
        ],
        solution=r"""
It is $(1-c)\rho^2-\hat\rho\rho+c=0$, so $\rho=\bigl(\hat\rho+\sqrt{\hat\rho^2-4c(1-c)}\bigr)/(2(1-c))$,
the larger root: the product of the two is $c/(1-c)$, and $\rho^2$ exceeds it. At the edge the square root
vanishes and $\rho^2=c/(1-c)$, the weakest correlation that can be seen; below, there is no solution, as
it should be. The code applies it to samples with $n=5d$, $d=40$, $\rho=(0.9,0.6)$. The first comes back
to within a few hundredths of 0.9. For the second, $0.36>c/(1-c)=0.25$, but the limit of $\hat\rho^2$,
0.66, is close to the edge, 0.64, where the inverse is infinitely steep, and the estimates scatter; a
sample below the edge has been set to it. Trust it well above the edge.
""",
        code="""
import numpy as np
from ncbook.ib import GaussianBottleneck

c, rho = 1 / 5, np.r_[0.9, 0.6, np.zeros(38)]
for seed in range(3):
    x, noise = np.random.default_rng(seed).normal(size=(2, 200, 40))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    r = np.maximum(GaussianBottleneck.fit(x, y).correlations[:2], np.sqrt(4 * c * (1 - c)))
    root = np.sqrt(np.maximum(r**2 - 4 * c * (1 - c), 0))  # not below zero by rounding
    print(r.round(3), "->", ((r + root) / (2 * (1 - c))).round(3))
answer = "(r + sqrt(r**2 - 4*c*(1-c)))/(2*(1-c))"
""",
    ),
    Exercise(
        label="ex-03-control",
        title="Design the control",
        kind="experiment",
        prompt=r"""
You are given features of two networks on 1,000 test images, ten augmented copies of each, 10,000 rows
in 64 dimensions. `permutation_null` counts 41 transitions. Name three ways in which this can be wrong,
and a control for each. Then show one of them at work, in small: below are two "networks" that share
*nothing*, on 60 images with ten copies each. Hand in an array with a row for each of five seeds or
more: what `permutation_null` counts at the 5 % level on all 600 rows (`permutations=60` will do), and
what it counts on the means over the copies.
""",
        starter="""
import numpy as np
from ncbook.ib import permutation_null


def network(rng):
    images = rng.normal(size=(60, 1, 8))
    return images + 0.3 * rng.normal(size=(60, 10, 8))  # (image, copy, dimension)
""",
        answer=Construction(
            [
                (
                    _are_counts,
                    "These aren't counts of directions: whole numbers from 0 up to the 8 dimensions "
                    "are expected. Did you hand in correlations, or $p$-values?",
                ),
                (
                    lambda found: len(found) >= 5,
                    "Fewer than five seeds: a single count says little about how often a test goes "
                    "wrong.",
                ),
                (
                    lambda found: bool(found[:, 0].mean() >= found[:, 1].mean()),
                    "The means over copies show more directions than the rows. Are the columns the "
                    "right way round?",
                ),
                (
                    lambda found: bool(found[:, 0].mean() >= 3),
                    "On all rows the test counts several directions, although there are none. Did "
                    "you keep the ten copies as ten rows, the same order in both networks?",
                ),
                (
                    lambda found: bool(found[:, 1].mean() <= 1),
                    "With one row for each image next to nothing should be counted. Is the mean "
                    "taken over the copies, for each image and dimension, and are the two networks "
                    "drawn one after the other from one generator?",
                ),
            ],
            shape=(None, 2),
            form="an array of shape (seeds, 2)",
        ),
        right="Several directions that don't exist, counted with confidence, and hardly any once each "
        "image counts once. The test was right about rows that could have come in any order; these couldn't.",
        wrong=[
            Wrong(
                [[0, 6], [0, 7], [1, 6], [0, 6], [0, 7]],
                "The means over copies show more directions than the rows. Are the columns the right "
                "way round?",
            ),
            Wrong(
                [[6, 6], [7, 7], [6, 6], [6, 6], [7, 7]],
                "With one row for each image next to nothing should be counted. Is the mean taken "
                "over the copies, for each image and dimension, and are the two networks drawn one after "
                "the other from one generator?",
            ),
            Wrong(
                [[0, 0], [0, 0], [0, 0], [1, 0], [0, 0]],
                "On all rows the test counts several directions, although there are none. Did you "
                "keep the ten copies as ten rows, the same order in both networks?",
            ),
            Wrong(
                [[0.61, 0.5], [0.58, 0.47], [0.6, 0.52], [0.63, 0.5], [0.6, 0.49]],
                "These aren't counts of directions: whole numbers from 0 up to the 8 dimensions are "
                "expected. Did you hand in correlations, or $p$-values?",
            ),
        ],
        hints=[
            "How many independent samples are there among the 600 rows, and how many does the "
            "permutation pretend?",
            "`a.reshape(-1, 8)` makes rows of images and copies, `a.mean(1)` averages the copies; "
            "`permutation_null(...).count()` counts at the 5 % level.",
        ],
        solution=r"""
*Copies.* Rows aren't exchangeable: permute the images with their copies kept together, or average the
copies first ($n=1{,}000$). That is the one shown. *Levels.* 41 tests were passed at a level each, in
sequence: the chance of one too many is about the level, but only if the null of each step is right; run
the whole procedure where you know the count to expect: with the images of one network permuted (none),
and permuted within each class only, which leaves them nothing to share but the class ($k-1$).
*Coordinates and scale.* With shrinkage, short directions are hidden; with scores, the basis matters:
count with $s=0$, raw and scored, and after a random rotation. By {prf:ref}`prop-count`, more than $k-1$
directions also have a sound explanation: the networks share more than the class, since they see the same
images.
""",
        code="""
import numpy as np
from ncbook.ib import permutation_null


def network(rng):
    images = rng.normal(size=(60, 1, 8))
    return images + 0.3 * rng.normal(size=(60, 10, 8))


def counted(x, y):
    return permutation_null(x, y, permutations=60).count()


answer = []
for seed in range(6):
    draw = np.random.default_rng(seed)
    a, b = network(draw), network(draw)
    rows = a.reshape(-1, 8), b.reshape(-1, 8)
    answer.append([counted(*rows), counted(a.mean(1), b.mean(1))])
""",
    ),
]

QUIZ = [
    Question(
        "A coordinate $x_1$ is independent of $y$. Can the one linear number that says most about $y$ "
        "make use of it?",
        {
            "Yes: it may hold what disturbs another coordinate, and take it away": "As in the first "
            "figure: alone it says nothing, together with $x_2$ nearly everything."
        },
        {
            "No: what is independent of $y$ adds nothing to what others say": "Independent of $y$ "
            "alone, not together with the others. Given $x_2$ it may say a lot.",
            "Only if $x_1$ has a larger variance than the coordinates beside it": "Scale doesn't "
            "enter: canonical correlations don't change when a coordinate is rescaled.",
            "Only if the variables aren't Gaussian, or it would be uncorrelated": "The example of the "
            "chapter is Gaussian, and $x_1$ is uncorrelated with $y$ there.",
        },
    ),
    Question(
        r"$\beta$ rises past the critical $\beta_2$ of the second direction. What happens to the nats "
        "that $T$ keeps of the *first* one?",
        {
            "They go on growing as if nothing had happened": "The level rises by the same amount over "
            "every wet floor; the directions don't know of one another."
        },
        {
            "They stop until the second direction has caught up": "It never catches up: the two "
            "curves run parallel, a fixed number of nats apart.",
            "They fall, for the two directions now share a budget": r"$\beta$ sets a price, not an "
            "amount. At that price both are worth buying.",
            "They jump, because $T$ gains another number": "The *number* of rows jumps. What each "
            "holds starts from zero and is continuous.",
        },
    ),
    Question(
        "$X$ and $Y$ are jointly Gaussian, no canonical correlation is zero. Which of these leave their "
        "true information curve as it is?",
        {
            "Cubing every coordinate of $X$": "Invertible, so nothing is lost, though the canonical "
            "correlations of the raw data change.",
            "Multiplying $Y$ by an invertible matrix": "Invertible too, and even the canonical "
            "correlations stay.",
        },
        {
            "Passing $X$ through a ReLU": "It sends half of the values to one; what told them apart "
            "is lost.",
            "Adding a little independent noise to $X$": "Noise can't be subtracted again: what is "
            "said about $Y$ falls.",
            "Cutting $X$ into eight equally likely cells": "A cell doesn't tell where in it $X$ was: but "
            "for the origin, its points lie below the curve.",
        },
    ),
    Question(
        "Two numbers, $X$ and $Y$. On their normal scores the Gaussian formula reports 0 nats. What "
        "follows?",
        {
            "Nothing about $I(X;Y)$, for the formula is only a lower bound": "For scalar $X$ it "
            "promises no more than it delivers, and it may promise nothing: think of the fold."
        },
        {
            "That $X$ and $Y$ are independent, since scores see the whole copula": "They are *computed* "
            "from the copula, but a correlation sees only one number of it.",
            r"That no bottleneck of $X$ and $Y$ switches on at any finite $\beta$": "For the fold it "
            r"does, at $1/\rho^4$ or before: a function of $X$ is correlated with one of $Y$.",
            "That the margins were too far from normal for scores to repair": "Each single margin of "
            "a continuous variable can be made normal. It is the joint law that isn't.",
        },
    ),
    Question(
        "Two views of 100 coordinates each, 500 samples: the third canonical correlation is 0.75, and "
        r"$\sqrt{4c(1-c)}=0.8$. What do you report?",
        {
            "That it is no larger than what independent views show at this $n$": "A real but weak "
            "correlation may hide below the edge; this sample can't tell."
        },
        {
            "That a third direction exists, for a correlation of 0.75 is strong": "A search through "
            "200 coordinates finds that much where there is nothing.",
            "That the true third correlation is zero, being below the edge": "Below the edge it can't "
            "be *seen*. That is not to say that it isn't there.",
            r"That its transition lies at $\beta=1/0.75^2$, perhaps a little earlier": "Chance makes "
            "transitions look *earlier* than they are, and here it may have made all of it.",
        },
    ),
    Question(
        "With shrinkage the first correlation is 0.85, without it 0.9. What would convince you that the "
        "direction is real?",
        {
            "That its correlation on samples that the fit hasn't seen is high": "No search can inflate "
            "that one."
        },
        {
            "That it hardly changed although the covariances were shrunk": "Long directions of pure "
            "noise survive shrinkage just as well.",
            "That Ledoit and Wolf's rule chose the share, and not a person": "Their rule looks after the "
            "covariance as a whole; it knows nothing of this direction.",
            "That it is the largest both with and without shrinkage": "Some direction always is. In the "
            "chapter, a shrunk first correlation was large and its direction delivered nothing.",
        },
    ),
]
