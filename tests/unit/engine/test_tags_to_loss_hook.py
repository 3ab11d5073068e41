import pytest
import torch
from helpers.network_run import TRAINING_CONFIG
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.structures import SegDataSample
from torch.nn.functional import cross_entropy

from mmseg_wsss.engine.hooks import TagsToLossHook
from mmseg_wsss.engine.hooks.tags_to_loss_hook import gather_tags
from mmseg_wsss.models.losses import PNHybridLoss, SeedPixelLoss
from mmseg_wsss.registry import MODELS

TAGS = dict(a=(1,), b=(), c=(1, 2), d=(2,))


class RecordingLoss(SeedPixelLoss):
    """Keeps the tags that it is given."""

    reads_tags = True

    def __init__(self, loss_name='loss_recording'):
        super().__init__(1.0, loss_name)
        self.seen = []

    def pixel_loss(self, logits, labels):
        self.seen.append(labels.maps['tags'][0, :, 0, 0].nonzero()[:, 0].tolist())
        return cross_entropy(logits, labels.label, reduction='none')


class RecordingHook(Hook):
    """Keeps the names of the images, in the order of the batches."""

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen += [sample.img_path[-5] for sample in data_batch['data_samples']]


@pytest.fixture
def config(tmp_path):
    """A training with an auxiliary head on photographs whose tags are in a file."""
    ids = list(TAGS)
    write_images(tmp_path / 'images', ids)
    write_seed_root(tmp_path / 'seeds', ids)
    write_split(tmp_path / 'train.txt', ids)
    names = ('background', 'cat', 'dog')
    rows = [f'{image},{" ".join(names[tag] for tag in tags)}' for image, tags in TAGS.items()]
    (tmp_path / 'tags.csv').write_text('\n'.join(['image_id,tags', *rows]))
    text = TRAINING_CONFIG.replace('DATA', str(tmp_path))
    config = Config.fromstring(text, '.py')
    config.work_dir = str(tmp_path / 'run')
    config.experiment_name = f'tags-{tmp_path.name}'
    for name in ('val', 'test'):
        for key in (f'{name}_dataloader', f'{name}_evaluator', f'{name}_cfg'):
            config.pop(key)
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=4)
    config.default_hooks = dict(checkpoint=None)
    config.train_dataloader.dataset.tags = 'tags.csv'
    config.custom_hooks = [dict(type='TagsToLossHook')]
    head = config.model.decode_head.to_dict()
    config.model.auxiliary_head = [dict(head)]
    return config


def test_every_head_gets_the_tags_of_its_own_batch(config):
    """With accumulated gradients, too: each part of a step has tags of its own."""
    MODELS.register_module(module=RecordingLoss)
    try:
        loss = dict(type='mmseg_wsss.RecordingLoss')
        config.model.decode_head.loss_decode = [dict(type='PNHybridLoss'), loss]
        config.model.auxiliary_head[0].loss_decode = loss
        config.optim_wrapper = dict(
            type='OptimWrapper', accumulative_counts=2, optimizer=dict(type='SGD', lr=0.01)
        )
        runner = Runner.from_cfg(config)
    finally:
        del MODELS.module_dict['RecordingLoss']
    recorder = RecordingHook()
    runner.register_hook(recorder)
    runner.train()
    expected = [[0, *TAGS[name]] for name in recorder.seen]
    losses = [m for m in runner.model.modules() if isinstance(m, RecordingLoss)]
    assert len(losses) == 2 and len(expected) == 8
    for loss in losses:
        assert loss.seen == expected
        assert loss.tags is None  # taken away again


def test_a_training_on_tags_without_the_hook_says_what_to_add(config):
    config.custom_hooks = []
    config.model.decode_head.loss_decode.tag_set_weight = 1.0
    with pytest.raises(ValueError, match='TagsToLossHook.*custom_hooks'):
        Runner.from_cfg(config).train()


def test_a_training_on_tags_that_the_data_set_does_not_give(config):
    config.train_dataloader.dataset.tags = None
    config.model.decode_head.loss_decode.tag_set_weight = 1.0
    with pytest.raises(ValueError, match=r"images.[abcd]\.jpg comes without. Set tags='records'"):
        Runner.from_cfg(config).train()


def test_without_a_loss_that_reads_tags_nothing_is_asked_for(config):
    config.train_dataloader.dataset.tags = None
    config.train_cfg.max_iters = 1
    runner = Runner.from_cfg(config)
    runner.train()
    assert all(m.tags is None for m in runner.model.modules() if isinstance(m, PNHybridLoss))


def samples(*tags):
    return dict(data_samples=[SegDataSample(metainfo=dict(tags=own)) for own in tags])


def test_sets_of_the_images():
    allowed = gather_tags(samples((3, 1), (), (254,)))
    assert allowed.dtype == torch.bool and allowed.shape == (3, 256)
    assert [row.nonzero()[:, 0].tolist() for row in allowed] == [[0, 1, 3], [0], [0, 254]]


@pytest.mark.parametrize(
    ('batch', 'message'),
    [
        (None, 'no list'),
        (dict(inputs=[]), 'no list'),
        (dict(data_samples=dict(strong=[])), 'no list'),
        (samples((0,)), r'tags \[0\], expected labels 1-254'),
        (samples((255,)), r'tags \[255\]'),
    ],
)
def test_batches_without_proper_tags_are_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        gather_tags(batch)


def test_the_hook_alone_does_nothing():
    TagsToLossHook().before_train_iter(None, 0, None)
