"""Makes the seeds right after the classifier is trained."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...apis.generate_seeds import generate_seeds
from ...registry import HOOKS


@HOOKS.register_module()
class MultiSeedCAMHook(Hook):
    """Makes the seeds of the config's ``seed_generation`` section after training.

    The weights in memory are used, those of the last iteration. ``tools/make_seeds.py`` does the
    same from a checkpoint, and resumes what this hook began.

    Args:
        overwrite (bool): Whether to replace a seed root made with other settings or weights. By
            default such a root is refused, so that a second training does not mix its seeds in.
        **options: Replace keys of the section, see
            :func:`mmseg_wsss.apis.generate_seeds.generate_seeds`.
    """

    # After the checkpoint hook: seeds that fail must not cost the weights.
    priority = 'LOWEST'

    def __init__(self, overwrite: bool = False, **options: Any) -> None:
        self.overwrite = overwrite
        self.options = options

    def after_train(self, runner: Runner) -> None:
        """Make the seeds.

        Args:
            runner (Runner): The runner that trained the classifier.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        device = next(model.parameters()).device
        config = runner.cfg.copy()
        config.work_dir = runner.work_dir
        generate_seeds(
            config, model, overwrite=self.overwrite, **{'device': device, **self.options}
        )
