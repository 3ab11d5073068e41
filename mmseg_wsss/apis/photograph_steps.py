"""What the steps of a run from photographs and tags are: each a command of ``tools/``."""

from __future__ import annotations

import json
import os.path as osp
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from ..checks.report import count_by_class
from ..converters.affinity_configs import affinity_kinds, split_rounds
from ..converters.folder_configs import last_checkpoint_name
from ..converters.folder_inputs import MASK_FOLDER, FolderDescription, group_by_suffix, list_images
from ..datasets.splits import read_split
from ..datasets.tags import read_tags
from ..reporting.seed_page import PAGE_NAME
from ..store import AGGREGATED_FOLDER, MANIFEST_NAME, SeedManifest
from .check_tags import VERDICTS
from .run_options import RunOptions
from .run_results import TESTS, RunResults
from .run_steps import Step

CONFIG_NAME = 'run'


class PhotographSteps:
    """The steps of a run, and the files that they read and make.

    Args:
        options (RunOptions): What is asked for.
    """

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.root = Path(options.out)
        self.data = self.root / 'data'
        self.configs = self.root / 'configs'
        self.seeds = self.root / 'seeds'
        self.cls_config = self.configs / f'{CONFIG_NAME}_cls.py'
        self.pnl_config = self.configs / f'{CONFIG_NAME}_pnl.py'
        rounds, spread = split_rounds(affinity_kinds(options.affinity_rounds))
        self.affinity_rounds = [] if options.affinity is None else rounds
        self.affinity_seeds = self.config_of(spread)
        self.predicted_tags = self.root / 'predicted-tags.csv'  # of the photographs that judge
        self.new_tags = self.root / 'new-tags.csv'
        self.lists = [self.data / name for name in ('tags.csv', 'train.txt', 'dataset.json')]

    @cached_property
    def photographs(self) -> dict[str, str]:
        """The given photographs: id to path."""
        return list_images(self.options.photos)

    @cached_property
    def description(self) -> FolderDescription:
        """What the data set says of itself, once it is there."""
        return FolderDescription.load(str(self.data))

    @cached_property
    def results(self) -> RunResults:
        """The scores of what the steps have made."""
        return RunResults(self.root, self.description)

    @cached_property
    def classifier(self) -> Path:
        """The checkpoint that the training of the classifier ends with."""
        return self._last_checkpoint(self.cls_config)

    @cached_property
    def network(self) -> Path:
        """The checkpoint that the training of the network ends with."""
        return self._last_checkpoint(self.pnl_config)

    def config_of(self, kind: str) -> Path:
        """Give the path of the config whose name ends so."""
        return self.configs / f'{CONFIG_NAME}_{kind}.py'

    def _command(self, tool: str, *words: object) -> list[str]:
        path = self.options.tools / tool
        near = Path(osp.relpath(path))
        shorter = near if len(str(near)) < len(str(path)) else path
        return [str(shorter), *map(str, words)]

    def _log(self, name: str) -> Path:
        return self.root / 'logs' / f'{name}.log'

    def prepare(self) -> Step:
        """Check photographs, tags and masks, and make a data set of them."""
        options = self.options
        words: list[object] = ['prepare', options.photos, *options.tags, self.data]
        if options.tags_from != 'auto':
            words += ['--tags-from', options.tags_from]
        if options.masks:
            words += ['--masks', options.masks]
        if options.val_list:
            words += ['--val-list', options.val_list]
        if options.classes:
            words += ['--classes', *options.classes]
        suffixes = group_by_suffix(self.photographs)
        if len(suffixes) > 1:
            words += ['--copy-images']  # a data set has images of one suffix

        return Step(
            'prepare',
            'Check photographs, tags and masks',
            self._command('dataset_converters/folder.py', *words),
            always=True,
            summary=self.data_lines,
        )

    def data_lines(self) -> list[str]:
        """Say how many photographs there are, of which classes, and what is odd about them."""
        classes = self.description.classes
        tags = read_tags(str(self.data / 'tags.csv'), classes)
        train = read_split(self.data / 'train.txt')
        val = self.data / 'val.txt'
        judged = len(read_split(val)) if val.is_file() else 0
        lines = [f'{len(train):,} photographs train, {judged:,} with masks judge']
        lines.append(f'tags: {count_by_class([tags[one] for one in train], tuple(classes))}')
        log = self._log('prepare').read_text(errors='replace')
        remarks = [line.strip() for line in log.splitlines() if line.startswith('remark')]
        return (
            lines + remarks[:5] + [f'... {len(remarks) - 5} more in the log'] * (len(remarks) > 5)
        )

    def write_configs(self) -> Step:
        """Choose networks and schedules."""
        options = self.options
        words: list[object] = ['make_config', self.data, self.configs, '--name', CONFIG_NAME]
        words += ['--runs', self.root]
        for name in ('weights', 'cls_base', 'pnl_base'):
            value = getattr(options, name)
            if value:
                words += [f'--{name.replace("_", "-")}', value]
        if options.affinity is not None:
            words += ['--affinity', *([options.affinity] if options.affinity else [])]
            if options.affinity_rounds > 1:
                words += ['--affinity-rounds', options.affinity_rounds]
        return Step(
            'configs',
            'Choose networks and schedules',
            self._command('dataset_converters/folder.py', *words),
            inputs=self.lists[1:],  # corrected tags do not undo what was edited by hand
            makes=[self.configs],
            keeps=True,
            summary=lambda: [f'* {reason}' for reason in self.reasons()],
        )

    def reasons(self) -> list[str]:
        """Give the reasons for the chosen networks and schedules, as their config says them."""
        lines = self.cls_config.read_text(encoding='utf-8').splitlines()
        return [line.removeprefix('# * ') for line in lines if line.startswith('# * ')]

    def check_tags(self, name: str, title: str, *checkpoint: Path) -> Step:
        """Check whether the tags can be told from the photographs."""
        return Step(
            name,
            title,
            self._command('check_tags.py', self.cls_config, *checkpoint),
            inputs=[*self.lists, self.cls_config],
            after=['classifier'] if checkpoint else [],
            summary=lambda: self.verdict(name),
        )

    def verdict(self, name: str) -> list[str]:
        """Find the sentence that a check of the tags ended with; none where it broke off."""
        log = self._log(name).read_text(errors='replace')
        return [line for line in log.splitlines() if line.startswith(VERDICTS)][-1:]

    def _training(
        self, name: str, title: str, config: Path, out: str, after: Sequence[str] = ()
    ) -> Step:
        return Step(
            name,
            title,
            self._command('train.py', config, '--resume'),
            inputs=[*self.lists, config],
            after=after,
            makes=[self.root / out],
            keeps=True,
        )

    def train_classifier(self) -> Step:
        """Train the classifier on the tags."""
        title = 'Train the classifier on the tags'
        return self._training('classifier', title, self.cls_config, 'classifier')

    def _last_checkpoint(self, config: Path) -> Path:
        cfg = Config.fromfile(str(config))
        return Path(cfg.work_dir) / last_checkpoint_name(cfg)

    def find_threshold(self) -> Step:
        """Choose the background threshold on the masks."""
        words = ['--gt', self.data / MASK_FOLDER, '--split', self.data / 'val.txt']
        words += ['--out', self.root / 'background']
        return Step(
            'threshold',
            'Choose the background threshold on the masks',
            self._command('background_curve.py', self.cls_config, self.classifier, *words),
            inputs=[*self.lists, self.cls_config],
            after=['classifier'],
            makes=[self.root / 'background'],
            summary=lambda: [f'threshold {self.chosen_threshold():.2f}'],
        )

    def chosen_threshold(self) -> float:
        """Read the threshold that was chosen on the masks."""
        path = self.root / 'background' / 'background_curve.json'
        curves = json.loads(path.read_text(encoding='utf-8'))['seeds']
        return next(iter(curves.values()))['best']['threshold']

    def learn_affinity(self) -> list[Step]:
        """Make the labels that an affinity network learns from and train it, in each round."""
        steps, after = [], 'classifier'
        for number, (labels, network) in enumerate(self.affinity_rounds):
            again = ' once more, with what has been learnt' * (number > 0)
            config = self.config_of(labels)
            steps.append(
                Step(
                    labels,
                    f'Label what is surely an object or surely background{again}',
                    self._command('make_seeds.py', config, self.classifier),
                    inputs=[*self.lists, self.cls_config, config],
                    after=[after],
                    makes=[self.root / labels],
                )
            )
            title = 'Learn from these labels which pixels belong together'
            after = self.affinity_step(network)
            steps.append(self._training(after, title, self.config_of(network), network, [labels]))
        return steps

    @staticmethod
    def affinity_step(network: str) -> str:
        """Give the name of the step that trains the network whose config's name ends so."""
        return network.removesuffix('-net')

    def make_seeds(self) -> Step:
        """Make the seeds and their vote."""
        config, inputs, after = self.cls_config, [self.cls_config], ['classifier']
        if self.affinity_rounds:
            config = self.affinity_seeds
            last = self.affinity_step(self.affinity_rounds[-1][1])
            inputs, after = [*inputs, config], [*after, last]
        words: list[object] = [config, self.classifier]
        if self.options.threshold_from_masks:
            value = self.chosen_threshold()
            words += ['--cfg-options', f'seed_generation.background.threshold={value:.2f}']
        return Step(
            'seeds',
            'Make six seeds of each photograph, refine them, vote',
            self._command('make_seeds.py', *words),
            inputs=[*self.lists, *inputs],
            after=after,
            makes=[self.seeds],
            keeps=True,
            summary=self._seed_lines,
        )

    def _seed_lines(self) -> list[str]:
        fit = SeedManifest.load(self.seeds / MANIFEST_NAME).parameters.get('background_fit')
        lines = [f'look at them: {self.seeds / PAGE_NAME}']
        if fit:
            lines.insert(0, f'background threshold {fit["threshold"]:.2f}, found without masks')
        return lines

    def evaluate_seeds(self) -> Step:
        """Judge the seeds by the masks."""
        words = ['--gt', self.data / MASK_FOLDER, '--split', self.data / 'val.txt']
        words += ['--out', self.root / 'evaluation']
        vote = self.seeds / AGGREGATED_FOLDER
        return Step(
            'evaluation',
            'Judge the seeds by the masks',
            self._command('evaluate_seeds.py', self.seeds, *words),
            inputs=self.lists,
            after=['seeds'],
            makes=[self.root / 'evaluation'],
            summary=lambda: [f'vote: {100 * self.results.score(vote).miou:.1f} mIoU'],
        )

    def train_network(self) -> Step:
        """Train the network on the vote."""
        title = 'Train the network on the vote'
        return self._training('network', title, self.pnl_config, 'network', ['seeds'])

    def test(self) -> Step:
        """Test the network on the masks."""
        return self._test_step('network', 'Test the network on the masks', [])

    def tag_judged(self) -> Step:
        """Predict tags of the photographs with masks."""
        out = self.predicted_tags
        words = [self.data / self.description.img_path, '--split', self.data / 'val.txt']
        return self._tag_step(
            'predicted-tags', 'Let the classifier tag the photographs with masks', words, out
        )

    def test_predicted(self) -> Step:
        """Test the network, told the predicted tags."""
        tags = ['--tags', self.predicted_tags]
        title = 'Test the network, told the tags that the classifier predicts'
        return self._test_step('network told predicted tags', title, tags, ['predicted-tags'])

    def test_told(self) -> Step:
        """Test the network, told the given tags."""
        tags = ['--tags', self.data / 'tags.csv']
        title = 'Test the network, told the tags, which the vote knows'
        return self._test_step('network told the tags', title, tags)

    def _test_step(
        self, tested: str, title: str, more: list[object], after: Sequence[str] = ()
    ) -> Step:
        out = self.root / TESTS[tested]
        words = ['--work-dir', out, '--out', out / 'masks', *more]
        return Step(
            TESTS[tested],
            title,
            self._command('test.py', self.pnl_config, self.network, *words),
            inputs=self.lists,
            after=['network', *after],
            makes=[out],
            summary=lambda: [f'network: {100 * self.results.score(out / "masks").miou:.1f} mIoU'],
        )

    def _tag_step(
        self, name: str, title: str, words: list[object], out: Path, always: bool = False
    ) -> Step:
        words = [words[0], self.classifier, *words[1:], '--out', out]
        words.append('--overwrite')
        return Step(
            name,
            title,
            self._command('predict_tags.py', *words),
            inputs=self.lists,
            after=['classifier'],
            makes=[out],
            always=always,
        )

    def tag_new(self) -> Step:
        """Predict tags of the new photographs."""
        title = 'Let the classifier tag the new photographs, which helps on the masks'
        return self._tag_step('new-tags', title, [self.options.new], self.new_tags, always=True)

    def predict(self, tags: Path | None) -> Step:
        """Segment the new photographs, with predicted tags where these help."""
        out = self.root / 'predictions'
        words = [self.options.new, self.network, '--out', out]
        if tags is not None:
            words += ['--tags', tags]
        words.append('--overwrite')  # masks of the network before, or without tags
        return Step(
            'predict',
            'Segment the new photographs',
            self._command('predict.py', *words),
            always=True,
            after=['network'],
            summary=lambda: [f'masks and overlays: {out}'],
        )
