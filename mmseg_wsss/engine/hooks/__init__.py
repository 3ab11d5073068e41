"""Hooks: thin over the seed generation and the losses."""

from .channels_last_hook import ChannelsLastHook
from .initial_weights_hook import InitialWeightsHook
from .multi_seed_cam_hook import MultiSeedCAMHook
from .seed_picture_hook import SeedPictureHook
from .seed_statistics_hook import SeedStatisticsHook

__all__ = [
    'ChannelsLastHook',
    'InitialWeightsHook',
    'MultiSeedCAMHook',
    'SeedPictureHook',
    'SeedStatisticsHook',
]
