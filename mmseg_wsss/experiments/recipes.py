"""Makes the steps of a study: what a classifier, a seed root, a network of it are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg_wsss.seeds import AGGREGATED_FOLDER

from .budget import PAPER_SIX, Budget
from .classifier_config import classifier_config, training_crop
from .config_changes import rescale_schedule
from .config_text import config_text, set_options
from .network_config import network_config
from .step import Step
from .training import AS_IN_THE_BUDGET, Training

SEED_DEFAULTS = dict(
    scales=(0.5, 1.0, 1.5, 2.0),
    num_draws=1,
    background=dict(kind='constant', threshold=0.2),
    refine='irn',
)


class Recipes:
    """Makes steps of one budget.

    Args:
        budget (Budget): Which networks, how many images and iterations.
        digests (Mapping[str, str]): Hash of the images of each split.
        numbers (Mapping[str, int]): Number of the images of each split.
        configs (Path): The folder of configs.
    """

    def __init__(
        self, budget: Budget, digests: Mapping[str, str], numbers: Mapping[str, int], configs: Path
    ) -> None:
        self.budget, self.digests, self.numbers = budget, dict(digests), dict(numbers)
        self.configs = Path(configs)
        self._classifiers: dict[tuple, Step] = {}
        section = self._classifier_config(None).get('seed_generation', {})
        # What the classifier's config says of seeds, over what tools/make_seeds.py does by default.
        self.seed_defaults = {**SEED_DEFAULTS, **section}
        self.seed_defaults.pop('out', None)

    def classifier(self, random_seed: int, dropout: float | None = None) -> Step:
        """A classifier trained on tags; ``dropout`` replaces the config's rate in training."""
        made = self._classifiers.get((random_seed, dropout))
        if made is None:
            made = self._classifiers[random_seed, dropout] = self._classifier(random_seed, dropout)
        return made

    def seeds(
        self,
        random_seed: int,
        names: Sequence[str] = PAPER_SIX,
        split: str = 'train',
        mode: str = 'inference',
        **section: Any,
    ) -> Step:
        """A seed root.

        Args:
            random_seed (int): Of the classifier and of the draws.
            names (Sequence[str]): Seeds, ``<dropout>-<scale>``.
            split (str): Which images.
            mode (str): ``'inference'``: one classifier, dropout at seed time; ``'training'``: one
                classifier per rate, dropout in training only.
            **section: Replaces keys of the config's ``seed_generation``.
        """
        pairs = [tuple(map(float, name.split('-'))) for name in names]
        config = self._classifier_config(None)
        set_options(config, {'train_dataloader.dataset.ann_file': f'<split:{split}>'})
        defaults = self.seed_defaults
        config['seed_generation'] = {
            **defaults, 'seeds': pairs, 'random_seed': random_seed, **section
        }  # fmt: skip
        if mode == 'training':
            rates = sorted({dropout for dropout, _ in pairs})
            inputs = {f'{rate:.2f}': self.classifier(random_seed, rate) for rate in rates}
        else:
            inputs = {'classifier': self.classifier(random_seed)}
        used = config['seed_generation']
        seconds = self.budget.speeds.seeds(
            self.numbers[split], len(names), tuple(used['scales']), used['refine'] is not None
        )
        title = f'{len(names)} seeds, random seed {random_seed}'
        changed = [f'{key}={value}' for key, value in section.items()]
        changed += ['dropout in training only'] * (mode == 'training')
        title = ', '.join([title, *changed])
        settings = self._settings(self.budget.classifier, config, split)
        return Step('seeds', title, {**settings, 'mode': mode}, inputs, seconds)

    def aggregate(
        self,
        sources: Sequence[tuple[Step, str]],
        split: str = 'train',
        tie: str = 'lowest',
        title: str = 'aggregate',
    ) -> Step:
        """The vote of masks on disk.

        Args:
            sources (Sequence[tuple[Step, str]]): Of each voter the step that made it and its seed's
                name; '' for the masks of a network.
            split (str): Which images.
            tie (str): Who wins a tie.
            title (str): For people.
        """
        inputs, voters = {}, []
        networks = sum(not name for _, name in sources)
        for step, name in sources:
            folder = f'seeds/{name}' if name else 'masks'
            inputs[step.name] = step
            if not name:
                name = 'network' if networks == 1 else f'network-{len(voters) + 1}'
            # The role is the input's key, so the settings say the same in a tree of steps.
            voters.append([step.name, folder, name])
        settings = dict(
            voters=voters,
            tie=tie,
            classes=list(self.budget.layout.classes),
            images={split: self.digests[split]},
        )
        seconds = self.budget.speeds.voted(self.numbers[split])
        return Step('aggregate', f'{title}, tie {tie}', settings, inputs, seconds)

    def reweigh(self, root: Step, share: float) -> Step:
        """An aggregate whose agreement knows a threshold for each class."""
        settings = dict(share=share, classes=list(self.budget.layout.classes))
        seconds = self.budget.speeds.voted(self.numbers['train'])
        return Step(
            'reweigh', f'class-wise thresholds, share {share}', settings, dict(root=root), seconds
        )

    def judge(self, root: Step, split: str = 'train') -> Step:
        """Scores of a seed root on the true masks of training images."""
        settings = dict(
            images={split: self.digests[split]},
            split=split,
            mask_classes=self.budget.layout.mask_classes,
            subsets=root.kind == 'seeds',
        )
        seconds = self.budget.speeds.judged(self.numbers[split])
        return Step('judge', f'scores of {root.title}', settings, dict(root=root), seconds)

    def network(
        self,
        random_seed: int,
        labels: Step | None,
        annotations: Mapping[str, Any],
        loss: Mapping[str, Any] | None = None,
        seed: str = AGGREGATED_FOLDER,
        second: bool = False,
        title: str = 'network',
        training: Training = AS_IN_THE_BUDGET,
    ) -> Step:
        """A trained network.

        Args:
            random_seed (int): Of the training.
            labels (Step, optional): Makes the seed root; the true masks where None.
            annotations (Mapping): The step of the pipeline that loads the labels.
            loss (Mapping, optional): Replaces the config's, hybrid learning.
            seed (str): Which masks of the root.
            second (bool): Whether it is the second architecture.
            title (str): For people.
            training (Training): What differs from the budget.
        """
        budget = self.budget
        name = budget.second if second else budget.network
        options = budget.second_options if second else budget.network_options
        inputs = {} if labels is None else dict(labels=labels)
        from_classifier = training.from_classifier
        if from_classifier is None:
            from_classifier = budget.from_classifier
        if from_classifier:
            inputs['classifier'] = self.classifier(random_seed)
        config = network_config(
            self.configs / name,
            budget,
            options,
            annotations,
            loss,
            None if labels is None else seed,
            training,
            from_classifier,
        )
        config['randomness'] = dict(seed=random_seed)
        iterations = config['train_cfg']['max_iters']
        crop = config['model']['data_preprocessor']['size'][0]
        seconds = budget.speeds.network(iterations, budget.batch, crop)
        settings = self._settings(name, config, 'train')
        settings['checkpoint'] = f'iter_{iterations}.pth'
        return Step('network', f'{title}, random seed {random_seed}', settings, inputs, seconds)

    def masks(self, network: Step, tta: bool = True, crf: str | None = 'deeplab') -> Step:
        """Pseudo masks of the training images, only with classes of their tags."""
        settings = dict(tta=tta, crf=crf, images={'train': self.digests['train']})
        seconds = self.budget.speeds.tested(
            self.numbers['train'], tta, crf is not None, self.budget.crop or 320
        )
        return Step('masks', f'masks of {network.title}', settings, dict(network=network), seconds)

    def test(self, network: Step, tta: bool = False, crf: str | None = None) -> Step:
        """Scores of a network on the validation images."""
        layout = self.budget.layout
        settings = dict(
            tta=tta,
            crf=crf,
            images={'val': self.digests['val']},
            classes=list(layout.classes),
            mask_classes=layout.mask_classes,
        )
        seconds = self.budget.speeds.tested(
            self.numbers['val'], tta, crf is not None, self.budget.crop or 320
        )
        title = f'test of {network.title}' + ', TTA' * tta + (f', CRF {crf}' if crf else '')
        return Step('test', title, settings, dict(network=network), seconds)

    def _classifier(self, random_seed: int, dropout: float | None) -> Step:
        config = self._classifier_config(dropout)
        config.pop('seed_generation', None)
        config['randomness'] = dict(seed=random_seed)
        epochs = self.budget.epochs
        rescale_schedule(config, epochs)
        title = f'classifier, random seed {random_seed}'
        if dropout is not None:
            title += f', dropout {dropout} in training'
        crop = training_crop(config)
        seconds = self.budget.speeds.classifier(self.numbers['train'], epochs, crop)
        settings = self._settings(self.budget.classifier, config, 'train', 'val')
        settings['checkpoint'] = f'epoch_{epochs}.pth'
        return Step('classifier', title, settings, {}, seconds)

    def _classifier_config(self, dropout: float | None) -> dict[str, Any]:
        base = self.configs / self.budget.classifier
        return classifier_config(base, self.budget.classifier_options, dropout)

    def _settings(self, base: str, config: Mapping[str, Any], *splits: str) -> dict[str, Any]:
        return dict(
            base=f'configs/{base}',
            config=config_text(config),
            images={split: self.digests[split] for split in splits},
        )
