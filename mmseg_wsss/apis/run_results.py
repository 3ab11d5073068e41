"""What a run from photographs to masks has made: scores on the masks, and pictures."""

from __future__ import annotations

from pathlib import Path

from ..converters.folder_inputs import MASK_FOLDER, FolderDescription, list_images
from ..datasets.splits import read_split
from ..evaluation import score_masks
from ..evaluation.scores import SeedScore
from ..reporting.run_page import RunPicture
from ..store import AGGREGATED_FOLDER, read_mask

# Folders of the tests, by what is tested. The vote knows the tags, a network needs none.
TESTS = {
    'network': 'test',
    'network told predicted tags': 'test-predicted',
    'network told the tags': 'test-told',
}


class RunResults:
    """Reads the results in a run's folder.

    Args:
        root (Path): The folder of the run.
        description (FolderDescription): Its data set, with masks.
    """

    def __init__(self, root: Path, description: FolderDescription) -> None:
        self.root, self.description = root, description
        self.data = root / 'data'
        self._scores: dict[Path, SeedScore] = {}

    def masks(self) -> dict[str, Path]:
        """Folders of masks that can be judged, by what made them."""
        vote = {'vote of the seeds': self.root / 'seeds' / AGGREGATED_FOLDER}
        return vote | {name: self.root / folder / 'masks' for name, folder in TESTS.items()}

    def score(self, folder: Path) -> SeedScore:
        """Score masks of the photographs with ground truth, those of a folder once."""
        if folder not in self._scores:
            pairs = (
                (read_mask(self.data / MASK_FOLDER / name), read_mask(folder / name))
                for name in (f'{one}.png' for one in read_split(self.data / 'val.txt'))
            )
            self._scores[folder] = score_masks(pairs, len(self.description.classes))
        return self._scores[folder]

    def scores(self) -> dict[str, SeedScore]:
        """Score all masks, by what made them."""
        return {name: self.score(folder) for name, folder in self.masks().items()}

    def predicted_tags_help(self) -> bool:
        """Whether the network is better with the tags that the classifier predicts than without."""
        without, told = (
            self.score(self.root / folder / 'masks').miou for folder in ('test', 'test-predicted')
        )
        return told > without

    def judged(self) -> list[RunPicture]:
        """Give the photographs with ground truth, and all masks of them."""
        images = (self.data / self.description.img_path).resolve()
        folders = self.masks() | {'ground truth': self.data / MASK_FOLDER}
        return [
            RunPicture(
                one,
                images / f'{one}{self.description.img_suffix}',
                {name: folder / f'{one}.png' for name, folder in folders.items()},
            )
            for one in read_split(self.data / 'val.txt')
        ]

    def predicted(self, photos: str) -> list[RunPicture]:
        """Give those of the new photographs that have a mask.

        Args:
            photos (str): Their folder.
        """
        masks = self.root / 'predictions' / 'masks'
        return [
            RunPicture(image_id, Path(path), dict(network=masks / f'{image_id}.png'))
            for image_id, path in list_images(photos).items()
            if (masks / f'{image_id}.png').is_file()
        ]
