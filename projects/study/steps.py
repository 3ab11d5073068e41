"""The steps that a plan's rows ask for, each one command of the project's own tools.

A step's folder is named by a hash of its config and of its inputs, so rows that need the same step
share it.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from pprint import pformat
from typing import Any

from mmengine.config import Config

from mmseg_wsss.datasets.splits import read_split
from mmseg_wsss.utils.atomic import write_atomic

ROOT = Path(__file__).resolve().parents[2]
PLATEAU = 'configs/_base_/schedules/adamw_until_plateau.py'
INITIAL_WEIGHTS = dict(type='InitialWeightsHook')


@dataclass(eq=False)
class Step:
    """One command, run once.

    Attributes:
        folder (Path): Where its files go.
        command (list[str]): Without the Python interpreter; empty where other commands made it.
        inputs (list[Step]): What must be finished before.
        config (str): Text of its config file ``config.py``, empty if it has none.
        digest (str): Hash of config, command and inputs.
        weights (str): Name of the checkpoint that it ends with, if it is a training; ``'.'`` where
            only the training itself knows.
        rows (list[dict]): Rows of the plan that its figures are for, with their random seed.
    """

    folder: Path
    command: list[str]
    inputs: list[Step]
    config: str
    digest: str
    weights: str = ''
    rows: list[dict] = field(default_factory=list)

    @property
    def config_path(self) -> Path:
        """Its config file: beside the folder, where mmengine writes a copy of its own."""
        return self.folder.parent / 'configs' / f'{self.folder.name}.py'

    @property
    def root(self) -> Path:
        """The seed root that it makes, or that other commands have made."""
        return self.folder / 'root' if self.command else self.folder

    @property
    def checkpoint(self) -> str:
        """Path of the checkpoint that it ends with, or the folder whose last one it is."""
        return str(self.folder / self.weights)


@cache
def read_config(path: str) -> Config:
    """Read a config of the repository."""
    return Config.fromfile(ROOT / path, import_custom_modules=False)


def spread(items: list[str], number: int | None) -> list[str]:
    """Take so many items, spread evenly over the list; all where there are no more or None."""
    if number is None or number >= len(items):
        return items
    return [items[index * len(items) // number] for index in range(number)]


def rescale(config: Config, length: int) -> None:
    """Train for so many iterations or epochs, every phase of the schedule in proportion."""
    train = config.train_cfg
    name = 'max_iters' if 'max_iters' in train else 'max_epochs'
    factor = length / train[name]
    train[name] = train['val_interval'] = length
    for scheduler in config.param_scheduler:
        for edge in ('begin', 'end'):
            if scheduler.get(edge):
                scheduler[edge] = max(1, round(scheduler[edge] * factor))
    _stretch([config.model, *config.get('custom_hooks', [])], factor)
    # A killed training loses at most a third.
    config.default_hooks.checkpoint.update(interval=-(-length // 3), max_keep_ckpts=1)


def _stretch(part: Any, factor: float) -> None:
    """Begin parts of a model or hook later, in proportion to the schedule."""
    if isinstance(part, list | tuple):
        for one in part:
            _stretch(one, factor)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ('begin_iter', 'epoch_iters'):
                part[key] = max(1, round(value * factor))
            else:
                _stretch(value, factor)


def set_crop(config: Config, crop: int) -> None:
    """Train on crops of this side, on images of which it is the short side; test at that size."""
    train = config.train_dataloader.dataset.pipeline
    for step in [*train, *config.test_dataloader.dataset.pipeline, *config.test_pipeline]:
        if 'crop_size' in step:
            step['crop_size'] = (crop, crop)
        if step['type'] in ('RandomResize', 'Resize'):
            step['scale'] = (4 * crop, crop)
    config.model.data_preprocessor.size = (crop, crop)


def is_network(row: dict) -> bool:
    """Whether a row of the plan is of a trained network, not of seeds."""
    return 'loss' in row or 'config' in row


class Steps:
    """Turns rows of a plan into steps.

    Args:
        plan (dict): Content of plan.yaml.
        budget (str): One of its budgets.
        work (Path): Where steps keep their files.
        options (dict, optional): Overrides of the config of every training, by dotted keys.
    """

    def __init__(
        self, plan: dict, budget: str, work: Path, options: dict[str, Any] | None = None
    ) -> None:
        self.plan, self.budget, self.options = plan, plan['budgets'][budget], options or {}
        self.work = work.resolve() / budget
        self.data, self.classes = Path(plan['data']), plan['classes']
        self.random_seeds: list[int] = plan['random_seeds']
        self.steps: dict[Path, Step] = {}
        # Most rows share them.
        self.classifier, self.labels = cache(self.classifier), cache(self.labels)

    def classifier(self, random_seed: int, dropout: float | None = None) -> Step:
        """A classifier; ``dropout`` replaces the config's rate in training."""
        trained = self.budget.get('trained_classifier')
        if trained and dropout is None:
            path = Path(trained)
            return Step(path.parent, [], [], '', trained, path.name)
        random_seed = self.budget.get('seeds_of', random_seed)
        images = 'all' if self.budget.get('classifier_photographs') == 'all' else 'train'
        config = self._seed_config(self.budget['classifier'], random_seed, images)
        config.pop('seed_generation', None)
        if dropout is not None:
            config.model.head.dropout = dropout
        config.merge_from_dict(self.options)
        config.randomness = dict(seed=random_seed)
        epochs = self.budget.get('epochs', config.train_cfg.max_epochs)
        rescale(config, epochs)
        return self._step('classifier', ['tools/train.py'], [], config, f'epoch_{epochs}.pth')

    def labels(self, name: str, random_seed: int) -> Step:
        """A seed root."""
        made = self.budget.get('made_labels', {}).get(name)
        if made:
            return Step(Path(made), [], [], '', made)
        entry = self.plan['labels'][name] or {}
        random_seed = self.budget.get('seeds_of', random_seed)
        if 'vote' in entry:
            return self._vote(entry, random_seed)
        if 'affinity' in entry:
            return self._affinity(random_seed)
        config = self._seed_config(
            self.budget['classifier'], random_seed, entry.get('images', 'train')
        )
        section = {**self.budget.get('seed_generation', {}), **entry.get('seed_generation', {})}
        config.seed_generation.update(section)
        if 'dropout_in_training' in entry:
            made = {rate: self.classifier(random_seed, rate) for rate in (0.05, 0.1, 0.2, 0.3)}
            words = ['--dropout-checkpoint', *(f'{p}={c.checkpoint}' for p, c in made.items())]
            inputs = list(made.values())
        else:
            inputs = [self.classifier(random_seed)]
            words = [inputs[0].checkpoint]
        return self._step('labels', ['tools/make_seeds.py'], inputs, config, '', words)

    def network(self, row: dict, random_seed: int) -> Step:
        """A trained network."""
        budget = self.budget
        base = row.get('config', budget['second' if row.get('second') else 'network'])
        config = copy.deepcopy(read_config(base))
        hooks = config.custom_hooks
        config.merge_from_dict(budget.get('options', {}))
        known = {hook['type'] for hook in hooks}
        # A config's own hooks are its method: those of the budget come on top.
        config.custom_hooks = hooks + [
            hook for hook in config.custom_hooks if hook['type'] not in known
        ]
        train = config.train_dataloader.dataset
        pipeline, inputs = train.pipeline, []
        if 'labels' in row:
            inputs.append(self.labels(row['labels'], random_seed))
            step = dict(type='LoadSeedAnnotations', agreement_threshold=row.get('threshold'))
            pipeline[1] = step | row.get('annotations', {})
            train.update(seed_root=str(inputs[0].root), seed=row.get('mask', 'aggregated'))
            if row.get('tags'):
                train.tags = str(self.work / 'lists' / 'tags.csv')
                config.custom_hooks.append(dict(type='TagsToLossHook'))
        else:
            pipeline[1] = dict(type='LoadAnnotations')
            train = {**config.test_dataloader.dataset, 'pipeline': pipeline}
        train.update(data_root=str(self.data), ann_file=self._list('train'))
        config.test_dataloader.dataset.data_root = str(self.data)
        config.train_dataloader.dataset = train
        if 'loss' in row:
            config.model.decode_head.loss_decode = dict(row['loss'])
        if 'crop' in budget:
            set_crop(config, budget['crop'])
        iterations = budget.get('iterations', config.train_cfg.max_iters)
        iterations = round(iterations * row.get('length', 1))
        rescale(config, iterations)
        weights = f'iter_{iterations}.pth'
        # The test is a step of its own.
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        if row.get('until_plateau'):
            self._train_until_plateau(config, iterations // 4)
            weights = '.'
        config.optim_wrapper.optimizer.lr *= row.get('rate', 1)
        if row.get('start', budget.get('start')) == 'classifier':
            inputs.append(self.classifier(random_seed))
            config.model.backbone.init_cfg = dict(
                type='Pretrained', checkpoint=inputs[-1].checkpoint, prefix='backbone.'
            )
        config.merge_from_dict(self.options)
        config.randomness = dict(seed=random_seed)
        return self._step('network', ['tools/train.py'], inputs, config, weights)

    def _train_until_plateau(self, config: Config, interval: int) -> None:
        """Hold out each tenth photograph, and train until its labels are met no better."""
        schedule = copy.deepcopy(read_config(PLATEAU))
        learned = config.train_dataloader.dataset
        held_out = copy.deepcopy(learned)
        learned['ann_file'], held_out['ann_file'] = self._list('learned'), self._list('held-out')
        held_out['pipeline'] = config.test_dataloader.dataset.pipeline
        config.val_dataloader = {**config.test_dataloader, 'dataset': held_out}
        config.val_evaluator, config.val_cfg = config.test_evaluator, dict(type='ValLoop')
        config.param_scheduler, config.train_cfg = schedule.param_scheduler, schedule.train_cfg
        config.train_cfg.val_interval = config.default_hooks.checkpoint.interval = interval
        config.custom_hooks.append(schedule.early_stopping_hook)

    def tested(self, row: dict, random_seed: int) -> Step:
        """A network tested on the validation photographs."""
        network = self.network(row, random_seed)
        words = [str(network.config_path), network.checkpoint, *shlex.split(row.get('test', ''))]
        inputs = [network]
        tagger = row.get('predicted_tags')
        if tagger:
            checkpoint = None if tagger is True else tagger
            inputs.append(self._predicted_tags(random_seed, checkpoint))
            words += ['--tags', str(inputs[-1].folder / 'tags.csv')]
        return self._step('test', ['tools/test.py', *words], inputs)

    def _predicted_tags(self, random_seed: int, checkpoint: str | None) -> Step:
        """Tags of the validation photographs, by default of the classifier."""
        inputs = []
        if checkpoint is None:
            inputs = [self.classifier(random_seed)]
            checkpoint = inputs[0].checkpoint
        words = [str(self.data / 'JPEGImages'), checkpoint]
        words += ['--split', str(self.data / 'ImageSets/Segmentation/val.txt')]
        return self._step('tags', ['tools/predict_tags.py', *words], inputs)

    def masks(self, name: str, random_seed: int) -> Step:
        """Pseudo masks of the training photographs by a network of the plan."""
        row = next(
            row for row in self.plan['networks'] if row['variant'] == name and 'second' not in row
        )
        network = self.network(row, random_seed)
        words = [str(network.config_path), network.checkpoint]
        words += ['--tags', str(self.work / 'lists' / 'tags.csv')]
        words += shlex.split(self.budget['masks'])
        return self._step('masks', ['tools/make_pseudo_masks.py', *words], [network])

    def evaluated(self, row: dict, random_seed: int) -> Step:
        """A seed root scored on the ground truth of training photographs."""
        labels = self.labels(row['labels'], random_seed)
        words = [str(labels.root), '--gt', str(self.data / 'SegmentationClassAug')]
        words += ['--gt-classes', 'voc12', '--pictures', '0']
        words += ['--subsets'] * self.plan['labels'][row['labels']].get('subsets', False)
        return self._step('evaluation', ['tools/evaluate_seeds.py', *words], [labels])

    def _vote(self, entry: dict, random_seed: int) -> Step:
        place = self.random_seeds.index(random_seed)
        inputs, folders, names = [], [], []
        for voter in entry['vote']:
            if isinstance(voter, str):  # masks that were made by other commands
                folders.append(voter)
                names.append('-'.join(Path(voter).parts[-2:]))
                continue
            source, mask, turn = voter
            seed = self.random_seeds[(place + turn) % len(self.random_seeds)]
            made = self.masks(source, seed) if mask is None else self.labels(source, seed)
            inputs.append(made)
            folders.append(str(made.root / (mask or '')))
            names.append(mask or f'network-{len(names) + 1}')
        if len(set(names)) < len(names):  # seeds of one name in several roots
            names = [f'{number}-{name}' for number, name in enumerate(names, 1)]
        words = ['--seeds', *folders, '--names', *names, '--tie', entry.get('tie', 'lowest')]
        split = self.work / 'lists' / 'train.txt'
        words += ['--classes', ','.join(self.classes), '--split', str(split)]
        return self._step('labels', ['tools/aggregate_seeds.py', *words], inputs)

    def _affinity(self, random_seed: int) -> Step:
        """Seeds by learned affinity: labels for the affinity network, the network, the seeds."""
        paths = self.budget['affinity']
        classifier = self.classifier(random_seed)
        words = [classifier.checkpoint]
        make = ['tools/make_seeds.py']
        config = self._seed_config(paths['labels'], random_seed)
        labels = self._step('labels', make, [classifier], config, '', words)
        config = copy.deepcopy(read_config(paths['network']))
        config.train_dataloader.dataset.update(
            data_root=str(self.data),
            ann_file=self._list('train'),
            seed_root=str(labels.root),
        )
        config.merge_from_dict(self.options)
        config.randomness = dict(seed=random_seed)
        weights = f'iter_{config.train_cfg.max_iters}.pth'
        network = self._step('affinity', ['tools/train.py'], [labels], config, weights)
        config = self._seed_config(paths['seeds'], random_seed)
        config.seed_generation.background.labels = str(labels.root)
        refiner = config.seed_generation.refine[0]
        refiner.update(config=str(network.config_path), checkpoint=network.checkpoint)
        return self._step('labels', make, [classifier, labels, network], config, '', words)

    def _seed_config(self, path: str, random_seed: int, images: str = 'train') -> Config:
        config = copy.deepcopy(read_config(path))
        config.custom_hooks = [INITIAL_WEIGHTS]  # seeds are a step of their own
        for part in ('train', 'val', 'test'):
            config[f'{part}_dataloader'].dataset.data_root = str(self.data)
        config.train_dataloader.dataset.ann_file = self._list(images)
        config.seed_generation.random_seed = random_seed
        config.seed_generation.pop('out', None)
        return config

    def _list(self, images: str) -> str:
        return str(self.work / 'lists' / f'{images}.txt')

    def _step(
        self,
        kind: str,
        command: list[str],
        inputs: list[Step],
        config: Config | None = None,
        weights: str = '',
        words: Iterable[str] = (),
    ) -> Step:
        inputs = [one for one in inputs if one.command]  # not those that other commands made
        text = ''
        if config is not None:
            values = config.to_dict()
            text = '\n'.join(f'{key} = {pformat(values[key])}' for key in sorted(values)) + '\n'
        # The same on every machine: paths are by the work dir, whatever it is.
        whole = '\n'.join([text, *command, *words, *(one.digest for one in inputs)])
        digest = hashlib.sha256(whole.replace(str(self.work), '').encode()).hexdigest()[:12]
        folder = self.work / f'{kind}-{digest}'
        if folder not in self.steps:
            step = Step(folder, list(command), inputs, text, digest, weights)
            if text:
                step.command.append(str(step.config_path))
            step.command += words
            out = 'masks' if kind == 'test' else 'root'
            if kind in ('labels', 'masks', 'test'):
                step.command += ['--out', str(folder / out)]
            elif kind == 'tags':
                step.command += ['--out', str(folder / 'tags.csv'), '--overwrite']
            elif kind == 'evaluation':
                step.command += ['--out', str(folder)]
            if weights:
                step.command += ['--resume']
            if weights or kind == 'test' or 'tools/make_seeds.py' in command:
                step.command += ['--work-dir', str(folder)]
            self.steps[folder] = step
        return self.steps[folder]

    def write_lists(self) -> None:
        """Write the lists of photographs of this budget, and their tags of the study's classes."""
        lists = self.work / 'lists'
        lists.mkdir(parents=True, exist_ok=True)
        chosen = self.budget.get('photographs')  # a number of them, or a list
        every = read_split(self.data / 'ImageSets/Segmentation/train.txt')
        train = read_split(Path(chosen)) if isinstance(chosen, str) else spread(every, chosen)
        sample = spread(train, self.budget['sample'])
        parts = {'all': every, 'train': train, 'sample': sample, 'held-out': train[::10]}
        parts['learned'] = [one for place, one in enumerate(train) if place % 10]
        for name, ids in parts.items():
            write_atomic(lists / f'{name}.txt', '\n'.join([*ids, '']).encode())
        with (self.data / 'tags.csv').open(newline='', encoding='utf-8') as file:
            tags = {one['image_id']: one['tags'].split() for one in csv.DictReader(file)}
        lines = ['image_id,tags']
        for image_id in train:
            kept = [tag for tag in tags[image_id] if tag in self.classes]
            lines.append(f'{image_id},{" ".join(kept)}')
        write_atomic(lists / 'tags.csv', '\n'.join([*lines, '']).encode())
