"""Whether ``torch.compile`` is at work, by the name that the installed torch has for it."""

import torch

# Public from torch 2.3 on. Compilers read both as True.
is_compiling = getattr(torch.compiler, 'is_compiling', None) or torch._utils.is_compiling
