"""How much of a study is run, and with what: networks, numbers of images and iterations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mmseg_wsss.datasets.scenes.scene import CLASSES as SCENE_CLASSES
from mmseg_wsss.seeds import PAPER_SEEDS

from .speeds import Speeds
from .study_data import DataLayout

ANIMALS = DataLayout(
    classes=('background', 'cat', 'cow', 'dog', 'horse', 'person', 'sheep'),
    images='JPEGImages',
    masks='SegmentationClassAug',
    train='ImageSets/Segmentation/train.txt',
    val='ImageSets/Segmentation/val.txt',
    mask_classes='voc12',
    other_tags=(
        'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'chair', 'diningtable',
        'motorbike', 'pottedplant', 'sofa', 'train', 'tvmonitor',
    ),
)  # fmt: skip
SCENES = DataLayout(tuple(SCENE_CLASSES), 'images', 'masks', 'train.txt', 'val.txt')
PAPER_SIX = tuple(seed.name for seed in PAPER_SEEDS)


@dataclass(frozen=True)
class Budget:
    """A size of the study.

    Attributes:
        name (str): What ``--budget`` calls it.
        purpose (str): One line for the head of the summary.
        layout (DataLayout): Of the data set.
        random_seeds (tuple[int, ...]): Every cell is measured once with each, at least three.
        images (dict[str, int | None]): Number of ``train``, ``judge`` and ``val`` images.
        classifier, network, second (str): Config files below ``configs``.
        epochs (int): Of the classifier.
        iterations, batch (int): Of the networks.
        crop (int | None): Side of the networks' crops and short side of tested images; None keeps
            the config's.
        singles (tuple[str, ...]): Seeds that a network is trained on by themselves.
        groups (tuple[str, ...]): What is measured unless ``--only`` says otherwise.
        classifier_options, network_options, second_options (Mapping): Overrides of the configs.
        speeds (Speeds): For estimates.
        jobs (int): Steps that run at the same time by default.
        from_classifier (bool): Whether the backbones of networks start with the weights of the
            classifier, not with those of ImageNet: a short training does not learn rare classes
            otherwise.
        augmented_masks (bool): Whether masks of networks, the labels of a second round, are made
            with test-time augmentation.
        forks (bool): Whether commands are forked, not started: for runs of seconds.
    """

    name: str
    purpose: str
    layout: DataLayout
    random_seeds: tuple[int, ...]
    images: dict[str, int | None]
    classifier: str
    network: str
    second: str
    epochs: int
    iterations: int
    batch: int
    crop: int | None
    singles: tuple[str, ...]
    groups: tuple[str, ...]
    classifier_options: Mapping[str, Any] = field(default_factory=dict)
    network_options: Mapping[str, Any] = field(default_factory=dict)
    second_options: Mapping[str, Any] = field(default_factory=dict)
    speeds: Speeds = field(default_factory=Speeds)
    jobs: int = 1
    from_classifier: bool = False
    augmented_masks: bool = True
    forks: bool = False


SEED_GROUPS = (
    'seeds', 'vote', 'agreement', 'crf', 'dropout', 'background', 'draws', 'scales', 'diversity',
)  # fmt: skip
NETWORK_GROUPS = (
    'training', 'loss', 'schedule', 'baselines', 'ideas', 'masks', 'second-round', 'evaluation',
    'architecture',
)  # fmt: skip
GPU_GROUPS = (
    'seeds', 'vote', 'agreement', 'training', 'masks', 'second-round', 'evaluation', 'architecture',
)  # fmt: skip

INITIAL_WEIGHTS = [dict(type='InitialWeightsHook')]
# A fifth faster on the CPU as well, for MobileNetV2 at these sizes.
CHANNELS_LAST = {'custom_hooks': [*INITIAL_WEIGHTS, dict(type='ChannelsLastHook')]}
CPU = Budget(
    name='cpu',
    purpose='two CPU cores, MobileNetV2, all tables in about 22 hours',
    layout=ANIMALS,
    random_seeds=(0, 1, 2),
    images=dict(train=1500, judge=150, val=222),
    classifier='cls/mobilenetv2_voc_animals.py',
    network='pnl/deeplabv3plus_mobilenetv2_voc_animals.py',
    second='experiments/segformer-head_mobilenetv2_voc_animals.py',
    epochs=6,
    iterations=400,
    batch=8,
    crop=192,
    # Networks on seeds of other rates of dropout do as well.
    singles=('0.10-1.00', '0.10-1.20'),
    groups=SEED_GROUPS + NETWORK_GROUPS,
    network_options=CHANNELS_LAST,
    second_options=CHANNELS_LAST,
    from_classifier=True,
)
CPU_FIRST = replace(
    CPU,
    name='cpu-first',
    purpose='two CPU cores, MobileNetV2, a first table within two hours',
    images=dict(train=600, judge=120, val=222),
    epochs=8,
    iterations=300,
    crop=176,
    singles=('0.10-1.20',),
    groups=('seeds', 'vote', 'agreement', 'training'),
    # What is best for classifiers of fewer images; the config's is best for those of all.
    classifier_options={'seed_generation.background': dict(threshold=0.45)},
)
AMP = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}
READERS = {'train_dataloader.num_workers': 6}
# Networks of these sizes wait for the launch of kernels. A test has photographs of many sizes; to
# search for the fastest convolutions of each takes longer than it saves. tools/train.py groups by
# itself now; without this the records would be those of other configs.
FEWER_KERNELS = {
    'optim_wrapper.constructor': 'GroupedOptimWrapperConstructor',
    'env_cfg.cudnn_benchmark': False,
}
GPU = replace(
    CPU,
    name='gpu',
    purpose='one GPU, all photographs, ResNet-50: classifier, DeepLab-V2, a second network',
    images=dict(train=None, judge=300, val=None),
    classifier='experiments/cls_resnet50_voc_animals.py',
    network='experiments/deeplabv2_r50_voc_animals.py',
    second='experiments/segformer-head_r50_voc_animals.py',
    iterations=800,
    batch=16,
    crop=None,
    singles=('0.05-1.20', '0.10-1.20'),
    groups=GPU_GROUPS,
    classifier_options={**AMP, **READERS},
    network_options={**AMP, **READERS, **FEWER_KERNELS},
    second_options={**AMP, **READERS, **FEWER_KERNELS},
    speeds=Speeds(
        start=14.0,
        classify=0.0022,
        views=0.01,
        seed=0.015,
        bare_seed=0.002,
        train=0.006,
        test=0.03,
        crf=0.02,
        judge=0.01,
        vote=0.003,
        measured=False,
        shared=False,
    ),
    jobs=3,
    # Its sizes are below those of these trainings: masks of one network of gpu-first had 55.7 mIoU
    # with it and 58.9 without, on 150 training photographs.
    augmented_masks=False,
)
GPU_FIRST = replace(
    CPU,
    name='gpu-first',
    purpose='one GPU, all photographs, MobileNetV2, networks by their configs as they are',
    images=dict(train=None, judge=150, val=None),
    network_options={**CHANNELS_LAST, **AMP, **FEWER_KERNELS},
    second_options={**CHANNELS_LAST, **AMP, **FEWER_KERNELS},
    iterations=600,
    crop=None,
    singles=('0.10-1.20',),
    groups=('agreement', 'training', 'schedule'),
    # Of an H200 and 16 cores that are shared by all; networks and tests were measured there, 13 at
    # the same time.
    speeds=replace(
        GPU.speeds,
        start=2.0,
        classify=0.001,
        seed=0.005,
        train=0.0015,
        test=0.01,
        judge=0.003,
        shared=True,
    ),
    jobs=12,
    from_classifier=False,
    augmented_masks=False,
)
# The demo's configs have none.
SCENES_TTA = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
TINY = Budget(
    name='tiny',
    purpose='generated scenes, a few training steps: it runs, its scores mean nothing',
    layout=SCENES,
    random_seeds=(0, 1, 2),
    images=dict(train=None, judge=4, val=None),
    classifier='demo/cls_resnet_scenes.py',
    network='demo/pnl_deeplabv3plus_resnet_scenes.py',
    second='demo/pnl_deeplabv3plus_resnet_scenes.py',
    epochs=1,
    iterations=2,
    batch=2,
    crop=None,
    singles=('0.10-1.20',),
    groups=SEED_GROUPS + NETWORK_GROUPS,
    classifier_options={'seed_generation.scales': (0.5,)},
    network_options={'model.backbone.init_cfg': None, 'tta_pipeline': SCENES_TTA},
    speeds=Speeds(start=1.5),
    forks=True,
    second_options={
        'model.backbone.init_cfg': None,
        'tta_pipeline': SCENES_TTA,
        'model.decode_head': dict(
            type='FCNHead',
            in_channels=96,
            in_index=1,
            channels=16,
            num_convs=1,
            num_classes=6,
            norm_cfg=dict(type='BN', requires_grad=True),
            align_corners=False,
            loss_decode=dict(type='PNHybridLoss'),
        ),
    },
)
BUDGETS = {budget.name: budget for budget in (TINY, CPU_FIRST, CPU, GPU_FIRST, GPU)}
