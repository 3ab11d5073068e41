"""Optimizers and how they are made."""

from .bfloat16_optim_wrapper import BFloat16OptimWrapper
from .grouped_optim_wrapper_constructor import GroupedOptimWrapperConstructor, merge_param_groups

__all__ = ['BFloat16OptimWrapper', 'GroupedOptimWrapperConstructor', 'merge_param_groups']
