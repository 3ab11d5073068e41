"""Print a Markdown table of configs: ``config_table.py [configs/pnl/*.py ...]``.

Everything is read from the configs and from the networks they build, nothing is kept by hand.
``--page`` writes the tables of docs/model_zoo.md anew (run ``make mask2former`` first).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

import mmseg_wsss.register_all  # noqa: F401  # before a config is read
from mmseg_wsss.datasets.tags_dataset import crop_size
from mmseg_wsss.registry import MODELS
from mmseg_wsss.utils.quiet import errors_alone

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PAGE = Path(__file__).resolve().parents[1] / 'model_zoo.md'
FOLDERS = {
    'pnl': 'Hybrid learning',
    'plain': 'Comparisons',
    'noise': 'Noise that all seeds share',
    'cls': 'Classifiers',
}
COLUMNS = (
    'config', 'network', 'backbone', 'data set', 'labels', 'crop', 'schedule', 'batch', 'loss',
    'trainable parameters',
)  # fmt: skip
NETWORKS = {
    'DeepLabV1Head': 'DeepLab-V1',
    'DeepLabV2Head': 'DeepLab-V2',
    'DepthwiseSeparableASPPHead': 'DeepLabV3+',
    'PSPHead': 'PSPNet',
    'SegformerHead': 'SegFormer',
    'PNMask2FormerHead': 'Mask2Former',
    'ClassActivationHead': 'classifier',
    'SaliencyActivationHead': 'EPS classifier',
}
MIT_SIZES = {
    (32, 2, 2, 2, 2): 'B0',
    (64, 2, 2, 2, 2): 'B1',
    (64, 3, 4, 6, 3): 'B2',
    (64, 3, 4, 18, 3): 'B3',
    (64, 3, 8, 27, 3): 'B4',
    (64, 3, 6, 40, 3): 'B5',
}
SWIN_SIZES = {(96, 2, 2, 6, 2): 'T', (192, 2, 2, 18, 2): 'L'}
DATA_SETS = {'VOC2012': 'VOC 2012', 'coco2014': 'COCO 2014', 'voc_animals': 'Animals-7'}
# Options of a loss that say what it is; the name in the log and the weight in a sum do not.
UNNAMED_OPTIONS = ('type', 'loss_name', 'loss_weight')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description='Print a Markdown table of configs.')
    parser.add_argument(
        'configs',
        nargs='*',
        help='config files (default: all of configs/cls, /noise, /plain and /pnl)',
    )
    parser.add_argument('--page', action='store_true', help='write docs/model_zoo.md anew')
    parser.add_argument('--out', help='file to write instead of printing')
    return parser.parse_args(arguments)


def bare(name: str) -> str:
    """Name of a type without the scope of its registry."""
    return name.rpartition('.')[2]


def network(config: Config) -> str:
    """Name of the network, by its decode head or the head of its classifier."""
    head = bare((config.model.get('decode_head') or config.model.head).type)
    return NETWORKS.get(head, head)


def backbone(config: Config) -> str:
    """Name of the backbone with its size."""
    model = config.model.backbone
    kind = bare(model.type)
    if kind in ('ResNet', 'ResNetV1c'):
        return f'ResNet-{model.depth}{kind[len("ResNet") :].replace("V1c", "-V1c")}'
    if kind == 'MixVisionTransformer':
        return f'MiT-{MIT_SIZES.get((model.embed_dims, *model.num_layers), "?")}'
    if kind == 'SwinTransformer':
        return f'Swin-{SWIN_SIZES.get((model.embed_dims, *model.depths), "?")}'
    return {'ResNet38d': 'ResNet-38d', 'MobileNetV2': 'MobileNet-V2'}.get(kind, kind)


def data_set(config: Config) -> str:
    """Name of the data set, by the folder of its data."""
    name = Path(config.train_dataloader.dataset.data_root).name
    return DATA_SETS.get(name, name)


def labels(config: Config) -> str:
    """What the training labels are."""
    dataset = config.train_dataloader.dataset
    steps = {bare(step.type): step for step in dataset.pipeline}
    if 'LoadAnnotations' in steps:
        return 'ground truth'
    if 'LoadSeedAnnotations' not in steps:
        return 'tags, saliency (I+S)' if 'LoadSaliency' in steps else 'tags'
    step = steps['LoadSeedAnnotations']
    if dataset.get('seed') is not None:
        return f'seed {dataset.seed}'
    threshold = step.get('agreement_threshold', 'unanimous')
    if threshold is None:
        return 'aggregate'
    if step.get('noisy') == 'disagreement':
        return 'aggregate, votes'
    return f'aggregate, {threshold} votes' if threshold != 'unanimous' else 'aggregate, unanimous'


def crop(config: Config) -> str:
    """Size of the training crops."""
    height, width = crop_size(config.train_dataloader.dataset.pipeline, default=0)
    return f'{height} x {width}' if height else 'none'


def schedule(config: Config) -> str:
    """Length of the training, the optimizer and its learning rate."""
    length = config.train_cfg.get('max_iters')
    unit = 'iterations'
    if length is None:
        length, unit = config.train_cfg.max_epochs, 'epochs'
    elif length % 1000 == 0:
        length = f'{length // 1000}k'
    if any(bare(hook.type) == 'EarlyStoppingHook' for hook in config.get('custom_hooks', ())):
        length = f'at most {length}'
    optimizer = config.optim_wrapper.optimizer
    return f'{length} {unit}, {bare(optimizer.type)} {optimizer.lr:g}'


def describe(loss: dict) -> str:
    """Name of a loss with the options that the config sets."""
    options = [
        f'{key}={describe(value) if isinstance(value, dict) else value}'
        for key, value in loss.items()
        if key not in UNNAMED_OPTIONS
    ]
    return bare(loss['type']) + (f' ({", ".join(options)})' if options else '')


def loss(config: Config, model: nn.Module) -> str:
    """Loss of the decode head, or of the classifier, with the options that the config sets."""
    head = config.model.get('decode_head')
    if head is None:
        module = model.head.loss_module
        name = type(module).__name__ + (' (use_sigmoid=True)' if module.use_sigmoid else '')
        return name + (' + saliency loss' if hasattr(model.head, 'saliency_weight') else '')
    parts = ['set loss'] if 'loss_mask' in head else []
    own = head.get('loss_decode')
    if own:
        parts.append(describe(own))
    return ' + '.join(parts)


def row(path: Path) -> list[str]:
    """Cells of one config.

    Raises:
        ImportError: If the config is one of Mask2Former's and its dependencies are missing.
    """
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    count = sum(item.numel() for item in model.parameters() if item.requires_grad)
    name = path.relative_to(CONFIGS) if path.is_relative_to(CONFIGS) else path
    parts = (network, backbone, data_set, labels, crop, schedule)
    return [
        f'`{name}`',
        *(part(config) for part in parts),
        str(config.train_dataloader.batch_size),
        loss(config, model),
        f'{count / 1e6:.1f} M',
    ]


def table(paths: Iterable[Path]) -> str:
    """Markdown table of configs.

    Args:
        paths (Iterable[Path]): The config files, in the order of the rows.

    Returns:
        str: The table, one line per config.
    """
    with errors_alone():  # networks say much while they are built
        rows = [COLUMNS, ['---'] * len(COLUMNS), *(row(path) for path in paths)]
    return ''.join(f'| {" | ".join(cells)} |\n' for cells in rows)


def page(text: str) -> str:
    """Write the tables of the model zoo anew.

    Args:
        text (str): The page as it is; what stands before its first table's heading is kept.

    Returns:
        str: The page with one section a folder of configs.
    """
    head = text.partition('\n## ')[0].rstrip()
    sections = [
        f'## {title}: `configs/{folder}`\n\n{table(sorted((CONFIGS / folder).glob("*.py")))}'
        for folder, title in FOLDERS.items()
    ]
    return '\n\n'.join([head, *(section.rstrip() for section in sections)]) + '\n'


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(arguments)
    if args.page:
        PAGE.write_text(page(PAGE.read_text(encoding='utf-8')), encoding='utf-8')
        return
    paths = [Path(name).resolve() for name in args.configs]
    if not paths:
        paths = [path for name in FOLDERS for path in sorted((CONFIGS / name).glob('*.py'))]
    text = table(paths)
    if args.out is None:
        sys.stdout.write(text)
    else:
        Path(args.out).write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
