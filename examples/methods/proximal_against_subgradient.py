"""
Why subgradients give no zeros
==============================

In a deep learning library it takes one line to add ``alpha * sum(abs(w))`` to a loss and to follow
the gradient. The objective is right, and the weights become small, but they do not become zero. The
solvers of this package take proximal steps. These cost the same and give zeros.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skreg_mlp import RegularizedMLPRegressor

# %%
# A linear model with many features: measurements of patients, their squares and their products.
# Both methods minimize the same F(w) = 1/2 mean (y - X w)^2 + ALPHA sum abs(w). The columns and y
# are standardized, so no intercept is needed, and F is the objective that the package states.
features = make_pipeline(
    StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler()
)
X, y = load_diabetes(return_X_y=True)
X, y = features.fit_transform(X), (y - y.mean()) / y.std()
ALPHA, N_STEPS = 0.05, 600
STEP = 1 / np.linalg.eigvalsh(X.T @ X / len(X)).max()  # one over the largest curvature


def objective(w):
    return 0.5 * np.mean((y - X @ w) ** 2) + ALPHA * np.abs(w).sum()


# %%
# Subgradient descent, in numpy. The penalty moves a weight by the step times alpha, however small
# the weight is. So the weight jumps over zero, and back. Smaller steps make smaller jumps, but only
# a lucky step lands on zero.
w = np.zeros(X.shape[1])
subgradient = []
for t in range(N_STEPS):
    gradient = X.T @ (X @ w - y) / len(X) + ALPHA * np.sign(w)
    w = w - STEP / np.sqrt(1 + t / 10) * gradient
    subgradient.append(w)

# %%
# The package on the same objective: `partial_fit` with all rows takes one proximal step of "sgd".
# It moves along the gradient of the loss alone, and then solves for the penalty: each weight goes
# towards zero by STEP * ALPHA, and stops there if it arrives.
sgd = RegularizedMLPRegressor(
    (), penalty="l1", alpha=ALPHA, solver="sgd", momentum=0.0,
    learning_rate_init=STEP, batch_size=len(X), random_state=0,
)  # fmt: skip
proximal = [sgd.partial_fit(X, y).coefs_[0][:, 0].copy() for _ in range(N_STEPS)]

# %%
# The default solver of a model without hidden layers runs until a certificate says that it is done.
exact = RegularizedMLPRegressor((), penalty="l1", alpha=ALPHA, tol=1e-8, max_iter=2000).fit(X, y)
print(f"{X.shape[1]} weights; the certified minimum has {exact.n_nonzero_} of them")
print(f"after {N_STEPS} steps   {'exact zeros':>12} {'smallest |w|':>13} {'F - minimum':>12}")
for name, path in (("subgradient", subgradient), ("proximal", proximal)):
    w = path[-1]
    print(
        f"  {name:<17} {np.count_nonzero(w == 0):12d} {np.abs(w).min():13.1e} "
        f"{objective(w) - exact.objective_:12.1e}"
    )

# %%
# Left: the number of zeros. Middle: the smallest absolute weight; a line at the bottom is a zero.
# Right: both methods approach the same minimum, the proximal one much faster. A threshold could
# turn small weights into zeros, but nobody knows which one is right, and it changes the function.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
steps = np.arange(1, N_STEPS + 1)
for name, path, color in (
    ("subgradient", subgradient, "#D55E00"),
    ("proximal", proximal, "#0072B2"),
):
    path = np.array(path)
    axes[0].plot(steps, (path == 0).sum(axis=1), color=color, label=name)
    axes[1].plot(steps, np.abs(path).min(axis=1), color=color, linewidth=1)
    gap = [objective(w) - exact.objective_ for w in path]
    axes[2].plot(steps, np.maximum(gap, 1e-16), color=color)
axes[0].axhline(
    exact.n_features_in_ - exact.n_nonzero_, color="black", linestyle="--", label="minimum"
)
axes[0].set(title="Weights that are exactly zero", xlabel="Step")
axes[1].set(title="Smallest |weight|", xlabel="Step")
axes[1].set_yscale("symlog", linthresh=1e-7)
axes[2].set(title="Objective above its minimum", xlabel="Step", yscale="log")
axes[0].legend(loc="center right")
plt.show()
