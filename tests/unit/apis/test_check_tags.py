"""Whether tags can be told from photographs: colours, which any features show."""

from __future__ import annotations

import copy
import sys

import check_tags as tool
import numpy as np
import pytest
import torch
from helpers.classifier_run import build_config
from mmengine.config import Config
from PIL import Image

from mmseg_wsss.apis import check_tags
from mmseg_wsss.apis.check_tags import VERDICTS
from mmseg_wsss.registry import MODELS

COLORS = {'red': (200, 40, 40), 'green': (40, 200, 40)}


def write_photographs(folder, tags: dict[str, str], shown: dict[str, str], name='train') -> None:
    """Photographs that show one colour and are tagged with one."""
    random = np.random.default_rng(len(tags))
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    for image_id, color in shown.items():
        noise = random.integers(-30, 30, (32, 40, 3))
        pixels = np.clip(np.asarray(COLORS[color]) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / 'images' / f'{image_id}.png')
    (folder / f'{name}.txt').write_text('\n'.join(tags))
    rows = [f'{image_id},{tag}' for image_id, tag in tags.items()]
    (folder / f'{name}.csv').write_text('\n'.join(['image_id,tags', *rows]))


def make_config(folder) -> Config:
    config = build_config(folder)
    config.train_dataloader.dataset.tags_file = 'train.csv'
    weights = MODELS.build(config.model).backbone.state_dict()
    torch.save(weights, folder / 'weights.pth')
    start = dict(type='Pretrained', checkpoint=str(folder / 'weights.pth'))
    config.model.backbone.init_cfg = start
    return config


@pytest.fixture
def photographs():
    """24 ids, half of which show red."""
    return {f'image{number:02}': ('red', 'green')[number % 2] for number in range(24)}


def test_tags_that_the_features_show(tmp_path, photographs):
    write_photographs(tmp_path, photographs, photographs)
    found = check_tags(make_config(tmp_path))
    assert found.passed and found.verdict.startswith('Better than chance')
    ranking = found.rankings['initial features']
    assert ranking.images == 24 and ranking.mean > 0.9
    assert found.lines()[0].startswith('initial features: 24 photographs, mean area under the ROC')


def shuffle(tags: dict[str, str]) -> dict[str, str]:
    values = np.random.default_rng(5).permutation(list(tags.values()))
    return dict(zip(tags, values, strict=True))


def test_verdicts_are_told_from_other_lines(tmp_path, photographs):
    write_photographs(tmp_path, photographs, photographs)
    config = make_config(tmp_path)
    for start in (config.model.backbone.init_cfg, None):
        config.model.backbone.init_cfg = start
        assert check_tags(config).verdict.startswith(VERDICTS)


def test_tags_of_other_photographs(tmp_path, photographs):
    tags = shuffle(photographs)
    write_photographs(tmp_path, tags, photographs)
    found = check_tags(make_config(tmp_path))
    assert not found.passed
    assert 'Are they the tags of these photographs?' in found.verdict


def test_a_class_that_all_photographs_have(tmp_path, photographs):
    write_photographs(tmp_path, dict.fromkeys(photographs, 'red'), photographs)
    found = check_tags(make_config(tmp_path))
    assert not found.passed and 'Add photographs without it' in found.verdict


def test_random_weights_say_nothing_before_the_training(tmp_path, photographs):
    write_photographs(tmp_path, photographs, photographs)
    config = make_config(tmp_path)
    config.model.backbone.init_cfg = None
    found = check_tags(config)
    assert found.passed and found.rankings == {} and 'random weights' in found.verdict


def mean_colors(self, inputs, data_samples=None, **_):
    """Score red and green by their means, in the place of ``predict``."""
    for sample, mean in zip(data_samples, inputs.mean((2, 3)), strict=True):
        sample.set_pred_score(mean[:2])
    return data_samples


def classifier(folder, config: Config, weight: float) -> str:
    """A checkpoint whose scores are the mean of red and green, or nothing."""
    model = MODELS.build(config.model)
    with torch.no_grad():
        model.head.class_weight.fill_(weight)
    torch.save(model.state_dict(), folder / 'checkpoint.pth')
    return str(folder / 'checkpoint.pth')


def test_a_trained_classifier(tmp_path, photographs, monkeypatch):
    write_photographs(tmp_path, photographs, photographs)
    config = make_config(tmp_path)
    write_photographs(tmp_path, dict(list(photographs.items())[:6]), photographs, 'val')
    config.val_dataloader = copy.deepcopy(config.train_dataloader)
    config.val_dataloader.dataset.ann_file = 'val.txt'
    path = classifier(tmp_path, config, 0.0)
    found = check_tags(config, path)  # the same score for all
    assert not found.passed and 'the classifier cannot tell' in found.verdict
    assert found.rankings['training photographs'].mean == 0.5

    monkeypatch.setattr(type(MODELS.build(config.model)), 'predict', mean_colors)
    found = check_tags(config, path)
    assert found.passed and found.rankings['training photographs'].mean == 1
    assert found.rankings['validation photographs'].images == 6


def test_few_photographs_that_were_not_seen_do_not_condemn(tmp_path, photographs, monkeypatch):
    wrong = {name: 'green' if tag == 'red' else 'red' for name, tag in photographs.items()}
    write_photographs(tmp_path, photographs, photographs)
    config = make_config(tmp_path)
    write_photographs(tmp_path, dict(list(wrong.items())[:6]), photographs, 'val')
    config.val_dataloader = copy.deepcopy(config.train_dataloader)
    config.val_dataloader.dataset.update(ann_file='val.txt', tags_file='val.csv')
    path = classifier(tmp_path, config, 0.0)

    monkeypatch.setattr(type(MODELS.build(config.model)), 'predict', mean_colors)
    found = check_tags(config, path)
    assert found.passed and 'too few to judge' in found.verdict
    module = sys.modules['mmseg_wsss.apis.check_tags']  # the package has a function of this name
    monkeypatch.setattr(module, 'ENOUGH_TO_JUDGE', 6)
    assert not check_tags(config, path).passed


def test_command(tmp_path, photographs, capsys):
    tags = shuffle(photographs)
    for given, status in ((photographs, 0), (tags, 1)):
        write_photographs(tmp_path, given, photographs)
        make_config(tmp_path).dump(tmp_path / 'config.py')
        assert tool.main([str(tmp_path / 'config.py'), '--device', 'cpu']) == status
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith('No better than chance' if status else 'Better than chance')
    assert tool.main([str(tmp_path / 'nothing.py')]) == 2
    (tmp_path / 'weights.pth').unlink()
    assert tool.main([str(tmp_path / 'config.py')]) == 2
    assert 'weights.pth are missing' in capsys.readouterr().err
