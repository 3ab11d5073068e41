"""Every config builds its true network, trains one step and tests one step on the CPU."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers.seed_roots import write_images, write_seed_root, write_split
from mmengine.config import Config, DictAction
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from mmseg.structures import SegDataSample

from mmseg_wsss.converters.recipes import BACKBONES
from mmseg_wsss.models.losses import SeedPixelLoss
from mmseg_wsss.seeds import decode_seed_label, encode_losing_votes, encode_seed_label
from mmseg_wsss.utils.initial_weights import find_initial_weights

ROOT = Path(__file__).parents[2] / 'configs'
CONFIGS = sorted(
    str(path.relative_to(ROOT))
    for room in ('pnl', 'plain', 'cls')
    for path in ROOT.glob(f'{room}/*.py')
)
SIZE = 64
NETWORKS = (
    ['deeplabv1_r101', 'deeplabv2_r101', 'deeplabv3plus_r50', 'deeplabv3plus_r101', 'pspnet_r101']
    + [f'segformer_b{size}' for size in range(6)]
    + [f'mask2former_{backbone}' for backbone in ('r50', 'swin-t', 'swin-l')]
)  # fmt: skip
CLASSIFIERS = ('resnet50', 'resnet38d', 'mit_b2')
needs_mmdet = pytest.mark.skipif(
    find_spec('mmdet') is None or find_spec('mmcv._ext') is None,
    reason="Mask2Former needs mmdetection and mmcv's compiled operators",
)


def named(name: str):
    return pytest.param(name, marks=needs_mmdet if 'mask2former' in name else ())


def load(name: str) -> Config:
    config = Config.fromfile(ROOT / name)
    init_default_scope(config.default_scope)
    return config


def build(config: Config) -> torch.nn.Module:
    """The config's network at its own size, from random weights."""
    return revert_sync_batchnorm(MODELS.build(config.model))


def million(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def segmentation_batch(num_classes: int, noisy: bool, votes: bool = False) -> dict:
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(2):
        label = torch.randint(0, num_classes, (1, 4, 4), generator=generator)
        label = label.repeat_interleave(SIZE // 4, 1).repeat_interleave(SIZE // 4, 2)
        label[:, :8] = 255
        if noisy:
            flag = torch.rand(label.shape, generator=generator) < 0.2
            loser = torch.where(flag & (label != 255), (label + 1) % num_classes, 255)
            label = encode_seed_label(label, flag)
            if votes:
                label = encode_losing_votes(label, loser[None])
        shape = (SIZE, SIZE)
        sample = SegDataSample(metainfo=dict(img_shape=shape, ori_shape=shape, pad_shape=shape))
        sample.gt_sem_seg = PixelData(data=label)
        samples.append(sample)
    images = torch.randint(0, 256, (2, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return dict(inputs=list(images), data_samples=samples)


def classification_batch(num_classes: int, saliency: bool) -> dict:
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label([0, num_classes - 1]), DataSample().set_gt_label([2])]
    if saliency:
        for sample in samples:
            sample.set_field(torch.randint(0, 256, (SIZE, SIZE)).byte(), 'gt_saliency')
    images = torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)
    return dict(inputs=images, data_samples=samples)


def marks_noisy(config: Config) -> bool:
    """Whether the labels of the config's training data carry the flag of noisy pixels."""
    steps = config.train_dataloader.dataset.pipeline
    return any(
        step.type == 'LoadSeedAnnotations' and step.agreement_threshold is not None
        for step in steps
    )


def num_classes_of(config: Config) -> int:
    dataset = config.val_dataloader.dataset
    if 'metainfo' in dataset:
        return len(dataset.metainfo['classes'])
    return {'PascalVOCDataset': 21, 'COCO14Dataset': 81}[dataset.type]


def shrink(model: torch.nn.Module, config: Config) -> None:
    """Let the model take tiny images, once crop and padded size are known to agree."""
    crops = [step for step in config.train_dataloader.dataset.pipeline if 'crop_size' in step]
    assert [tuple(step['crop_size']) for step in crops] == [tuple(model.data_preprocessor.size)]
    model.data_preprocessor.size = (SIZE, SIZE)


# Of a network that comes in both data sets, VOC's config trains; of a network that comes in both
# rooms and several sizes, that of hybrid learning. A test compares the others with these.
LARGE = ('segformer_b3', 'segformer_b4', 'segformer_b5', 'mask2former_swin-l', 'mask2former_r50')
TWINS = {name: name.replace('_coco', '_voc') for name in CONFIGS if '_coco' in name} | {
    name: name.replace('plain/', 'pnl/').replace('_aggregate', '')
    for name in CONFIGS
    if name.startswith('plain/') and '_voc_aggregate' in name and any(one in name for one in LARGE)
}
TRAINED = [name for name in CONFIGS if name not in TWINS or '_b0_coco' in name]


def differences(here: object, there: object, path: str = '') -> set[str]:
    """Paths at which two configs differ."""
    if isinstance(here, dict) and isinstance(there, dict):
        found = set()
        for key in {*here, *there}:
            found |= differences(here.get(key), there.get(key), f'{path}.{key}'.strip('.'))
        return found
    if isinstance(here, (list, tuple)) and isinstance(there, (list, tuple)):
        if len(here) == len(there):
            pairs = enumerate(zip(here, there, strict=True))
            return set().union(*(differences(a, b, f'{path}.{i}') for i, (a, b) in pairs))
    return set() if here == there else {path}


@pytest.mark.parametrize('name', sorted(TWINS))
def test_differs_from_a_config_that_trains_in_its_data_and_loss_alone(name: str) -> None:
    config, twin = load(name), load(TWINS[name])
    # Mask2Former weighs "no object" behind the classes; crops are as large as the recipe has them.
    allowed = ('num_classes', 'num_things_classes', 'num_stuff_classes', 'class_weight')
    paths = {
        path
        for path in differences(config.model.to_dict(), twin.model.to_dict())
        if not path.endswith(allowed) and not path.startswith('data_preprocessor.size')
    }
    if '_coco' not in name:
        paths = {path for path in paths if 'loss' not in path}
        assert config.model.decode_head.type in (twin.model.decode_head.type, 'Mask2FormerHead')
        paths -= {'decode_head.type'}
    assert not paths
    head = config.model.get('decode_head') or config.model.head
    assert head.num_classes == num_classes_of(config) - name.startswith('cls/')
    if not name.startswith('cls/'):
        crops = [step for step in config.train_dataloader.dataset.pipeline if 'crop_size' in step]
        assert [step.crop_size for step in crops] == [config.model.data_preprocessor.size]


@pytest.mark.slow
@pytest.mark.parametrize('name', [named(name) for name in TRAINED])
def test_trains_and_tests_one_step(name: str) -> None:
    config = load(name)
    torch.manual_seed(0)
    model = build(config)
    classifier = name.startswith('cls/')
    num_classes = num_classes_of(config)
    noisy = marks_noisy(config)
    if classifier:
        saliency = 'cls/eps_' in name
        batches = [classification_batch(num_classes - 1, saliency) for _ in range(2)]
    else:
        shrink(model, config)
        votes = any(step.get('losing_votes') for step in config.train_pipeline)
        batches = [segmentation_batch(num_classes, noisy, votes) for _ in range(2)]
        for loss in model.modules():
            if isinstance(loss, SeedPixelLoss) and loss.reads_tags:
                assert config.train_dataloader.dataset.tags
                assert config.custom_hooks[-1].type == 'TagsToLossHook'
                loss.tags = (torch.arange(256) < num_classes).expand(2, -1)
            assert not getattr(loss, 'reads_losing_votes', False) or votes

    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    weights = {key: value for key, value in model.named_parameters() if 'head' in key}
    before = {key: value.detach().clone() for key, value in weights.items()}
    model.train()
    losses = model.train_step(batches[0], wrapper)
    assert losses['loss'].isfinite() and losses['loss'] > 0
    assert ('loss_saliency' in losses) == ('cls/eps_' in name)
    assert any(not torch.equal(before[key], weights[key]) for key in before)
    # Only the labels of hybrid learning and of losses that know noisy pixels carry the flag.
    if not classifier and not noisy:
        assert not any('pn_hybrid' in key for key in losses)
    if name.startswith('pnl/'):
        assert noisy and 'decode.loss_pn_hybrid' in losses

    model.eval()
    for sample in model.test_step(batches[1]):
        if classifier:
            assert sample.pred_score.shape == (num_classes - 1,)
        else:
            assert sample.pred_sem_seg.data.shape == (1, SIZE, SIZE)
            assert sample.seg_logits.data.shape == (num_classes, SIZE, SIZE)


@pytest.mark.parametrize('name', CONFIGS)
def test_says_all_it_has_to(name: str) -> None:
    config = load(name)
    ends = [scheduler.get('end') for scheduler in config.param_scheduler]
    assert ends[-1] == config.train_cfg.get('max_iters', config.train_cfg.get('max_epochs'))
    weights = list(find_initial_weights(config))
    assert len(weights) == 1, 'one file of initial weights, named'
    assert '//' not in weights[0].name or weights[0].address.startswith('https://')
    if not name.startswith('cls/'):
        assert config.val_dataloader.dataset.pipeline[-2].type == 'LoadAnnotations'
        assert config.tta_model.type and config.tta_pipeline


def test_every_network_of_the_paper_is_there_for_both_data_sets() -> None:
    for room, what in (('pnl', ''), ('plain', '_aggregate')):
        names = {f'{network}_{data}{what}.py' for network in NETWORKS for data in ('voc', 'coco')}
        assert names <= {path.name for path in (ROOT / room).glob('*.py')}
    classifiers = (*CLASSIFIERS, 'eps_resnet50', 'eps_resnet38d')
    names = {f'{net}_{data}.py' for net in classifiers for data in ('voc', 'coco')}
    assert names <= {path.name for path in (ROOT / 'cls').glob('*.py')}


def overridden(name: str, data: Path, *options: str) -> Config:
    """A config as ``--cfg-options`` of the tools change it, on the data of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    fixed = [f'train_dataloader.dataset.{key}={data}' for key in ('data_root', 'seed_root')]
    config = load(name)
    config.merge_from_dict(parser.parse_args(['--cfg-options', *fixed, *options]).cfg_options)
    return config


def training_codes(config: Config) -> torch.Tensor:
    """Label codes of the first image of a config's training data, as loaded."""
    data = DATASETS.build({**config.train_dataloader.dataset, 'pipeline': []})
    results = dict(data[0])
    for step in config.train_dataloader.dataset.pipeline[:2]:
        results = TRANSFORMS.build(step)(results)
    return torch.from_numpy(results['gt_seg_map'].astype(int))


def test_overrides_that_the_readme_names(tmp_path: Path) -> None:
    (tmp_path / 'ImageSets/Segmentation').mkdir(parents=True)
    write_split(tmp_path / 'ImageSets/Segmentation/trainaug.txt', ['one'])
    write_images(tmp_path / 'JPEGImages', ['one'])
    classes = tuple(PascalVOCDataset.METAINFO['classes'])
    (seeds,) = write_seed_root(tmp_path, ['one'], classes=classes).values()
    seeds = torch.from_numpy(seeds.astype(int))
    votes = (seeds[:, None] == torch.arange(21)[:, None, None]).sum(0)

    threshold = 'train_dataloader.dataset.pipeline.1.agreement_threshold'
    for value in (1, 2, 3):
        config = overridden('pnl/deeplabv2_r101_voc.py', tmp_path, f'{threshold}={value}')
        label, noisy = decode_seed_label(training_codes(config))
        assert torch.equal(noisy, (votes.amax(0) < value) & (label != 255))

    one_seed = 'train_dataloader.dataset.seed=b'
    config = overridden('plain/deeplabv2_r101_voc_aggregate.py', tmp_path, one_seed)
    assert torch.equal(training_codes(config), seeds[1])
    config = overridden('pnl/deeplabv2_r101_voc.py', tmp_path, one_seed)
    with pytest.raises(ValueError, match='a single seed has no agreement'):
        training_codes(config)
    config = overridden('pnl/deeplabv2_r101_voc.py', tmp_path, one_seed, f'{threshold}=None')
    assert torch.equal(training_codes(config), seeds[1])

    disagreement = 3 - votes.amax(0)
    config = overridden('plain/deeplabv2_r101_voc_urn.py', tmp_path)
    codes = training_codes(config)
    assert torch.equal(codes // 256, disagreement.masked_fill(codes == 255, 0))


EPS = [name for name in CONFIGS if name.startswith('cls/eps_')]


@pytest.mark.parametrize('name', EPS)
def test_eps_differs_from_its_plain_classifier_in_supervision_alone(name: str) -> None:
    config, plain = load(name).to_dict(), load(name.replace('eps_', '')).to_dict()
    data = config['train_dataloader']['dataset']
    assert data['data_prefix'].pop('saliency_path') == 'saliency'
    assert config['model']['head'].pop('type') == 'SaliencyActivationHead'
    assert config['seed_generation'].pop('source') == dict(type='ClassProbability')
    load_saliency, moved = data['pipeline'][1:3]
    assert load_saliency == dict(type='LoadSaliency')
    data['pipeline'][1:3] = moved['transforms']
    assert data['pipeline'][-1].pop('algorithm_keys') == ['gt_saliency']
    del config['train_pipeline'], plain['train_pipeline']
    assert differences(config, plain) == {'model.head.type'}


def test_seeds_that_validate_do_not_train() -> None:
    config = load('pnl/deeplabv3plus_mobilenetv2_voc_animals_until-plateau.py')
    train, held_out = (config[f'{part}_dataloader'].dataset for part in ('train', 'val'))
    assert train.ann_file == held_out.ann_file and train.seed_root == held_out.seed_root
    assert sorted([*train.indices, *held_out.indices]) == list(range(2000))
    assert config.test_dataloader.dataset.type == 'PascalVOCDataset'
    stop, fall = config.custom_hooks[-1], config.param_scheduler[-1]
    assert stop.monitor == fall.monitor == 'mIoU' and stop.patience > fall.patience


def test_no_two_configs_share_a_work_dir() -> None:
    # The work dir is named after the file alone: of two such configs one would overwrite the other.
    names = [Path(name).name for name in CONFIGS]
    assert len(set(names)) == len(names)


def test_leaves_are_short() -> None:
    for name in CONFIGS:
        lines = (ROOT / name).read_text().splitlines()
        assert 'animals' in name or len(lines) <= 15, name


# Published millions of parameters with 150 classes (ADE20K), to the digits printed.
# SegFormer: its paper (NeurIPS 2021, arXiv:2105.15203), Table 1(a), encoder and decoder added up.
# DeepLabV3+ and PSPNet: Table 2 of the same paper. Mask2Former: its paper (CVPR 2022,
# arXiv:2112.01527), Table V of the appendix; 100 queries. For DeepLabV3+ on ResNet-50 no figure
# was found, see the test below, nor for ResNet-38d, which tests/test_models counts layer by layer.
PUBLISHED = {
    'segformer_b0': (3.4 + 0.4, 0.05),
    'segformer_b1': (13.1 + 0.6, 0.05),
    'segformer_b2': (24.2 + 3.3, 0.05),
    'segformer_b3': (44.0 + 3.3, 0.05),
    'segformer_b4': (60.8 + 3.3, 0.05),
    'segformer_b5': (81.4 + 3.3, 0.05),
    'deeplabv3plus_r101': (62.7, 0.05),
    'pspnet_r101': (68.1, 0.05),
    'mask2former_r50': (44, 0.5),
    'mask2former_swin-t': (47, 0.5),
    'mask2former_swin-l': (215, 0.5),
}


@pytest.mark.parametrize('network', [named(network) for network in PUBLISHED])
def test_published_number_of_parameters(network: str) -> None:
    config = load(f'pnl/{network}_voc.py')
    head = config.model.decode_head
    head.num_classes = 150
    if 'loss_cls' in head:
        head.loss_cls.class_weight = [1.0] * 150 + [0.1]
    if 'auxiliary_head' in config.model:
        config.model.auxiliary_head.num_classes = 150
    published, rounding = PUBLISHED[network]
    assert million(build(config)) == pytest.approx(published, abs=rounding)


def test_deeplabv3plus_on_resnet50_is_smaller_by_the_difference_of_the_backbones() -> None:
    # torchvision documents 44,549,160 parameters for ResNet-101 and 25,557,032 for ResNet-50; the
    # heads are the same, and so are the three convolutions of the V1c stem.
    small, large = (
        sum(p.numel() for p in build(load(f'pnl/deeplabv3plus_{name}_voc.py')).parameters())
        for name in ('r50', 'r101')
    )
    assert large - small == 44_549_160 - 25_557_032


@pytest.mark.parametrize('network, branches', [('deeplabv1_r101', 1), ('deeplabv2_r101', 4)])
def test_number_of_parameters_of_deeplab(network: str, branches: int) -> None:
    # torchvision documents 44,549,160 parameters for ResNet-101, 2,049,000 of them its classifier.
    expected = 44_549_160 - 2_049_000 + branches * (2048 * 21 * 9 + 21)
    model = build(load(f'pnl/{network}_voc.py'))
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


AFFINITY = sorted(path.name for path in ROOT.glob('affinity/*.py'))


@pytest.mark.parametrize('name', [name for name in AFFINITY if '-net_' in name])
def test_an_affinity_network_trains_a_step(name: str) -> None:
    config = load(f'affinity/{name}')
    for part in (config.model, config.model.backbone):
        part.pop('init_cfg', None)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    shrink(model, config)
    model.train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    before = {key: value.clone() for key, value in model.named_parameters()}
    batch = segmentation_batch(7, noisy=False)
    losses = model.train_step(batch, wrapper)
    assert float(losses['loss']) > 0
    changed = {
        key.partition('.')[0]
        for key, value in model.named_parameters()
        if not torch.equal(before[key], value)
    }
    both = {'decode_head', 'auxiliary_head'}
    one_head = name.startswith(('affinity-net', 'boundary-net'))
    assert changed == ({'decode_head'} if one_head else both)
    step = config.train_dataloader.dataset.pipeline[1]
    assert step == dict(type='LoadSeedAnnotations', noisy='ignore')


@pytest.mark.parametrize('name', [name for name in AFFINITY if '-seeds_' in name])
def test_the_three_affinity_configs_fit_each_other(name: str) -> None:
    """Each reads what the one before leaves where it leaves it."""
    network = name.replace('-seeds_', '-net_')
    kind = 'second' if name.startswith('second') else 'affinity'
    labels = f'{kind}-labels_' + name.partition('_')[2]
    seeds = load(f'affinity/{name}').seed_generation
    walk, crf = seeds.refine
    assert walk.type == 'AffinityRefiner' and crf.type == 'DenseCRFRefiner'
    assert walk.config == f'configs/affinity/{network}'
    trained = load(f'affinity/{network}')
    last = trained.train_cfg.max_iters
    assert walk.checkpoint == f'work_dirs/{Path(network).stem}/iter_{last}.pth'
    assert trained.param_scheduler[-1].end == last
    root = f'work_dirs/{Path(labels).stem}/seeds'
    assert trained.train_dataloader.dataset.seed_root == root
    assert seeds.background == dict(threshold='auto', labels=root)
    made = load(f'affinity/{labels}')
    classifier = load(f'cls/{name.partition("_")[2]}')
    assert made.model == classifier.model
    low, high = sorted(one.threshold for one in made.seed_generation.background)
    assert len(made.seed_generation.seeds) == 2 and low < high


@pytest.mark.parametrize('name', ['resnet50_voc', 'mobilenetv2_voc_animals'])
def test_the_labels_of_a_second_affinity_network_are_spread_by_the_first(name: str) -> None:
    first = load(f'affinity/affinity-boundary-seeds_{name}.py').seed_generation
    labels = load(f'affinity/second-labels_{name}.py').seed_generation
    assert labels.refine == first.refine
    thresholds = tuple(one.threshold for one in labels.background)
    assert thresholds == BACKBONES[name.partition('_')[0]].second_thresholds
