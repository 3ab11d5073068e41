"""The maps shown are those that the seeds were made of."""

import numpy as np
import pytest
import torch
from helpers.classifier_run import CLASSES, SEEDS, build_config, write_data

from mmseg_wsss.apis import generate_seeds
from mmseg_wsss.generation import class_activation, load_classifier
from mmseg_wsss.registry import MODELS
from mmseg_wsss.seeds import Seed
from mmseg_wsss.store import read_mask


@pytest.fixture
def project(tmp_path):
    """A config, its data and a checkpoint."""
    write_data(tmp_path)
    config = build_config(tmp_path)
    torch.save(MODELS.build(config.model).state_dict(), tmp_path / 'model.pth')
    return config, tmp_path / 'model.pth'


def test_maps_give_the_seeds(project, tmp_path):
    config, checkpoint = project
    model = load_classifier(config, checkpoint)
    generate_seeds(config, model, tmp_path / 'seeds', num_workers=0, num_writers=0)
    for pair in SEEDS:
        seed = Seed(*pair)
        maps = class_activation(config, model, ['c', 'a', 'd'], seed)
        assert list(maps) == ['c', 'a', 'd']
        assert [list(of_image) for of_image in maps.values()] == [['red', 'green'], ['red'], []]
        for image_id, of_image in maps.items():
            scores = np.full((3, 32, 40), -np.inf)
            scores[0] = 0.2  # the background's score
            for name, values in of_image.items():
                assert values.shape == (32, 40) and 0 <= values.min() <= values.max() <= 1
                scores[CLASSES.index(name)] = values
            written = read_mask(tmp_path / 'seeds' / seed.name / f'{image_id}.png')
            assert np.array_equal(written, scores.argmax(0))


def test_an_unknown_image_is_named(project):
    config, checkpoint = project
    with pytest.raises(ValueError, match='Not in the data set: e, f'):
        class_activation(config, load_classifier(config, checkpoint), ['a', 'e', 'f'])


def test_a_missing_checkpoint_is_named(project, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth: there is no such checkpoint'):
        load_classifier(project[0], tmp_path / 'nowhere.pth')
