"""
Why l1 gives zeros and l2 does not
==================================

An l1 penalty makes weights exactly zero, and an l2 penalty only shrinks them. The textbook explains
it by a picture of two weights: contours of the loss, and the ball of the penalty, a diamond for l1
and a circle for l2. Here the contours are those of a loss on real data, and the points are fitted
by the package.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizedMLPRegressor, alpha_max

# %%
# A network without hidden layers is a linear model: here with two weights, for the body mass index
# and the blood pressure of a patient. Columns and target are standardized, so the intercept is 0.
# With ``target_scale=None`` the loss is that of y as it is, in whose unit the picture is drawn.
data, target = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = StandardScaler().fit_transform(data[["bmi", "bp"]])
y = (target.to_numpy() - target.mean()) / target.std()
RATIO = 0.5  # of the elastic net
SETTINGS = dict(l1_ratio=RATIO, target_scale=None, tol=1e-8)


def loss(w):
    """Half the mean squared error of weights w of shape (..., 2)."""
    return 0.5 * np.mean((w @ X.T - y) ** 2, axis=-1)


PENALTIES = {
    "l1": lambda w: np.abs(w).sum(axis=-1),
    "l2": lambda w: 0.5 * (w**2).sum(axis=-1),
    "elasticnet": lambda w: RATIO * np.abs(w).sum(axis=-1) + (1 - RATIO) / 2 * (w**2).sum(axis=-1),
}


def fitted_weights(penalty, alpha):
    model = RegularizedMLPRegressor((), penalty=penalty, alpha=alpha, **SETTINGS)
    return model.fit(X, y).coefs_[0][:, 0]


# %%
# For each penalty, fit 40 alphas up to the one that leaves nothing. (For l2 there is none, so its
# alphas go ten times as far as those of l1.) A solution minimizes loss + alpha penalty. So no
# weights of equal or smaller penalty have a lower loss: contour and ball touch at the solution. To
# check this, walk around the ball and compare the lowest loss there with the loss of the fit, for
# three fits of each penalty.
angle = np.linspace(0, 2 * np.pi, 20_001)
directions = np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def ball(penalty, w):
    """Boundary of the ball through w: in each direction, where the penalty is that of w."""
    low, high = np.zeros(len(angle)), np.ones(len(angle))
    for _ in range(50):  # bisection
        middle = (low + high) / 2
        inside = PENALTIES[penalty](middle[:, None] * directions) < PENALTIES[penalty](w)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high[:, None] * directions


best = np.linalg.lstsq(X, y, rcond=None)[0]
ladders, drawn, balls = {}, {}, {}
for penalty in PENALTIES:
    top = alpha_max(RegularizedMLPRegressor((), penalty=penalty, **SETTINGS), X, y)
    alphas = np.linspace(0, 10 * top if penalty == "l2" else top, 41)[1:]
    ladder = ladders[penalty] = np.array([fitted_weights(penalty, alpha) for alpha in alphas])
    nearest = [np.abs(ladder[:, 0] - share * best[0]).argmin() for share in (0.8, 0.4, 0.2)]
    drawn[penalty] = ladder[nearest]
    balls[penalty] = [ball(penalty, w) for w in drawn[penalty]]
    gaps = [loss(edge).min() - loss(w) for edge, w in zip(balls[penalty], drawn[penalty])]
    zero = np.mean(ladder == 0, axis=0)
    print(f"{penalty:<11} ball against fit: {np.abs(gaps).max():.0e};", end=" ")
    print(f"share of the alphas with no weight on bmi {zero[0]:.0%}, on bp {zero[1]:.0%}")

# %%
# The diamond has corners on the axes. From some alpha on, the contour touches it at a corner: the
# weight of the blood pressure is then exactly zero, for a whole range of alphas. The circle has no
# corners: both weights shrink, and a contour touches it on an axis only by chance. The ball of the
# elastic net has corners and is round between them: it has zeros like l1 and shrinks like l2.
grid = np.stack(np.meshgrid(np.linspace(-0.6, 0.7, 200), np.linspace(-0.6, 0.6, 200)), axis=-1)
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True, layout="constrained")
for ax, penalty in zip(axes, PENALTIES):
    ax.axhline(0, color="0.8", linewidth=1)
    ax.axvline(0, color="0.8", linewidth=1)
    for w, edge, color in zip(drawn[penalty], balls[penalty], ("#0072B2", "#009E73", "#E69F00")):
        ax.plot(*edge.T, color=color, linewidth=1.6)
        level = dict(levels=[loss(w)], colors=[color], linestyles="--")
        ax.contour(grid[..., 0], grid[..., 1], loss(grid), **level)
    ax.plot(*ladders[penalty].T, "k.-", markersize=4, linewidth=1, label="fits, alpha rising")
    ax.plot(*drawn[penalty].T, "ko", markersize=6)
    ax.plot(*best, "kx", label="least squares")
    ax.set(title=penalty, xlabel="Weight of bmi", aspect="equal")
axes[0].set_ylabel("Weight of bp")
axes[0].legend(loc="lower right", fontsize="small")
plt.show()
