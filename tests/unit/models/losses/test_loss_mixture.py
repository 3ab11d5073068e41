"""The fit against scikit-learn's, and the filter that goes by it."""

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from mmseg_wsss.models.losses import fit_loss_mixture


def two_groups(share, low, high, number=4000, seed=0):
    """Losses of two Gaussians (mean, standard deviation), float32, none below 0."""
    rng = np.random.default_rng(seed)
    first = rng.random(number) > share
    losses = np.where(first, rng.normal(*low, number), rng.normal(*high, number))
    return torch.tensor(np.abs(losses), dtype=torch.float32)


CASES = {
    'far apart': (0.2, (0.5, 0.1), (5.0, 0.8)),
    'overlapping': (0.4, (1.0, 0.5), (3.0, 0.7)),
    'few high ones': (0.02, (0.3, 0.05), (8.0, 1.0)),
    'equal halves': (0.5, (1.0, 0.2), (2.0, 0.2)),
}


@pytest.mark.parametrize('name', CASES)
def test_fit_equals_that_of_scikit_learn(name):
    losses = two_groups(*CASES[name])
    theirs = GaussianMixture(2, tol=1e-9, max_iter=1000, reg_covar=5e-4, random_state=0)
    theirs.fit(losses[:, None].numpy())
    order = theirs.means_[:, 0].argsort()
    ours = fit_loss_mixture(losses[None], torch.ones(1, len(losses), dtype=torch.bool))
    assert ours.mean[0].numpy() == pytest.approx(theirs.means_[order, 0], abs=0.02)
    assert ours.share[0].numpy() == pytest.approx(theirs.weights_[order], abs=0.01)
    spread = np.sqrt(theirs.covariances_[order, 0, 0])
    assert ours.variance[0].sqrt().numpy() == pytest.approx(spread, abs=0.02)
    expected = theirs.predict_proba(losses[:, None].numpy())[:, order[1]]
    expected[losses.numpy() <= theirs.means_[order[0], 0]] = 0
    found = ours.high_probability(losses[None])[0].numpy()
    assert np.abs(found - expected).mean() < 0.005
    sure = np.abs(expected - 0.5) > 0.1
    assert ((found > 0.5) == (expected > 0.5))[sure].all()


def test_images_are_fitted_by_themselves_and_unused_losses_do_not_count():
    batch = torch.stack([two_groups(*CASES['far apart']), two_groups(*CASES['overlapping'])])
    alone = [fit_loss_mixture(one[None], one[None] >= 0) for one in batch]
    together = fit_loss_mixture(batch, batch >= 0)
    for index, one in enumerate(alone):
        for part, whole in zip(one, together, strict=True):
            assert torch.equal(part[0], whole[index])
    spoilt = torch.cat((batch, torch.full((2, 500), 100.0)), 1)
    for part, whole in zip(together, fit_loss_mixture(spoilt, spoilt < 100), strict=True):
        assert torch.equal(part, whole)


@pytest.mark.parametrize('losses', [torch.zeros(2, 5), torch.full((1, 9), 3.0), torch.ones(1, 1)])
def test_degenerate_losses_give_finite_numbers(losses):
    for used in (losses >= 0, losses < 0):
        mixture = fit_loss_mixture(losses, used)
        assert all(part.isfinite().all() for part in mixture)
        assert mixture.high_probability(losses).isfinite().all()
        assert (mixture.mean[:, 1] - mixture.mean[:, 0]).abs().max() < 1e-3


def test_a_wide_high_component_does_not_take_the_lowest_losses():
    """Its tails are above those of the narrow one on both sides."""
    losses = torch.cat((two_groups(0, (2.0, 0.05), (1, 1)), two_groups(0, (5.0, 2.5), (1, 1), 500)))
    mixture = fit_loss_mixture(losses[None], losses[None] >= 0)
    found = mixture.high_probability(torch.tensor([[0.01, 2.0, 6.0]]))[0]
    assert found[0] == 0 and found[1] < 0.5 and found[2] > 0.99
