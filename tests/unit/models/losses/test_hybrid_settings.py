import pytest

from mmseg_wsss.models.losses import HybridSettings


@pytest.mark.parametrize(
    'wrong',
    [
        dict(positive='negative'),
        dict(direct_gate='none'),
        dict(direct='loser'),
        dict(noisy_set_weight=-1),
        dict(tag_set_weight=float('nan')),
        dict(indirect='draw'),
        dict(constraint_weight=-1),
        dict(direct_weight=float('nan')),
        dict(indirect_weight=float('inf')),
        dict(noisy_positive_weight=-0.1),
        dict(temperature=0),
        dict(num_draws=0),
        dict(num_draws=1.5),
        dict(label_smoothing=1.1, positive='ce'),
        dict(label_smoothing=0.1),  # of a constraint without cross-entropy
    ],
)
def test_wrong_setting_is_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HybridSettings(**wrong)


@pytest.mark.parametrize(
    ('positive', 'ce', 'pc'), [('constraint', 0, 1), ('ce', 1, 0), ('ce+constraint', 1, 0.3)]
)
def test_weights_of_the_positive_terms(positive, ce, pc):
    settings = HybridSettings(positive=positive, constraint_weight=0.3)
    assert (settings.ce_weight, settings.pc_weight) == (ce, pc)
