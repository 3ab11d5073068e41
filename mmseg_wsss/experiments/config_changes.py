"""Changes of a config that touch several places at once: length of the training, size of crops."""

from __future__ import annotations

from typing import Any


def rescale_schedule(config: dict[str, Any], length: int) -> None:
    """Let a training last so many epochs or iterations, every phase of its schedule in proportion.

    Args:
        config (dict): Changed in place; it ends with its last checkpoint.
        length (int): Epochs or iterations, as the config counts.
    """
    train = config['train_cfg']
    name = 'max_iters' if 'max_iters' in train else 'max_epochs'
    factor = length / train[name]
    train[name] = train['val_interval'] = length
    for scheduler in config['param_scheduler']:
        for edge in ('begin', 'end'):
            # No phase vanishes, however short the training.
            if scheduler.get(edge):
                scheduler[edge] = max(1, round(scheduler[edge] * factor))
    # A killed training loses at most a third.
    config['default_hooks']['checkpoint']['interval'] = -(-length // 3)
    config['default_hooks']['checkpoint']['max_keep_ckpts'] = 1


def set_crop(config: dict[str, Any], crop: int) -> None:
    """Train on crops of this side, on images of which it is the short side; test at that size."""
    train = config['train_dataloader']['dataset']['pipeline']
    resizing = [step for step in train if step['type'] == 'RandomResize']
    cropping = [step for step in train if 'crop_size' in step]
    testing = [*config['test_dataloader']['dataset']['pipeline'], *config['test_pipeline']]
    testing = [step for step in testing if step['type'] == 'Resize']
    if len(resizing) != 1 or len(cropping) != 1 or len(testing) != 2:
        raise ValueError('the pipelines have no single RandomResize, crop and Resize to set a size')
    cropping[0]['crop_size'] = (crop, crop)
    for step in (*resizing, *testing):
        step['scale'] = (4 * crop, crop)
    config['model']['data_preprocessor']['size'] = (crop, crop)
