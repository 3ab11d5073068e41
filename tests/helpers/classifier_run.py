"""A tiny classifier on four images, as a config that trains it and makes its seeds."""

from __future__ import annotations

import json

import numpy as np
from mmengine.config import Config
from PIL import Image

CLASSES = ('background', 'red', 'green')

SEEDS = [(0.1, 1.0), (0.3, 1.2)]


def write_data(folder):
    """Four images, the last without a tag."""
    random = np.random.default_rng(0)
    (folder / 'images').mkdir(parents=True)
    tags = {'a': ['red'], 'b': ['green'], 'c': ['red', 'green'], 'd': []}
    for image_id in tags:
        pixels = random.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'images' / f'{image_id}.png')
    (folder / 'tags.json').write_text(json.dumps(tags))
    (folder / 'train.txt').write_text('\n'.join(tags))


def build_config(folder) -> Config:
    dataset = dict(
        type='TagsDataset',
        data_root=str(folder),
        tags_file='tags.json',
        ann_file='train.txt',
        data_prefix=dict(img_path='images'),
        img_suffix='.png',
        metainfo=dict(classes=CLASSES),
        pipeline=[dict(type='mmpretrain.LoadImageFromFile'), dict(type='mmpretrain.PackInputs')],
    )
    return Config(
        dict(
            default_scope='mmseg',
            work_dir=str(folder / 'work'),
            model=dict(
                type='mmpretrain.ImageClassifier',
                backbone=dict(type='mmpretrain.MobileNetV2', widen_factor=0.1),
                head=dict(type='ClassActivationHead', num_classes=2, in_channels=1280, dropout=0.1),
                data_preprocessor=dict(
                    type='mmpretrain.ClsDataPreprocessor',
                    mean=[120.0] * 3,
                    std=[60.0] * 3,
                    to_rgb=True,
                ),
            ),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dataset,
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=[dict(type='MultiSeedCAMHook', num_workers=0)],
            seed_generation=dict(seeds=SEEDS, scales=(1.0, 2.0), refine=None, num_draws=2),
            randomness=dict(seed=0),
            experiment_name='hook',
        )
    )


def files_of(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*.png')}
