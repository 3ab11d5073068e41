"""The README's links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'README.md').read_text(encoding='utf-8')


def anchor(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def test_links_within_the_page() -> None:
    anchors = {anchor(heading) for heading in re.findall(r'^#+ (.+)$', TEXT, re.MULTILINE)}
    links = re.findall(r'\]\(#([^)]+)\)', TEXT)
    assert links
    assert set(links) <= anchors


def test_linked_files() -> None:
    links = [link for link in re.findall(r'\]\(([^)#]+)\)', TEXT) if '://' not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
