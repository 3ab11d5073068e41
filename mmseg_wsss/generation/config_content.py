"""What of a config decides what seeds are, as plain containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.config import Config, ConfigDict

if TYPE_CHECKING:
    from .settings import SeedSettings

# Keys of a model's config that the weights of a checkpoint make irrelevant.
_WEIGHTS_KEYS = ('init_cfg', 'pretrained')


def config_content(config: Config, settings: SeedSettings) -> dict[str, Any]:
    """Give what of a config decides what its seeds are, for the manifest.

    Where the initial weights came from does not matter once there is a checkpoint, nor do keys that
    are None: building a model adds some of them to its config. The section ``seed_generation`` is
    not in it: the manifest has the settings themselves.

    Args:
        config (Config): The classifier's config.
        settings (SeedSettings): Its settings.

    Returns:
        dict[str, Any]: Plain containers.
    """
    content = dict(model=plain(config.get('model')), dataset=settings.dataset)
    return _relevant(content)


def _relevant(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _relevant(item)
            for key, item in value.items()
            if item is not None and key not in _WEIGHTS_KEYS
        }
    if isinstance(value, (list, tuple)):
        return [_relevant(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """Give the content of a config as plain containers."""
    if isinstance(value, ConfigDict):
        value = value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value
