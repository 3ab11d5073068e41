"""Links of the README and of docs/ lead somewhere, and a newcomer's questions are answered."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / 'README.md'
PAGES = [README, *sorted((ROOT / 'docs').glob('*.md')), *sorted((ROOT / 'docs').glob('*_guides/*'))]
FENCE = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)\s]+)\)')

# A newcomer's question, the page that answers it, and what the answer says.
QUESTIONS = {
    'How do I see it work?': ('docs/get_started.md', 'make demo'),
    'How do I train on my own photographs?': (
        'docs/user_guides/own_photographs.md',
        'folder.py prepare PHOTOS tags.csv',
    ),
    'Where do I add a refiner of the seeds?': (
        'docs/advanced_guides/extension_points.md',
        'another refiner of the seeds',
    ),
    'What does 256 in a label mean?': ('docs/advanced_guides/label_codes.md', '256 + label'),
    'How do I write my own loss?': (
        'docs/advanced_guides/extension_points.md',
        'A loss in a file of yours',
    ),
    'How do I choose the background threshold?': (
        'docs/user_guides/evaluation.md',
        'background_curve.py',
    ),
    'What did the authors say, and what was guessed?': (
        'docs/method.md',
        'What is a reading of the paper',
    ),
    'My training was killed, what now?': ('docs/advanced_guides/faults.md', '--resume'),
    'How do I train on four GPUs?': ('docs/user_guides/configs.md', 'tools/dist_train.sh'),
    'How do I use masks I already have as seeds?': (
        'docs/user_guides/seeds.md',
        'aggregate_seeds.py --seeds',
    ),
    'Where do the ImageNet weights come from?': (
        'docs/user_guides/configs.md',
        'resnet101-63fe2227.pth',
    ),
    'How do I correct bad masks by hand?': (
        'docs/user_guides/corrections.md',
        'export_annotations.py SEED_ROOT',
    ),
    'Does it help at all?': ('projects/animals7/results.md', 'hybrid, t = 6'),
}


@cache
def text_of(page: Path) -> str:
    """Text of a page without its code."""
    return FENCE.sub('', page.read_text(encoding='utf-8'))


@cache
def anchors_of(page: Path) -> set[str]:
    """What GitHub and MyST make of a page's headings."""
    headings = re.findall(r'^#+ (.+)$', text_of(page), re.MULTILINE)
    return {
        re.sub(r'[^\w\- ]', '', heading.replace('`', '').lower()).replace(' ', '-')
        for heading in headings
    }


def local_links(page: Path) -> list[tuple[Path, str]]:
    """Files that a page links to, and anchors in them."""
    links = [link for link in LINK.findall(text_of(page)) if '://' not in link]
    parted = [link.partition('#') for link in links]
    return [
        (Path(os.path.normpath(page.parent / name)) if name else page, anchor)
        for name, _, anchor in parted
    ]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for target, anchor in local_links(page):
        assert target.is_file(), f'{page}: {target} does not exist'
        if anchor and target.suffix == '.md':
            assert anchor in anchors_of(target), f'{page}: no heading #{anchor} in {target}'


def test_the_readme_is_short_and_links_every_guide() -> None:
    assert len(README.read_text(encoding='utf-8').splitlines()) <= 250
    reached = {README} | {target for target, _ in local_links(README)}
    for page in list(reached):
        if page.suffix == '.md':
            reached |= {target for target, _ in local_links(page)}
    guides = [page for page in PAGES if page.parent.name.endswith('_guides')]
    assert guides and [page for page in guides if page not in reached] == []


@pytest.mark.parametrize('question', QUESTIONS)
def test_two_clicks_from_the_readme_answer(question: str) -> None:
    name, answer = QUESTIONS[question]
    page = ROOT / name
    first = {target for target, _ in local_links(README) if target.suffix == '.md'}
    second = {target for near in first for target, _ in local_links(near)}
    assert page in first | second
    assert answer in page.read_text(encoding='utf-8')
