"""Makes a resumed training draw the random numbers that it would have drawn without a stop."""

from __future__ import annotations

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_wsss.datasets.keyed_dataset import KeyedDataset
from mmseg_wsss.datasets.numbered_sampler import NumberedSampler
from mmseg_wsss.registry import HOOKS
from mmseg_wsss.utils.keyed_randomness import seed_by

_DATA, _MODEL = 0, 1


@HOOKS.register_module()
class ResumableRandomnessHook(Hook):
    """Keys all random numbers of training by random seed, rank, and image or iteration.

    Checkpoints keep no state of random generators, so a resumed training augments other crops and
    drops other channels than one that was never stopped. With this hook each image's transforms
    are seeded by its place in the training and each iteration by its number: on one machine a
    resumed training ends with the same bits, whatever the number of reading processes. The random
    seed has to be the same, see ``randomness``.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Number the images that the data loader draws and key their transforms.

        Args:
            runner (Runner): The runner, resumed already.

        Raises:
            ValueError: If the data loader has no batch sampler to number.
        """
        loader = runner.train_dataloader
        batches = getattr(loader, 'batch_sampler', None)
        if getattr(batches, 'sampler', None) is None:
            raise ValueError('ResumableRandomnessHook needs a data loader with a batch sampler.')
        if isinstance(loader.dataset, KeyedDataset):
            return
        batches.sampler = NumberedSampler(batches.sampler, lambda: runner.iter * batches.batch_size)
        dataset = KeyedDataset(loader.dataset, (runner.seed, get_rank(), _DATA))
        # torch refuses a plain assignment; here nothing that it has derived from it changes.
        object.__setattr__(loader, 'dataset', dataset)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed what the model draws in this iteration."""
        seed_by(runner.seed, get_rank(), _MODEL, runner.iter)
