"""What a check found: counts, remarks and problems, as text and as an exit status."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CheckReport:
    """Result of a check or of a conversion, which checks what it converts.

    Problems make it fail: a conversion writes nothing that declares the data set ready (lists,
    tags) while there is one. Remarks are worth reading and fail nothing.

    Attributes:
        title (str): What was checked.
        rows (list[tuple[str, str]]): The summary table, name and value.
        remarks (list[str]): Found and dealt with, each with what was done about it.
        problems (list[str]): Each names the file or entry, what is wrong and what was expected.
        advice (str): What a problem means for the user.
    """

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    advice: str = (
        'lists and tags were not written. Mend the input and run the same command again, finished '
        'files are kept.'
    )

    @property
    def exit_status(self) -> int:
        """0 if there was no problem, else 1."""
        return 1 if self.problems else 0

    def add(self, name: str, value: object) -> None:
        """Append a row to the summary table; integers get thousands separators."""
        self.rows.append((name, f'{value:,}' if isinstance(value, int) else str(value)))

    def text(self, max_problems: int = 20) -> str:
        """Format the report.

        Args:
            max_problems (int): How many problems to print; 0 for all.

        Returns:
            str: Title, summary table, remarks and problems.

        >>> report = CheckReport('miniature')
        >>> report.add('images', 1464)
        >>> print(report.text())
        miniature
          images  1,464
        complete
        """
        width = max((len(name) for name, _ in self.rows), default=0)
        lines = [self.title] + [f'  {name:<{width}}  {value}' for name, value in self.rows]
        lines += [f'remark: {remark}' for remark in self.remarks]
        shown = self.problems[: max_problems or None]
        lines += [f'problem: {problem}' for problem in shown]
        if len(shown) < len(self.problems):
            lines.append(f'... and {len(self.problems) - len(shown):,} more problems')
        if self.problems:
            lines.append(f'NOT COMPLETE: {len(self.problems):,} problems; {self.advice}')
        else:
            lines.append('complete')
        return '\n'.join(lines)


def count_by_class(labels: list[tuple[int, ...]], classes: tuple[str, ...]) -> str:
    """Count the images of each foreground class.

    Args:
        labels (list[tuple[int, ...]]): For each image the label indices of its tags.
        classes (tuple[str, ...]): Class names, background first.

    Returns:
        str: ``'name count'`` joined by commas.

    >>> count_by_class([(1,), (1, 2)], ('background', 'cat', 'dog'))
    'cat 2, dog 1'
    """
    counts = [0] * len(classes)
    for image_labels in labels:
        for label in image_labels:
            counts[label] += 1
    return ', '.join(f'{name} {count}' for name, count in zip(classes[1:], counts[1:], strict=True))


def examples(names: list[str], limit: int = 5) -> str:
    """Join the first few names, and say so if there are more.

    >>> examples(['a', 'b', 'c'], limit=2)
    'a, b, ...'
    """
    return ', '.join(names[:limit]) + (', ...' if len(names) > limit else '')
