"""
Has the fit converged?
======================

A loss curve that looks flat does not answer this. The certificate does: ``stationarity_`` is
measured on all training rows after the last step, and it is 0 at a stationary point of the
objective. A second question is whether the fit should have stopped earlier. A validation loss
answers that one.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skreg_mlp import LossCurveDisplay, RegularizedMLPClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)

# %%
# The same objective and the same random start, minimized in three ways. "adam" takes steps on
# batches of rows and ends after its epochs. "lbfgs" uses all rows and ends where the certificate is
# at most ``tol``, 1e-4 by default.
problem = dict(activation="silu", penalty="l1", alpha=0.005, random_state=0)
steps = {
    "adam, 30 epochs": dict(solver="adam", learning_rate_init=0.01, max_iter=30),
    "adam, 300 epochs": dict(solver="adam", learning_rate_init=0.01, max_iter=300),
    "lbfgs": dict(solver="lbfgs", max_iter=1000),
}
networks = {
    name: RegularizedMLPClassifier((20,), **problem, **setting).fit(X_train, y_train)
    for name, setting in steps.items()
}
print(f"{'':<18}{'steps':>6}{'objective':>11}{'stationarity':>14}{'weights':>9}")
for name, network in networks.items():
    print(
        f"{name:<18}{network.n_iter_:6d}{network.objective_:11.3f}"
        f"{network.stationarity_:14.0e}{network.n_nonzero_:9d}"
    )

# %%
# All three curves look flat at their end. But after 30 epochs the objective is twice as high as it
# has to be, and most of the weights are not needed. The longer fit of "adam" comes close. "lbfgs"
# ends with a certificate of almost 0, the lowest objective and the fewest weights.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), sharey=True, layout="constrained")
for ax, (name, network) in zip(axes, networks.items()):
    LossCurveDisplay.from_estimator(network, ax=ax)
    ax.set_title(f"{name}: stationarity {network.stationarity_:.0e}")
plt.show()

# %%
# Where the penalty is weak, a network can be trained too long. With ``early_stopping=True`` and
# validation rows, the fit ends when the validation loss has not fallen for 10 epochs, and keeps the
# weights of the best epoch. The second fit goes on, to show what would have happened.
stopping = RegularizedMLPClassifier(
    (50,), alpha=1e-4, early_stopping=True, learning_rate_init=0.01, random_state=0
)
for patience in (10, 200):
    stopping.set_params(n_iter_no_change=patience)
    stopping.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    curve = stopping.validation_scores_
    print(
        f"\npatience {patience}: ended after {stopping.n_iter_} epochs, "
        f"best validation loss {-max(curve):.3f}, last {-curve[-1]:.3f}"
    )
LossCurveDisplay.from_estimator(stopping)
plt.show()

# %%
# The star is the epoch whose weights are kept. The training loss falls on after it, and the
# validation loss rises: the network begins to learn the training rows by heart. A stronger penalty
# is the other way out, and it gives a smaller network.
