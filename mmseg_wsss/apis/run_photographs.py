"""The whole road from photographs and tags to a network and its masks, step by step."""

from __future__ import annotations

import json
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from ..checks.report import count_by_class
from ..converters.affinity_configs import KINDS
from ..converters.folder_configs import last_checkpoint_name
from ..converters.folder_inputs import (
    MASK_FOLDER,
    TRAINVAL_LIST,
    FolderDescription,
    group_by_suffix,
    list_images,
)
from ..datasets.splits import read_split
from ..datasets.tags import read_tags
from ..reporting.run_page import RunReport, write_run_page
from ..reporting.seed_page import PAGE_NAME
from ..store import AGGREGATED_FOLDER, MANIFEST_NAME, SeedManifest
from .check_tags import VERDICTS
from .run_results import TESTS, RunResults
from .run_steps import STATE, Step, StepError, StepRunner, clock
from .time_estimates import estimate_seconds

CONFIG_NAME = 'run'
# A table of choices that looked at masks says so in these words.
FROM_MASKS = 'chosen on the ground truth of {number} photographs, and so are all scores on these'


@dataclass(frozen=True)
class RunOptions:
    """What ``tools/run.py`` is asked for.

    Attributes:
        photos (str): Folder of photographs.
        tags (Sequence[str]): Files or a folder that have the tags, see ``folder.py prepare``.
        out (str): Folder of all results.
        tools (Path): Folder of the commands.
        tags_from (str): What ``tags`` is, see
            :data:`~mmseg_wsss.converters.tag_sources.SOURCES`.
        masks (str, optional): Folder of ground truth: these photographs judge and do not train.
        val_list (str, optional): Ids of the photographs that judge, instead of those with a mask.
        new (str, optional): Folder of photographs to segment in the end.
        classes (Sequence[str], optional): Foreground classes in order.
        weights (str, optional): File of initial weights.
        cls_base (str, optional): Config of the classifier, instead of a recipe.
        pnl_base (str, optional): Config of the network, instead of a recipe.
        affinity (str, optional): Spread the seeds by learned affinity: config of its network to
            start from, or ``''`` for the recipe's.
        threshold_from_masks (bool): Choose the background threshold on the masks.
        plan_only (bool): Stop before the first training.
        again (bool): Make results of changed inputs anew.
        force (bool): Go on although the tags look like chance.
    """

    photos: str
    tags: Sequence[str]
    out: str
    tools: Path
    tags_from: str = 'auto'
    masks: str | None = None
    val_list: str | None = None
    new: str | None = None
    classes: Sequence[str] | None = None
    weights: str | None = None
    cls_base: str | None = None
    pnl_base: str | None = None
    affinity: str | None = None
    threshold_from_masks: bool = False
    plan_only: bool = False
    again: bool = False
    force: bool = False


def _verdict(log: Path) -> list[str]:
    """Find the sentence that ``tools/check_tags.py`` ends with."""
    lines = log.read_text(errors='replace').splitlines()
    return [line for line in lines if line.startswith(VERDICTS)][-1:]


class PhotographRun:
    """A run of all steps; each is a command of ``tools/`` that can be run alone.

    Args:
        options (RunOptions): What is asked for.
        runner (StepRunner, optional): Runs the steps.

    Raises:
        ValueError: If options contradict each other, or the folder holds something else.
    """

    def __init__(self, options: RunOptions, runner: StepRunner | None = None) -> None:
        if options.threshold_from_masks and options.masks is None:
            raise ValueError('--threshold-from-masks needs the masks, --masks.')
        if options.threshold_from_masks and options.affinity is not None:
            raise ValueError(
                '--affinity finds its threshold from labels of its own, give either it or '
                '--threshold-from-masks.'
            )
        self.options = options
        self.root = Path(options.out)
        begun = self.root.is_dir() and any(self.root.iterdir())
        if begun and not (self.root / STATE).is_file():
            raise ValueError(f'{self.root}: holds something else than a run; give another --out.')
        self.runner = runner or StepRunner(self.root, options.again)
        self.data = self.root / 'data'
        self.configs = self.root / 'configs'
        self.seeds = self.root / 'seeds'
        self.cls_config = self.configs / f'{CONFIG_NAME}_cls.py'
        self.pnl_config = self.configs / f'{CONFIG_NAME}_pnl.py'
        self.affinity_labels, self.affinity_net, self.affinity_seeds = (
            self.configs / f'{CONFIG_NAME}_{kind}.py' for kind in KINDS
        )
        self.predicted_tags = self.root / 'predicted-tags.csv'  # of the photographs that judge
        self.lists = [self.data / name for name in ('tags.csv', 'train.txt', 'dataset.json')]

    def run(self) -> Path | None:
        """Do all steps that are left.

        Returns:
            Path | None: The report; None after a plan.

        Raises:
            StepError: If a step fails or stops the run.
            FileNotFoundError, ValueError: If there are no photographs or no tags.
        """
        self.runner.run(self._prepare())
        self.description = FolderDescription.load(str(self.data))
        self.results = RunResults(self.root, self.description)
        self.runner.run(self._write_configs())
        self._show_plan()
        if self.options.plan_only:
            return None
        self._check_tags('tags', 'Can the tags be told from the photographs?', [])
        self.runner.run(self._train_classifier())
        checkpoint = self._checkpoint(self.cls_config)
        self._check_tags('classifier-check', 'Has the classifier learnt them?', [checkpoint])
        if self.options.threshold_from_masks:
            self.runner.run(self._find_threshold(checkpoint))
        if self.options.affinity is not None:
            self.runner.run(self._make_labels(checkpoint))
            self.runner.run(self._learn_affinity())
        self.runner.run(self._make_seeds(checkpoint))
        if self.description.has_masks:
            self.runner.run(self._evaluate_seeds())
        self.runner.run(self._train_network())
        if self.description.has_masks:
            self.runner.run(self._test())
            self.runner.run(self._tag_judged())
            self.runner.run(self._test_predicted())
            self.runner.run(self._test_told())
        if self.options.new is not None:
            self._segment_new()
        return self._report()

    @cached_property
    def _photographs(self) -> dict[str, str]:
        return list_images(self.options.photos)

    def _command(self, tool: str, *words: object) -> list[str]:
        path = self.options.tools / tool
        near = Path(osp.relpath(path))
        shorter = near if len(str(near)) < len(str(path)) else path
        return [str(shorter), *map(str, words)]

    def _prepare(self) -> Step:
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
        suffixes = group_by_suffix(self._photographs)
        if len(suffixes) > 1:
            words += ['--copy-images']  # a data set has images of one suffix

        return Step(
            'prepare',
            'Check photographs, tags and masks',
            self._command('dataset_converters/folder.py', *words),
            always=True,
            summary=self._data_lines,
        )

    def _data_lines(self) -> list[str]:
        classes = FolderDescription.load(str(self.data)).classes
        tags = read_tags(str(self.data / 'tags.csv'), classes)
        train = read_split(self.data / 'train.txt')
        val = self.data / 'val.txt'
        judged = len(read_split(val)) if val.is_file() else 0
        lines = [f'{len(train):,} photographs train, {judged:,} with masks judge']
        lines.append(f'tags: {count_by_class([tags[one] for one in train], tuple(classes))}')
        log = (self.root / 'logs' / 'prepare.log').read_text(errors='replace')
        remarks = [line.strip() for line in log.splitlines() if line.startswith('remark')]
        return (
            lines + remarks[:5] + [f'... {len(remarks) - 5} more in the log'] * (len(remarks) > 5)
        )

    def _write_configs(self) -> Step:
        options = self.options
        words: list[object] = ['make_config', self.data, self.configs, '--name', CONFIG_NAME]
        words += ['--runs', self.root]
        for name in ('weights', 'cls_base', 'pnl_base'):
            value = getattr(options, name)
            if value:
                words += [f'--{name.replace("_", "-")}', value]
        if options.affinity is not None:
            words += ['--affinity', *([options.affinity] if options.affinity else [])]
        return Step(
            'configs',
            'Choose networks and schedules',
            self._command('dataset_converters/folder.py', *words),
            inputs=self.lists[1:],  # corrected tags do not undo what was edited by hand
            makes=[self.configs],
            keeps=True,
            summary=lambda: [f'* {reason}' for reason in self._reasons()],
        )

    def _reasons(self) -> list[str]:
        lines = self.cls_config.read_text(encoding='utf-8').splitlines()
        return [line.removeprefix('# * ') for line in lines if line.startswith('# * ')]

    def _show_plan(self) -> None:
        """Print how long the steps that are left will take about."""
        spread = self.options.affinity is not None
        names = ['classifier', *['affinity'] * spread, 'seeds', 'network']
        left = [name for name in names if self.runner.seconds(name) is None]
        if not left:
            return
        photographs = list(self._photographs.values())[:2]
        images = TRAINVAL_LIST if self.description.has_masks else 'train.txt'
        number = len(read_split(self.data / images))
        try:
            seconds = estimate_seconds(
                self.cls_config,
                self.pnl_config,
                photographs,
                number,
                self.affinity_net if spread else None,
            )
        except Exception as error:  # of bases of any kind; an estimate stops no run
            print(f'\nHow long it will take cannot be said ({type(error).__name__}: {error}).')
            return
        parts = [f'{name} {clock(seconds[name])}' for name in left]
        total = clock(sum(seconds[name] for name in left))
        print(f'\nLeft to do, as measured on this machine: {", ".join(parts)}; about {total}.')

    def _check_tags(self, name: str, title: str, checkpoint: list[Path]) -> None:
        log = self.root / 'logs' / f'{name}.log'
        step = Step(
            name,
            title,
            self._command('check_tags.py', self.cls_config, *checkpoint),
            inputs=[*self.lists, self.cls_config],
            after=['classifier'] if checkpoint else [],
            summary=lambda: _verdict(log),
        )
        try:
            self.runner.run(step)
        except StepError:
            verdict = _verdict(log)
            if not verdict:
                raise
            print(f'  {verdict[0]}')
            if not self.options.force:
                raise StepError('Stopped. --force goes on nevertheless.') from None

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

    def _train_classifier(self) -> Step:
        title = 'Train the classifier on the tags'
        return self._training('classifier', title, self.cls_config, 'classifier')

    def _checkpoint(self, config: Path) -> Path:
        cfg = Config.fromfile(str(config))
        return Path(cfg.work_dir) / last_checkpoint_name(cfg)

    def _find_threshold(self, checkpoint: Path) -> Step:
        words = ['--gt', self.data / MASK_FOLDER, '--split', self.data / 'val.txt']
        words += ['--out', self.root / 'background']
        return Step(
            'threshold',
            'Choose the background threshold on the masks',
            self._command('background_curve.py', self.cls_config, checkpoint, *words),
            inputs=[*self.lists, self.cls_config],
            after=['classifier'],
            makes=[self.root / 'background'],
            summary=lambda: [f'threshold {self._chosen_threshold():.2f}'],
        )

    def _chosen_threshold(self) -> float:
        path = self.root / 'background' / 'background_curve.json'
        curves = json.loads(path.read_text(encoding='utf-8'))['seeds']
        return next(iter(curves.values()))['best']['threshold']

    def _make_labels(self, checkpoint: Path) -> Step:
        return Step(
            'affinity-labels',
            'Label what is surely an object or surely background',
            self._command('make_seeds.py', self.affinity_labels, checkpoint),
            inputs=[*self.lists, self.cls_config, self.affinity_labels],
            after=['classifier'],
            makes=[self.root / KINDS[0]],
        )

    def _learn_affinity(self) -> Step:
        title = 'Learn from these labels which pixels belong together'
        return self._training('affinity', title, self.affinity_net, KINDS[1], ['affinity-labels'])

    def _make_seeds(self, checkpoint: Path) -> Step:
        config, inputs, after = self.cls_config, [self.cls_config], ['classifier']
        if self.options.affinity is not None:
            config = self.affinity_seeds
            inputs, after = [*inputs, config], [*after, 'affinity']
        words: list[object] = [config, checkpoint]
        if self.options.threshold_from_masks:
            value = self._chosen_threshold()
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

    def _evaluate_seeds(self) -> Step:
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

    def _train_network(self) -> Step:
        title = 'Train the network on the vote'
        return self._training('network', title, self.pnl_config, 'network', ['seeds'])

    def _test(self) -> Step:
        return self._test_step('network', 'Test the network on the masks', [])

    def _tag_judged(self) -> Step:
        out = self.predicted_tags
        words = [self.data / self.description.img_path, '--split', self.data / 'val.txt']
        return self._tag_step(
            'predicted-tags', 'Let the classifier tag the photographs with masks', words, out
        )

    def _test_predicted(self) -> Step:
        tags = ['--tags', self.predicted_tags]
        title = 'Test the network, told the tags that the classifier predicts'
        return self._test_step('network told predicted tags', title, tags, ['predicted-tags'])

    def _test_told(self) -> Step:
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
            self._command('test.py', self.pnl_config, self._checkpoint(self.pnl_config), *words),
            inputs=self.lists,
            after=['network', *after],
            makes=[out],
            summary=lambda: [f'network: {100 * self.results.score(out / "masks").miou:.1f} mIoU'],
        )

    def _tag_step(
        self, name: str, title: str, words: list[object], out: Path, always: bool = False
    ) -> Step:
        words = [words[0], self._checkpoint(self.cls_config), *words[1:], '--out', out]
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

    def _segment_new(self) -> None:
        """Segment the new photographs, with predicted tags where these help on the masks."""
        tags: list[object] = []
        if self.description.has_masks and self.results.predicted_tags_help():
            out = self.root / 'new-tags.csv'
            title = 'Let the classifier tag the new photographs, which helps on the masks'
            self.runner.run(self._tag_step('new-tags', title, [self.options.new], out, always=True))
            tags = ['--tags', out]
        self.runner.run(self._predict(tags))

    def _predict(self, tags: list[object]) -> Step:
        out = self.root / 'predictions'
        words = [self.options.new, self._checkpoint(self.pnl_config), '--out', out, *tags]
        words.append('--overwrite')  # masks of the network before, or without tags
        return Step(
            'predict',
            'Segment the new photographs',
            self._command('predict.py', *words),
            always=True,
            after=['network'],
            summary=lambda: [f'masks and overlays: {out}'],
        )

    def _report(self) -> Path:
        has_masks, new = self.description.has_masks, self.options.new
        choices = self._reasons()
        if self.options.threshold_from_masks:
            number = len(read_split(self.data / 'val.txt'))
            value = f'background threshold {self._chosen_threshold():.2f}'
            choices = [one for one in choices if not one.startswith('background threshold')]
            choices.append(f'{value}: {FROM_MASKS.format(number=number)}')
        manifest = SeedManifest.load(self.seeds / MANIFEST_NAME)
        report = RunReport(
            classes=self.description.classes,
            palette=self.description.palette,
            data=self._data_lines(),
            choices=choices,
            steps=[
                (record['command'], record.get('seconds')) for record in self.runner.state.values()
            ],
            scores=self.results.scores() if has_masks else {},
            judged=self.results.judged() if has_masks else [],
            predicted=[] if new is None else self.results.predicted(new),
            supervision=manifest.parameters.get('supervision', 'I'),
            seed_page=str((self.seeds / PAGE_NAME).relative_to(self.root)),
        )
        return write_run_page(self.root / PAGE_NAME, report)
