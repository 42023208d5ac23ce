"""
How to read a path from dense to sparse
=======================================

How strong should the penalty be? `regularization_path` answers for every strength at once. It
trains a network at a small alpha, and follows it while alpha rises until nothing is left. Features
that help least leave first, so the path is also an order of the features.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skreg_mlp import RegularizationPathDisplay, RegularizedMLPRegressor, regularization_path

# %%
# The data are ten measurements of a patient, and the progress of the disease a year later. Features
# are scaled because one alpha must mean the same for all of them. The target is left as it is: its
# unit does not matter.
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)
X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)

# %%
# With the penalty "group_l1" all weights of a feature leave together. The path takes its settings
# from an estimator, except for alpha. There are 100 alphas, up to one that is known to leave
# nothing, and the first is `eps` times the last.
mlp = RegularizedMLPRegressor(
    (30,), activation="tanh", penalty="group_l1", solver="lbfgs", max_iter=500, random_state=0
)
path = regularization_path(mlp, X_train, y_train, X_val=X_val, y_val=y_val, eps=0.01)

# %%
# One line for each number of features, for the first network that has so many. Losses are half the
# mean squared error, in units of the variance of the target: the mean alone has a training loss of
# one half. Validation scores are in the unit of the target, so they are divided by the variance.
losses = -path.validation_scores / path.to_estimator(0).target_scale_ ** 2
n_features = path.selected_features.sum(axis=1)
print(f"{'alpha':>8} {'features':>9} {'weights':>8} {'training loss':>14} {'validation loss':>16}")
for k in np.sort(np.unique(n_features, return_index=True)[1]):
    print(
        f"{path.alphas[k]:8.2g} {n_features[k]:9d} {path.n_nonzero[k]:8d} "
        f"{path.loss[k]:14.3f} {losses[k]:16.3f}"
    )

# %%
# Where the training loss rises and the validation loss falls, the weights that leave had learned
# noise. `to_estimator` returns the network with the lowest validation loss, ready to predict.
best = int(np.argmin(losses))
network = path.to_estimator(best)
print(f"\nLowest validation loss at alpha = {path.alphas[best]:.2g}: R2 there is ", end="")
print(f"{network.score(X_val, y_val):.3f}, with the features")
print(f"  {', '.join(X_train.columns[network.selected_features_])}")

# %%
# The order of the features is that of the last alpha at which each of them is still selected. (A
# feature may leave and come back, so the first alpha without it says less.)
last = [path.alphas[chosen].max(initial=0) for chosen in path.selected_features.T]
order = np.argsort(last)[::-1]
print("\nThe features stay up to the alpha")
print("\n".join(f"  {X_train.columns[j]:<4} {last[j]:.2g}" for j in order))

# %%
# The same as a picture. A line shows how large the weights of a feature are, and the numbers at the
# top tell how many features are selected. The losses are below. Where a hidden unit leaves, the
# lines jump, because other units take over its work.
#
# Read it from left to right: the dense network overfits. The validation loss falls while weights
# leave, stays low for a while, and rises when features leave that matter. The dashed line is at its
# lowest point.
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(8, 7), sharex=True, height_ratios=(3, 2), layout="constrained"
)
RegularizationPathDisplay.from_path(path, alpha=path.alphas[best], ax=top)
top.set_xlabel("")
bottom.plot(path.alphas, path.loss, label="training")
bottom.plot(path.alphas, losses, label="validation")
bottom.axvline(path.alphas[best], color="gray", linestyle="--", linewidth=1.3)
bottom.set(xlabel="alpha", ylabel="Loss without the penalty")
bottom.legend()
plt.show()
