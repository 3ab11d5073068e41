"""How the training of a network differs from the budget's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """What differs.

    Attributes:
        length (float): Factor of the number of iterations.
        rate (float): Factor of the learning rate.
        from_classifier (bool, optional): Whether the backbone starts with the weights of the
            classifier of the same random seed, which knows the tags, or with those of the config,
            from ImageNet. None: as the budget says.

    Examples:
        >>> Training(length=2.0).text, Training(rate=0.3).text, Training().text
        (', 2 x iterations', ', 0.3 x learning rate', '')
        >>> Training(from_classifier=True).text
        ', from the classifier'
        >>> Training(from_classifier=False).text
        ', from ImageNet'
    """

    length: float = 1.0
    rate: float = 1.0
    from_classifier: bool | None = None

    @property
    def text(self) -> str:
        """What differs, for people; empty if nothing does."""
        parts = {'iterations': self.length, 'learning rate': self.rate}
        found = ''.join(f', {factor:g} x {name}' for name, factor in parts.items() if factor != 1)
        if self.from_classifier is not None:
            found += ', from the classifier' if self.from_classifier else ', from ImageNet'
        return found


AS_IN_THE_BUDGET = Training()
