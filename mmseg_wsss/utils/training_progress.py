"""How far a training has come, for parts of a model that change with it."""

from __future__ import annotations

from mmengine.logging import MessageHub


def training_iteration() -> int | None:
    """Give the number of iterations done in the running training, None where there is none.

    mmengine's runner keeps it, a resumed one too, so that a model needs no counter of its own and
    its checkpoint no further key.

    >>> MessageHub.get_instance('doctest-of-training-iteration').update_info('iter', 7)
    >>> training_iteration()
    7
    """
    return MessageHub.get_current_instance().get_info('iter')


def has_begun(iteration: int) -> bool:
    """Whether a part that begins with an iteration is at work; always where nothing is trained.

    Args:
        iteration (int): Iterations to be done before.

    >>> has_begun(0)
    True
    """
    if iteration == 0:  # also for compiled code, which cannot look the other up
        return True
    done = training_iteration()
    return done is None or done >= iteration
