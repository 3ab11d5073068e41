"""Compiles the loss's kernel for a GPU that need not be there; run as a program, without Triton's
interpreter in the environment. Prints one line a variant: its options and the bytes of the binary.
"""

import inspect

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from mmseg_wsss.models.losses.hybrid_kernel import BLOCK, PER_THREAD, _kernel

# Type of the logits, compute capability, block of classes, strides that are 1, and options.
VARIANTS = [
    ('fp32', 80, 32, ('logits_p', 'grad_p'), dict(DRAWS=True, JNPL=True, BACKWARD=True)),
    (
        'bf16',
        90,
        128,
        ('logits_k', 'grad_k'),
        dict(DRAWS=False, JNPL=False, BACKWARD=True, tag_weight=0.5, DIRECT_LOSERS=True,
             VOTED_SET=True, NUM_LOSERS=5),
    ),
    ('fp16', 90, 256, ('logits_p', 'num_listed'), dict(DRAWS=True, JNPL=False, BACKWARD=False)),
]  # fmt: skip


def compile_variant(logits, capability, block_k, ones, options):
    """Compile from the signature that a launch with these tensors has."""
    constants = dict(
        ce_weight=1.0, pc_weight=0.5, inverse_temperature=1.0, smoothing=0.1, epsilon=1e-7,
        limit=1e4, LOW_CONFIDENCE=True, DTYPE=tl.float32, BLOCK_K=block_k,
        BLOCK_P=max(BLOCK // block_k, 16),
        **dict(tag_weight=0.0, DIRECT_LOSERS=False, VOTED_SET=False, NUM_LOSERS=0) | options,
        **dict.fromkeys(ones, 1),
    )  # fmt: skip
    pointers = dict(logits=logits, grad=logits, label='i64', classes='u8', hit='i1')
    pointers.update(direct_losers='u8', losers='u8', tags='i1', noisy_set='fp32')
    pointers.update(dict.fromkeys(('positive', 'direct', 'indirect', 'upstream', 'loss'), 'fp32'))
    signature = {
        **dict.fromkeys(_kernel.arg_names, 'i32'),
        **{name: f'*{kind}' for name, kind in pointers.items()},
        **dict.fromkeys(constants, 'constexpr'),
    }
    if 'constexprs' in inspect.signature(ASTSource).parameters:
        places = {(_kernel.arg_names.index(name),): value for name, value in constants.items()}
        source = ASTSource(fn=_kernel, signature=signature, constexprs=places)
    else:  # Triton 3.1
        typed = {name: kind for name, kind in signature.items() if name not in constants}
        source = ASTSource(fn=_kernel, signature=typed, constants=constants)
    warps = max(BLOCK, 16 * block_k) // PER_THREAD // 32
    return triton.compile(source, GPUTarget('cuda', capability, 32), dict(num_warps=warps))


if __name__ == '__main__':
    for variant in VARIANTS:
        print(*variant, len(compile_variant(*variant).asm['cubin']))
