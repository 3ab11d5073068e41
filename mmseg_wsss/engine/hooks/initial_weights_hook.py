"""A clear message instead of a traceback when initial weights are missing."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from ...registry import HOOKS
from ...utils.initial_weights import fetch_initial_weights


@HOOKS.register_module()
class InitialWeightsHook(Hook):
    """Check the initial weights that the config names before the model loads them.

    mmengine calls ``before_run`` ahead of the initialisation, so this works with whatever tool
    starts the runner. Missing addresses are downloaded to where the loader looks for them.
    """

    def before_run(self, runner: Runner) -> None:
        """Check or fetch the files, unless the run only tests: that needs the checkpoint alone.

        Args:
            runner (Runner): Its ``cfg`` names the weights.

        Raises:
            FileNotFoundError: If a file is missing; says which file to put where.
        """
        # Asking runner.train_loop would build it in a test run.
        if isinstance(runner._train_loop, BaseLoop):
            fetch_initial_weights(runner.cfg)
