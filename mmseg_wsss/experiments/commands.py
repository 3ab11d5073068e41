"""The command line of a step, which anyone can run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .config_text import fill_places
from .step import Step
from .study_data import SPLITS, DataLayout

WEIGHTS = 'weights.pth'


class Commands:
    """Makes command lines.

    Args:
        folder (Callable[[Step], Path]): Where a step keeps its files.
        data (Path): The data set.
        layout (DataLayout): Where it keeps what.
        lists (Path): Folder of ``<split>.txt`` and ``tags.csv``.
        root (Path): The root of the repository, where the commands are run; absolute, as all paths.
        readers (int): Processes that read the images of pseudo masks.
    """

    def __init__(
        self,
        folder: Callable[[Step], Path],
        data: Path,
        layout: DataLayout,
        lists: Path,
        root: Path,
        readers: int = 2,
    ) -> None:
        self.folder, self.data, self.layout, self.lists = folder, data, layout, lists
        self.root, self.readers = root, readers

    def config(self, step: Step) -> str | None:
        """Text of the step's config file, None for a step that needs none."""
        if 'config' not in step.settings:
            return None
        places = {'data': str(self.data)}
        places |= {f'split:{split}': str(self.lists / f'{split}.txt') for split in SPLITS}
        places |= {f'input:{role}': str(self.folder(one)) for role, one in step.inputs.items()}
        return fill_places(step.settings['config'], places)

    def config_path(self, step: Step) -> Path:
        """The step's config file: outside its folder, where mmengine writes a copy of its own."""
        return self.folder(step).parents[1] / 'configs' / f'{step.name}.py'

    def has_files(self, step: Step) -> bool:
        """Whether what other steps read of a finished one is there."""
        if step.kind in ('classifier', 'network'):
            return self._weights(step).is_file()
        if step.kind in ('seeds', 'aggregate', 'reweigh'):
            return (self.folder(step) / 'seeds' / 'manifest.json').is_file()
        return step.kind != 'masks' or (self.folder(step) / 'masks').is_dir()

    def of(self, step: Step) -> list[str]:
        """The command, without the Python interpreter; paths in the repository are relative."""
        words = getattr(self, f'_{step.kind}')(step, self.folder(step))
        return [self._shown(word) for word in words]

    def _classifier(self, step: Step, folder: Path) -> list:
        return ['tools/train.py', self.config_path(step), '--work-dir', folder, '--resume']

    _network = _classifier

    def _seeds(self, step: Step, folder: Path) -> list:
        words = ['tools/make_seeds.py', self.config_path(step)]
        if step.settings['mode'] == 'training':
            options = [f'{rate}={self._weights(one)}' for rate, one in step.inputs.items()]
            words += ['--dropout-checkpoint', *options]
        else:
            words.append(self._weights(step.inputs['classifier']))
        return [*words, '--out', folder / 'seeds', '--work-dir', folder]

    def _aggregate(self, step: Step, folder: Path) -> list:
        voters = step.settings['voters']
        places = [self.folder(step.inputs[role]) / masks for role, masks, _ in voters]
        (split,) = step.settings['images']
        return [
            'tools/aggregate_seeds.py',
            *('--seeds', *places),
            *('--names', *(name for _, _, name in voters)),
            *('--out', folder / 'seeds'),
            *('--classes', ','.join(step.settings['classes'])),
            *('--tie', step.settings['tie']),
            *('--split', self.lists / f'{split}.txt'),
        ]

    def _reweigh(self, step: Step, folder: Path) -> list:
        root = self.folder(step.inputs['root']) / 'seeds'
        share = ['--share', step.settings['share']]
        return ['-m', 'mmseg_wsss.experiments.classwise', root, '--out', folder / 'seeds', *share]

    def _judge(self, step: Step, folder: Path) -> list:
        words = ['tools/evaluate_seeds.py', self.folder(step.inputs['root']) / 'seeds']
        words += ['--gt', self.data / self.layout.masks]
        if step.settings['mask_classes']:
            words += ['--gt-classes', step.settings['mask_classes']]
        words += ['--split', self.lists / f'{step.settings["split"]}.txt', '--out', folder]
        return words + ['--subsets'] * step.settings['subsets'] + ['--pictures', 0]

    def _masks(self, step: Step, folder: Path) -> list:
        network = step.inputs['network']
        words = ['tools/make_pseudo_masks.py', self.config_path(network)]
        words.append(self._weights(network))
        words += ['--out', folder / 'masks', '--tags', self.lists / 'tags.csv']
        words += ['--num-workers', self.readers]
        return words + self._evaluation(step)

    def _test(self, step: Step, folder: Path) -> list:
        network = step.inputs['network']
        words = ['tools/test.py', self.config_path(network), self._weights(network)]
        words += ['--work-dir', folder, '--out', folder / 'masks']
        return words + self._evaluation(step)

    @staticmethod
    def _evaluation(step: Step) -> list:
        crf = step.settings['crf']
        return ['--tta'] * step.settings['tta'] + (['--crf', crf] if crf else [])

    def _shown(self, word: object) -> str:
        if isinstance(word, Path) and word.is_relative_to(self.root):
            word = word.relative_to(self.root)
        return str(word)

    def _weights(self, step: Step) -> Path:
        return self.folder(step) / WEIGHTS
