"""The tagger and tools/predict_tags.py against a plain computation with the same classifier."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import predict_tags as tool
import pytest
import torch
from helpers.classifier_run import build_config
from helpers.seed_roots import write_images
from helpers.tiff import write_tiff
from mmengine.registry import init_default_scope

from mmseg_wsss.apis import Tagger, tag_folder
from mmseg_wsss.datasets.tags import read_tags
from mmseg_wsss.registry import MODELS

IDS = ['one', 'sub/two', 'three']
CLASSES = ['red', 'green']


def build(config):
    init_default_scope('mmseg')
    return MODELS.build(config.model).eval()


@pytest.fixture
def data(tmp_path):
    """Photographs and a checkpoint as a training writes it; no data set."""
    write_images(tmp_path / 'photos', IDS)
    config = build_config(Path('/nowhere'))
    crop = dict(type='mmpretrain.RandomResizedCrop', scale=40)
    config.train_dataloader.dataset.pipeline.insert(1, crop)
    torch.manual_seed(0)
    model = build(config)
    with torch.no_grad():
        # Scores on both sides of every threshold.
        model.head.class_layer.weight.normal_(std=2)
    meta = dict(cfg=config.pretty_text, dataset_meta=dict(classes=tuple(CLASSES)))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / 'cls.pth')
    (tmp_path / 'config.py').write_text(config.pretty_text)
    return tmp_path


def resave(data, change):
    content = torch.load(data / 'cls.pth')
    change(content)
    torch.save(content, data / 'cls.pth')


@torch.no_grad()
def plain_scores(data):
    """By image id, without mmpretrain's pipeline, preprocessor and head; the whole image."""
    model = build(build_config(Path('/nowhere')))
    model.load_state_dict(torch.load(data / 'cls.pth')['state_dict'])
    scores = {}
    for image_id in IDS:
        image = cv2.imread(str(data / 'photos' / f'{image_id}.jpg'))[..., ::-1]
        image = cv2.resize(image, (40, 40)).astype(np.float32)
        inputs = (torch.from_numpy(image) - 120) / 60
        features = model.backbone(inputs.permute(2, 0, 1)[None])[-1].mean((2, 3))
        scores[image_id] = (model.head.class_weight @ features[0]).sigmoid().numpy()
    return scores


def expected_names(scores, threshold):
    return [name for name, one in zip(CLASSES, scores, strict=True) if one >= threshold]


def run(data, *options):
    arguments = [data / 'photos', data / 'cls.pth', '--out', data / 'tags.csv', '--device', 'cpu']
    return tool.main([str(argument) for argument in [*arguments, *options]])


def test_scores_are_those_of_the_whole_image(data):
    tagger = Tagger(data / 'cls.pth', device='cpu')
    assert tagger.classes == CLASSES
    expected = plain_scores(data)
    paths = [str(data / 'photos' / f'{image_id}.jpg') for image_id in IDS]
    scores = tagger.scores([*paths, tagger.read(paths[0])])
    for row, image_id in zip(scores, [*IDS, IDS[0]], strict=True):
        np.testing.assert_allclose(row, expected[image_id], atol=1e-5)
    middle = float(np.median(np.stack(list(expected.values()))))
    wanted = [expected_names(expected[image_id], middle) for image_id in sorted(IDS)]
    assert tagger(data / 'photos', middle) == wanted
    assert {name for names in wanted for name in names}  # some are tagged, some are not
    assert sum(map(len, wanted)) < 6


def test_many_photographs_are_tagged_in_parts(data, monkeypatch):
    tagger = Tagger(data / 'cls.pth', device='cpu')
    whole = tag_folder(tagger, data / 'photos', 0.5).tags
    monkeypatch.setattr('mmseg_wsss.apis.tagger._BATCH', 2)
    assert tag_folder(tagger, data / 'photos', 0.5).tags == whole
    assert len(tagger(data / 'photos')) == 3


@pytest.mark.parametrize('name', ['tags.csv', 'tags.json'])
def test_the_command_writes_a_file_that_every_command_reads(data, capsys, name):
    assert run(data, '--out', data / name, '--threshold', 0.5) == 0
    tags = read_tags(data / name, ['background', *CLASSES])
    for image_id, scores in plain_scores(data).items():
        assert [CLASSES[label - 1] for label in tags[image_id]] == expected_names(scores, 0.5)
    counts = [sum(label in labels for labels in tags.values()) for label in (1, 2)]
    out = capsys.readouterr().out
    assert f'3 images tagged in {data / name}: red {counts[0]}, green {counts[1]}' in out


def test_images_without_any_tag_are_counted(data, capsys):
    assert run(data, '--threshold', 1) == 0
    assert '3 have no tag: no score reaches 1' in capsys.readouterr().out
    assert set(read_tags(data / 'tags.csv', ['background', *CLASSES]).values()) == {()}


def test_a_split_chooses(data, capsys):
    (data / 'some.txt').write_text('sub/two\n')
    assert run(data, '--split', data / 'some.txt') == 0
    assert list(read_tags(data / 'tags.csv', ['background', *CLASSES])) == ['sub/two']
    (data / 'some.txt').write_text('sub/two\nfour\n')
    assert run(data, '--split', data / 'some.txt', '--overwrite') == 1
    assert 'no image of 1 ids, first four' in capsys.readouterr().err


def test_tags_that_are_there_are_not_lost(data, capsys):
    (data / 'tags.csv').write_text('image_id,tags\none,red\n')
    assert run(data) == 1
    assert 'tags.csv: is there already; --overwrite' in capsys.readouterr().err
    assert (data / 'tags.csv').read_text() == 'image_id,tags\none,red\n'


def test_an_image_that_cannot_be_read_stops_nothing(data, capsys):
    (data / 'photos' / 'bad.jpg').write_bytes(b'no image')
    assert run(data) == 1
    assert 'bad.jpg' in capsys.readouterr().err
    assert set(read_tags(data / 'tags.csv', ['background', *CLASSES])) == set(IDS)


def test_images_of_more_bits_are_shifted_as_those_of_the_training(data, capsys):
    pixels = np.random.default_rng(1).integers(0, 4096, (24, 32, 3), dtype=np.uint16)
    write_tiff(data / 'photos' / 'deep.tif', pixels)
    assert run(data) == 1
    assert 'deep.tif' in capsys.readouterr().err
    assert run(data, '--shift-bits', 4, '--overwrite') == 0
    shifted = Tagger(data / 'cls.pth', device='cpu', shift_bits=4)
    np.testing.assert_array_equal(shifted.read(str(data / 'photos' / 'deep.tif')), pixels >> 4)


def test_the_config_may_be_given_and_name_the_classes(data):
    resave(data, lambda content: content.pop('meta'))
    with pytest.raises(ValueError, match='no config in it'):
        Tagger(data / 'cls.pth')
    assert Tagger(data / 'cls.pth', data / 'config.py').classes == CLASSES


@pytest.mark.parametrize(
    ('before', 'after', 'message'),
    [
        ("head=dict(", "neck=dict(", 'no head of a classifier'),
        ('num_classes=2', 'num_classes=3', '3 scores, but 2 classes are named: red, green'),
        ('in_channels=1280', 'in_channels=64', 'does not fit the config'),
    ],
)  # fmt: skip
def test_other_checkpoints_are_refused(data, capsys, before, after, message):
    text = (data / 'config.py').read_text()
    assert before in text
    (data / 'config.py').write_text(text.replace(before, after))
    assert run(data, '--config', data / 'config.py') == 1
    assert message in capsys.readouterr().err


def test_a_checkpoint_without_class_names_is_refused(data):
    resave(data, lambda content: content['meta'].pop('dataset_meta'))
    config = build_config(Path('/nowhere'))
    config.train_dataloader.dataset.pop('metainfo')
    with pytest.raises(ValueError, match='neither the checkpoint nor the config names classes'):
        Tagger(data / 'cls.pth', config)


@pytest.mark.parametrize('threshold', [-0.1, 1.5, float('nan')])
def test_a_threshold_is_a_probability(data, capsys, threshold):
    assert run(data, '--threshold', threshold) == 1
    assert 'expected a score from 0 to 1' in capsys.readouterr().err
