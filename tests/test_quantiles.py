"""Several quantiles of one network: what each is, and that they never cross."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import d2_pinball_score, make_scorer, mean_pinball_loss
from sklearn.model_selection import cross_val_score

from skreg_mlp import RegularizedMLPRegressor, RegularizedMLPRegressorCV, regularization_path

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LEVELS = [0.1, 0.5, 0.9]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((200, 4))
Y = X[:, 0] + np.exp(0.5 * X[:, 1]) * RNG.standard_normal(200)


def quantiles(hidden=(), **kwargs):
    params = dict(loss="quantile", quantile=LEVELS, random_state=0)
    return RegularizedMLPRegressor(hidden, **(params | kwargs))


def test_without_hidden_layers_each_is_a_quantile_regression():
    exact = dict(penalty="l1", alpha=0.02, tol=1e-6, max_iter=20000, target_scale=None)
    ours = quantiles(**exact).fit(X, Y)
    for k, level in enumerate(LEVELS):
        theirs = QuantileRegressor(quantile=level, alpha=0.02).fit(X, Y)
        assert_allclose(ours.coefs_[0][:, k], theirs.coef_, atol=5e-3)
        loss = mean_pinball_loss(Y, X @ ours.coefs_[0][:, k] + ours.intercepts_[0][k], alpha=level)
        assert loss + 0.02 * abs(ours.coefs_[0][:, k]).sum() <= (
            mean_pinball_loss(Y, theirs.predict(X), alpha=level) + 0.02 * abs(theirs.coef_).sum()
        ) * (1 + 1e-3)


def test_one_network_is_the_linear_ones_side_by_side():
    """Under l1 nothing couples the outputs, units of y included."""
    exact = dict(penalty="l1", alpha=0.05, tol=1e-8, max_iter=20000)
    together = quantiles(**exact).fit(X, Y)
    for k, level in enumerate(LEVELS):
        alone = quantiles(quantile=level, **exact).fit(X, Y)
        assert_allclose(together.coefs_[0][:, k], alone.coefs_[0][:, 0], atol=1e-3)
        assert_allclose(together.target_offset_[k], alone.target_offset_[0])


def test_a_million_predictions_do_not_cross():
    """Far from the rows of the fit lines would cross; the outputs as they are do."""
    model = quantiles((10,), alpha=1e-4, max_iter=30, learning_rate_init=0.02).fit(X, Y)
    new = 5 * np.random.default_rng(1).standard_normal((10**6, 4))
    assert (np.diff(model.predict(new), axis=1) >= 0).all()
    raw = model._raw_scores(new[:20000]) * model.target_scale_ + model.target_offset_
    assert (np.diff(raw, axis=1) < 0).any()
    assert_array_equal(model.predict(new[:20000]), np.sort(raw, axis=1))


def test_sorting_never_raises_the_loss():
    raw = np.random.default_rng(2).standard_normal((500, 3))
    y = np.random.default_rng(3).standard_normal(500)

    def loss(columns):
        return sum(mean_pinball_loss(y, column, alpha=a) for a, column in zip(LEVELS, columns.T))

    assert loss(np.sort(raw, axis=1)) < loss(raw)


def test_score_is_the_mean_of_the_d2_of_each():
    model = quantiles((5,), max_iter=50, learning_rate_init=0.02).fit(X, Y)
    each = [d2_pinball_score(Y, p, alpha=a) for a, p in zip(LEVELS, model.predict(X).T)]
    assert_allclose(model.score(X, Y), np.mean(each))
    scores = cross_val_score(model, X, Y, cv=3)
    assert np.isfinite(scores).all()
    scorer = make_scorer(lambda y, p: -mean_pinball_loss(y, p[:, 0], alpha=0.1))
    assert (cross_val_score(model, X, Y, cv=3, scoring=scorer) < 0).all()


def test_one_choice_of_features_for_all():
    cv = RegularizedMLPRegressorCV(
        (10,), loss="quantile", quantile=LEVELS, penalty="group_l1", alphas=15, selection="1se",
        random_state=0,
    ).fit(X, Y)  # fmt: skip
    assert cv.selected_features_[0] and not cv.selected_features_[3]
    assert cv.predict(X).shape == (200, 3)
    path = regularization_path(quantiles((10,), penalty="group_l1"), X, Y, alphas=10)
    assert path.n_nonzero[-1] == 0


def test_a_list_of_one_is_that_quantile():
    one = quantiles((5,), quantile=[0.3], max_iter=20).fit(X, Y)
    assert_array_equal(
        one.predict(X), quantiles((5,), quantile=0.3, max_iter=20).fit(X, Y).predict(X)
    )
    assert one.out_activation_ == "identity"


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_several_columns_of_y_are_refused(method):
    with pytest.raises(ValueError, match="3 quantiles"):
        getattr(quantiles((5,)), method)(X, np.column_stack([Y, Y]))


def test_validation_rows_and_chunks():
    model = quantiles((5,), max_iter=10).fit(X[:150], Y[:150], X_val=X[150:], y_val=Y[150:])
    assert len(model.validation_scores_) == 10
    with pytest.raises(ValueError, match="y_val has 2 column"):
        quantiles((5,)).fit(X, Y, X_val=X, y_val=np.column_stack([Y, Y]))
    chunks = quantiles((5,))
    for rows in np.array_split(np.arange(200), 4):
        chunks.partial_fit(X[rows], Y[rows])
    assert (np.diff(chunks.predict(X), axis=1) >= 0).all()
