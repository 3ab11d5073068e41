"""The whole road from photographs and tags to a network and its masks, step by step."""

from __future__ import annotations

from pathlib import Path

from ..converters.folder_inputs import TRAINVAL_LIST
from ..datasets.splits import read_split
from ..reporting.run_page import RunReport, write_run_page
from ..reporting.seed_page import PAGE_NAME
from ..store import MANIFEST_NAME, SeedManifest
from .photograph_steps import PhotographSteps
from .run_options import RunOptions
from .run_steps import STATE, StepError, StepRunner, clock
from .time_estimates import estimate_seconds

# A table of choices that looked at masks says so in these words.
FROM_MASKS = 'chosen on the ground truth of {number} photographs, and so are all scores on these'


class PhotographRun:
    """A run of all steps; each is a command of ``tools/`` that can be run alone.

    Args:
        options (RunOptions): What is asked for.
        runner (StepRunner, optional): Runs the steps.

    Raises:
        ValueError: If the folder of results holds something else.
    """

    def __init__(self, options: RunOptions, runner: StepRunner | None = None) -> None:
        root = Path(options.out)
        begun = root.is_dir() and any(root.iterdir())
        if begun and not (root / STATE).is_file():
            raise ValueError(f'{root}: holds something else than a run; give another --out.')
        self.options = options
        self.steps = PhotographSteps(options)
        self.runner = runner or StepRunner(root, options.again)

    def run(self) -> Path | None:
        """Do all steps that are left.

        Returns:
            Path | None: The report; None after a plan.

        Raises:
            StepError: If a step fails or stops the run.
            FileNotFoundError, ValueError: If there are no photographs or no tags.
        """
        options, steps, run = self.options, self.steps, self.runner.run
        run(steps.prepare())
        run(steps.write_configs())
        self._show_plan()
        if options.plan_only:
            return None
        self._check_tags('tags', 'Can the tags be told from the photographs?')
        run(steps.train_classifier())
        title = 'Has the classifier learnt them?'
        self._check_tags('classifier-check', title, steps.classifier)
        if options.threshold_from_masks:
            run(steps.find_threshold())
        for step in steps.learn_affinity():
            run(step)
        run(steps.make_seeds())
        if steps.description.has_masks:
            run(steps.evaluate_seeds())
        run(steps.train_network())
        if steps.description.has_masks:
            run(steps.test())
            run(steps.tag_judged())
            run(steps.test_predicted())
            run(steps.test_told())
        if options.new is not None:
            tags = None
            if steps.description.has_masks and steps.results.predicted_tags_help():
                run(steps.tag_new())
                tags = steps.new_tags
            run(steps.predict(tags))
        return self._report()

    def _show_plan(self) -> None:
        """Print how long the steps that are left will take about."""
        steps = self.steps
        nets = [net for _, net in steps.affinity_rounds]
        affinities = [steps.affinity_step(net) for net in nets]
        names = ['classifier', *affinities, 'seeds', 'network']
        left = [name for name in names if self.runner.seconds(name) is None]
        if not left:
            return
        photographs = list(steps.photographs.values())[:2]
        images = TRAINVAL_LIST if steps.description.has_masks else 'train.txt'
        number = len(read_split(steps.data / images))
        try:
            known = estimate_seconds(
                steps.cls_config,
                steps.pnl_config,
                photographs,
                number,
                steps.config_of(nets[0]) if nets else None,
            )
        except Exception as error:  # of bases of any kind; an estimate stops no run
            print(f'\nHow long it will take cannot be said ({type(error).__name__}: {error}).')
            return
        seconds = {name: known['affinity' if name in affinities else name] for name in left}
        parts = [f'{name} {clock(seconds[name])}' for name in left]
        total = clock(sum(seconds.values()))
        print(f'\nLeft to do, as measured on this machine: {", ".join(parts)}; about {total}.')

    def _check_tags(self, name: str, title: str, *checkpoint: Path) -> None:
        try:
            self.runner.run(self.steps.check_tags(name, title, *checkpoint))
        except StepError:
            verdict = self.steps.verdict(name)
            if not verdict:
                raise
            print(f'  {verdict[0]}')
            if not self.options.force:
                raise StepError('Stopped. --force goes on nevertheless.') from None

    def _report(self) -> Path:
        steps = self.steps
        has_masks, new = steps.description.has_masks, self.options.new
        choices = steps.reasons()
        if self.options.threshold_from_masks:
            number = len(read_split(steps.data / 'val.txt'))
            value = f'background threshold {steps.chosen_threshold():.2f}'
            choices = [one for one in choices if not one.startswith('background threshold')]
            choices.append(f'{value}: {FROM_MASKS.format(number=number)}')
        manifest = SeedManifest.load(steps.seeds / MANIFEST_NAME)
        report = RunReport(
            classes=steps.description.classes,
            palette=steps.description.palette,
            data=steps.data_lines(),
            choices=choices,
            steps=[
                (record['command'], record.get('seconds')) for record in self.runner.state.values()
            ],
            scores=steps.results.scores() if has_masks else {},
            judged=steps.results.judged() if has_masks else [],
            predicted=[] if new is None else steps.results.predicted(new),
            supervision=manifest.parameters.get('supervision', 'I'),
            seed_page=str((steps.seeds / PAGE_NAME).relative_to(steps.root)),
        )
        return write_run_page(steps.root / PAGE_NAME, report)
