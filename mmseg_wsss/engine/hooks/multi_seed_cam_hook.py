"""Makes the seeds right after the classifier is trained."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...apis.generate_seeds import check_generation, generate_seeds
from ...registry import HOOKS


@HOOKS.register_module()
class MultiSeedCAMHook(Hook):
    """Makes the seeds of the config's ``seed_generation`` section after training.

    The weights in memory are used, those of the last iteration. ``tools/make_seeds.py`` does the
    same from a checkpoint, and resumes what this hook began. Settings and data set are checked
    before the training begins.

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

    def before_train(self, runner: Runner) -> None:
        """Check the settings and the data set of the seeds before hours are spent on training.

        Args:
            runner (Runner): The runner that will train the classifier.

        Raises:
            ValueError: If the seeds could not be made, see
                :func:`mmseg_wsss.apis.check_generation`.
        """
        check_generation(self._config(runner), **self.options)

    def after_train(self, runner: Runner) -> None:
        """Make the seeds.

        Args:
            runner (Runner): The runner that trained the classifier.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        device = next(model.parameters()).device
        options = {'device': device, **self.options}
        generate_seeds(self._config(runner), model, overwrite=self.overwrite, **options)

    @staticmethod
    def _config(runner: Runner) -> Config:
        config = runner.cfg.copy()
        config.work_dir = runner.work_dir
        return config
