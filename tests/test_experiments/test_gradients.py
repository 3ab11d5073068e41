"""Gradients of the terms of the loss against their closed forms."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope
from seed_roots import write_images, write_seed_root, write_split
from test_tools.test_train_and_test import CONFIG, IDS

from mmseg_wsss.experiments import gradients
from mmseg_wsss.experiments.gradients import DIRECT, INDIRECT, POSITIVE, REFERENCE, pixel_terms
from mmseg_wsss.models.losses.functional import pn_hybrid_pixel_loss
from mmseg_wsss.models.losses.hybrid_settings import HybridSettings
from mmseg_wsss.models.losses.pixel_labels import PixelLabels

CLASSES = 5


@pytest.fixture
def labels() -> PixelLabels:
    codes = torch.randint(CLASSES, (2, 6, 7)) + 256 * (torch.rand(2, 6, 7) < 0.4)
    codes[torch.rand(2, 6, 7) < 0.1] = 255
    return PixelLabels.from_codes(codes, CLASSES)


@pytest.fixture
def logits() -> torch.Tensor:
    return (2 * torch.randn(2, CLASSES, 6, 7, dtype=torch.float64)).requires_grad_()


def sizes(term: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(term.sum(), logits, retain_graph=True)
    return gradient.abs().sum(1)


def test_gradients_have_their_closed_forms(labels, logits):
    """-log p[y] pulls with 2 (1 - p[y]), -log(1 - p[k]) with 2 p[k]; the mean over the others k
    moves z[y] by the sum of p[k] p[y] / (1 - p[k])."""
    settings = HybridSettings(positive='ce', direct_gate='all', indirect='mean')
    terms = pixel_terms(logits, labels, settings)
    p = logits.detach().softmax(1)
    of_label = p.gather(1, labels.label[:, None])[:, 0]
    everywhere = labels.clean | labels.noisy
    expected = {
        POSITIVE: 2 * (1 - of_label) * labels.clean,
        DIRECT: 2 * of_label * labels.noisy,
        REFERENCE: 2 * (1 - of_label) * everywhere,
    }
    for name, values in expected.items():
        torch.testing.assert_close(sizes(terms[name], logits), values)
    plain = torch.zeros_like(logits)
    for b, i, j in labels.noisy.nonzero().tolist():
        pixel = p[b, :, i, j]
        for k in range(CLASSES):
            if k != labels.label[b, i, j]:
                one_hot = torch.eye(CLASSES, dtype=p.dtype)[k]
                plain[b, :, i, j] += pixel[k] / (1 - pixel[k]) * (one_hot - pixel) / (CLASSES - 1)
    torch.testing.assert_close(sizes(terms[INDIRECT], logits), plain.detach().abs().sum(1))


@pytest.mark.parametrize(
    'settings',
    [HybridSettings(), HybridSettings(direct_gate='untagged', indirect='unvoted', direct_weight=3)],
    ids=['default', 'by the crop'],
)
def test_the_terms_add_up_to_the_loss(labels, logits, settings):
    torch.manual_seed(1)
    terms = pixel_terms(logits, labels, settings)
    terms.pop(REFERENCE)
    torch.manual_seed(1)
    draws = gradients.draw_complementary_labels(labels.label[labels.noisy], CLASSES, 1)
    whole = pn_hybrid_pixel_loss(logits, labels.label, labels.clean, labels.noisy, settings, draws)
    torch.testing.assert_close(sum(terms.values()), whole)


@pytest.fixture
def trained(tmp_path):
    write_images(tmp_path / 'images', IDS)
    write_split(tmp_path / 'train.txt', IDS)
    write_seed_root(tmp_path / 'seeds', IDS)
    config = tmp_path / 'config.py'
    config.write_text(CONFIG.replace('DATA', str(tmp_path)))
    init_default_scope('mmseg')
    model = gradients.mmseg_wsss.registry.MODELS.build(gradients.Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'weights.pth')
    return config, tmp_path / 'weights.pth'


def test_the_command_prints_a_table(trained, capsys):
    assert gradients.main([*map(str, trained), '--batches', '2']) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [line.split('  ', 1) for line in lines if ' pixels  ' in line]
    rows = {name: numbers.split() for name, numbers in cells}
    assert set(rows) == {POSITIVE, DIRECT, INDIRECT, REFERENCE}
    clean, noisy, every = (float(rows[name][0]) for name in (POSITIVE, INDIRECT, REFERENCE))
    assert clean + noisy == pytest.approx(every, abs=0.01) == pytest.approx(100)
    shares = [float(rows[name][2]) for name in (POSITIVE, DIRECT, INDIRECT)]
    assert sum(shares) == pytest.approx(100, abs=0.01)
    assert all(float(row[3]) > 0 for name, row in rows.items() if name != DIRECT)


def test_another_loss_is_refused(trained, capsys):
    config, weights = trained
    config.write_text(config.read_text().replace('PNHybridLoss', 'SeedCrossEntropyLoss'))
    assert gradients.main([str(config), str(weights)]) == 1
    assert 'SeedCrossEntropyLoss, expected PNHybridLoss' in capsys.readouterr().err


def test_no_batch_is_an_error(trained, capsys):
    assert gradients.main([*map(str, trained), '--batches', '0']) == 1
    assert 'no batch' in capsys.readouterr().err
