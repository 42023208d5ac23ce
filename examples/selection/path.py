"""
The path from dense to sparse
=============================

How strong should the penalty be? `regularization_path` answers for every strength at once: it
trains a network at a small alpha and then follows it while alpha rises, until nothing is left. On
the way the weights that carry the least leave first, so the path is also an order of the features.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizationPathDisplay, RegularizedMLPRegressor, regularization_path

# %%
# The data: ten measurements of a patient, and the progress of the disease a year later. Features
# are scaled because one alpha has to mean the same for all of them. The target is left as it is:
# the loss is that of the target in standard deviations, whatever its unit.
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)
X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)

# %%
# The penalty "group_l1" has one group per feature, the weights that leave it, so that whole
# features leave. The path needs an estimator for its settings only: its alpha is not used. The
# alphas are 100 by default, from `eps` times the one that is known to leave nothing up to that one.
mlp = RegularizedMLPRegressor((30,), penalty="group_l1", learning_rate_init=0.01, random_state=0)
path = regularization_path(mlp, X_train, y_train, X_val=X_val, y_val=y_val, eps=0.01)

# %%
# Why upwards? Where all weights are zero, a hidden unit passes on nothing and receives no gradient:
# the zero network is stationary, and no solver leaves it. A path that started there would stay.
# So it starts dense and ends empty. One line for each number of features on the way, for the first
# network that has so many. Training losses are stated in the variance of the target, of which the
# mean alone leaves one half. Validation scores are in the unit of the target, so their losses are
# divided by the variance.
losses = -path.validation_scores / path.to_estimator(0).target_scale_ ** 2
n_features = path.selected_features.sum(axis=1)
print(f"{'alpha':>8} {'features':>9} {'weights':>8} {'training loss':>14} {'validation loss':>16}")
for k in np.sort(np.unique(n_features, return_index=True)[1]):
    print(
        f"{path.alphas[k]:8.2g} {n_features[k]:9d} {path.n_nonzero[k]:8d} "
        f"{path.loss[k]:14.3f} {losses[k]:16.3f}"
    )

# %%
# Where the training loss rises with alpha and the validation loss does not, what leaves was noise.
# The least validation loss picks a network: `to_estimator` returns it, fitted and ready to predict.
best = int(np.argmin(losses))
network = path.to_estimator(best)
print(f"\nLeast validation loss at alpha = {path.alphas[best]:.2g}: R2 there is ", end="")
print(f"{network.score(X_val, y_val):.3f}, with the features")
print(f"  {', '.join(X_train.columns[network.selected_features_])}")

# %%
# Read off the order: the last alpha at which a feature is still selected. (A feature may come back
# for a moment; the last alpha is the safe one to read.)
last = [path.alphas[chosen].max(initial=0) for chosen in path.selected_features.T]
order = np.argsort(last)[::-1]
print("\nThe features stay up to the alpha")
print("\n".join(f"  {X_train.columns[j]:<4} {last[j]:.2g}" for j in order))

# %%
# The same as a picture: the norm of the weights that leave each feature, and along the top how many
# features are selected. Below it, the losses.
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(8, 7), sharex=True, height_ratios=(3, 2), layout="constrained"
)
RegularizationPathDisplay.from_path(path, alpha=path.alphas[best], ax=top)
top.set_xlabel("")
bottom.plot(path.alphas, path.loss, label="training")
bottom.plot(path.alphas, losses, label="validation")
bottom.axvline(path.alphas[best], color="black", linestyle="--", linewidth=1.3)
bottom.set(xlabel="alpha", ylabel="Loss without the penalty")
bottom.legend()
plt.show()
