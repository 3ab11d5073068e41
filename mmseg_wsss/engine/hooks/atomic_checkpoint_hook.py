"""Checkpoints that are whole or not there, and always one to go on from."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...registry import HOOKS
from ...utils.atomic import atomic_path, remove_stale_temporaries, write_atomic
from .divergence_hook import require_finite_weights


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` for processes that may be killed at any moment.

    mmengine writes a checkpoint to its final path bit by bit, and with ``max_keep_ckpts`` removes
    the old one before the new one is there. Here every checkpoint appears whole, and an old one
    goes when the new one can be resumed from. Weights that are not finite are not saved; they stop
    the training. Arguments as in ``CheckpointHook``; on storage other than a local disk it writes
    as mmengine does.
    """

    def before_train(self, runner: Runner) -> None:
        """Find where checkpoints go and remove what a killed training left half-written.

        Raises:
            FloatingPointError: Later, when weights that are not finite are to be saved.
        """
        super().before_train(runner)
        backend = get_file_backend(self.out_dir, backend_args=self.backend_args)
        self._local = self.file_client_args is None and isinstance(backend, LocalBackend)
        if 'save_checkpoint' in vars(runner):
            return
        if self._local and is_main_process():
            remove_stale_temporaries(self.out_dir)
        # Best checkpoints are saved by another method of the hook: catch them where they meet.
        save = runner.save_checkpoint

        def save_whole(out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
            require_finite_weights(runner)
            if not self._local or not is_main_process():
                save(out_dir, filename, *args, **kwargs)
                return
            with atomic_path(osp.join(out_dir, filename)) as temporary:
                save(out_dir, temporary.name, *args, **kwargs)

        runner.save_checkpoint = save_whole

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if not self._local:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        old = None
        kept = self.keep_ckpt_ids if self.max_keep_ckpts > 0 else None
        if kept is not None and (not kept or kept[-1] != step):
            if len(kept) == self.max_keep_ckpts:
                old = kept.popleft()
            kept.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(kept))
        name = self.filename_tmpl.format(step)
        self.last_ckpt = osp.join(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if not is_main_process():
            return
        write_atomic(osp.join(runner.work_dir, 'last_checkpoint'), self.last_ckpt.encode())
        # After a stop it may be the very one that was saved anew.
        if old is not None and old != step:
            path = osp.join(self.out_dir, self.filename_tmpl.format(old))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
