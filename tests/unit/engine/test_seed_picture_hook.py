"""Pictures of training samples: what is logged, when, and that training does not notice."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_wsss.engine.hooks import SeedPictureHook
from mmseg_wsss.engine.hooks.seed_picture_hook import predict
from mmseg_wsss.reporting import training_sheet

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
SHAPE = (24, 32)


def model_config():
    return dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[100.0, 120.0, 140.0],
            std=[60.0] * 3,
            bgr_to_rgb=True,
            size=SHAPE,
            seg_pad_val=255,
            test_cfg=dict(size_divisor=8),
        ),
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            base_channels=4,
            stem_channels=4,
            num_stages=1,
            strides=(1,),
            dilations=(1,),
            out_indices=(0,),
            norm_cfg=dict(type='BN'),
        ),
        decode_head=dict(
            type='FCNHead',
            in_channels=4,
            channels=4,
            in_index=0,
            num_convs=1,
            num_classes=3,
            norm_cfg=dict(type='BN'),
            loss_decode=dict(type='PNHybridLoss'),
        ),
        test_cfg=dict(mode='whole'),
    )


def make_model():
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(ConfigDict(model_config()))


def make_batch(shapes=(SHAPE, SHAPE, (20, 27))):
    rng = np.random.default_rng(0)
    samples = []
    for shape in shapes:
        code = rng.integers(0, 3, shape) + 256 * (rng.random(shape) < 0.3)
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=torch.from_numpy(code)[None])))
    inputs = [torch.from_numpy(rng.integers(0, 256, (3, *shape), np.uint8)) for shape in shapes]
    return dict(inputs=inputs, data_samples=samples)


class Visualizer:
    def __init__(self):
        self.dataset_meta = dict(palette=PALETTE)
        self.logged = []

    def add_image(self, name, image, step=0):
        self.logged.append((name, image, step))


@pytest.fixture
def runner():
    return SimpleNamespace(model=make_model(), visualizer=Visualizer(), iter=9)


@pytest.mark.parametrize('number', [1, 2, 9])
def test_sheet_shows_the_first_samples(runner, number):
    batch = make_batch()
    SeedPictureHook(interval=5, num_samples=number).after_train_iter(runner, 9, batch)
    ((name, sheet, step),) = runner.visualizer.logged
    assert (name, step) == ('training_samples', 10)
    rows = []
    for image, sample in list(zip(batch['inputs'], batch['data_samples'], strict=True))[:number]:
        # OpenCV's channel order becomes RGB.
        photograph = image.numpy().transpose(1, 2, 0)[..., ::-1]
        code = sample.gt_sem_seg.data[0].numpy()
        rows.append((np.ascontiguousarray(photograph), code, predict(runner.model, image)))
    np.testing.assert_array_equal(sheet, training_sheet(rows, PALETTE))


def test_only_every_interval(runner):
    hook = SeedPictureHook(interval=5)
    for runner.iter in range(11):
        hook.after_train_iter(runner, runner.iter, make_batch())
    assert [step for _, _, step in runner.visualizer.logged] == [5, 10]


@pytest.mark.parametrize('shape', [SHAPE, (19, 27)])
def test_prediction_is_that_of_a_test(shape):
    model = make_model()
    batch = make_batch([shape])
    found = predict(model, batch['inputs'][0])
    meta = dict(img_shape=shape, ori_shape=shape, pad_shape=shape)
    sample = SegDataSample(metainfo=meta)
    with torch.no_grad():
        expected = model.eval().test_step(dict(inputs=batch['inputs'], data_samples=[sample]))
    assert found.shape == shape and found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected[0].pred_sem_seg.data[0].numpy())


def test_training_does_not_notice(runner):
    batch = make_batch([SHAPE, SHAPE])
    runner.model.train()
    runner.model.backbone.layer1.eval()  # as frozen stages are
    modes = [module.training for module in runner.model.modules()]
    state = {name: value.clone() for name, value in runner.model.state_dict().items()}
    random = torch.get_rng_state()
    codes = [sample.gt_sem_seg.data.clone() for sample in batch['data_samples']]
    SeedPictureHook(interval=5).after_train_iter(runner, 9, batch)
    assert modes == [module.training for module in runner.model.modules()]
    assert torch.equal(random, torch.get_rng_state())
    for name, value in runner.model.state_dict().items():
        assert torch.equal(value, state[name])
    for code, sample in zip(codes, batch['data_samples'], strict=True):
        assert torch.equal(code, sample.gt_sem_seg.data)
    assert all(parameter.grad is None for parameter in runner.model.parameters())


def test_modes_are_restored_after_an_error(runner, monkeypatch):
    runner.model.train()
    monkeypatch.setattr(runner.model, 'encode_decode', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        predict(runner.model, make_batch([SHAPE])['inputs'][0])
    assert all(module.training for module in runner.model.modules())


@pytest.mark.parametrize('options', [dict(interval=0), dict(num_samples=0)])
def test_wrong_options(options):
    with pytest.raises(ValueError, match='must be >= 1'):
        SeedPictureHook(**options)


def train(folder, **parts):
    """Train four iterations on a small seed root; return the weights."""
    dataset = dict(
        type='FolderSeedDataset',
        data_root=str(folder),
        seed_root=str(folder / 'seeds'),
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadSeedAnnotations', agreement_threshold=3),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    )
    config = dict(
        default_scope='mmseg',
        model=model_config(),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type='InfiniteSampler', shuffle=True),
            dataset=dataset,
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=4),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        randomness=dict(seed=0),
        **parts,
    )
    runner = Runner.from_cfg(Config(config))
    runner.train()
    return runner.model.state_dict()


def test_a_real_training_logs_through_the_visualizer_and_stays_the_same(tmp_path):
    write_images(tmp_path / 'images', ['a', 'b', 'c'])
    write_seed_root(tmp_path / 'seeds', ['a', 'b', 'c'])
    write_split(tmp_path / 'train.txt', ['a', 'b', 'c'])
    visualizer = dict(type='SeedVisualizer', vis_backends=[dict(type='LocalVisBackend')])
    with_pictures = train(
        tmp_path,
        work_dir=str(tmp_path / 'with'),
        experiment_name='with_pictures',
        visualizer=dict(visualizer, name='with_pictures'),
        custom_hooks=[dict(type='SeedPictureHook', interval=2, num_samples=1)],
    )
    sheets = sorted((tmp_path / 'with').rglob('training_samples_*.png'))
    assert [path.stem for path in sheets] == ['training_samples_2', 'training_samples_4']
    assert np.array(Image.open(sheets[0])).std() > 10
    without = train(tmp_path, work_dir=str(tmp_path / 'without'), experiment_name='without')
    for name, value in without.items():
        assert torch.equal(value, with_pictures[name]), name
