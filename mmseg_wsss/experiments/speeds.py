"""How long the steps of a study take, estimated from a few measured figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Speeds:
    """Seconds of one machine with one family of networks.

    The defaults were measured with the MobileNetV2 configs on two quiet CPU cores: six epochs of
    2,000 photographs at 192 pixels in 5 minutes, six seeds with dense CRF in 0.44 s a photograph,
    600 iterations of batch 8 at 256 pixels with a test of 222 photographs in 7 minutes; two at the
    same time, a test of 222 photographs at 176 pixels in 15 seconds, masks of 600 with test-time
    augmentation and CRF in 12 minutes, an evaluation of eight seeds of 600 in 25 seconds.

    Attributes:
        start (float): Of a command, until its first batch.
        classify (float): Of a photograph at 192 pixels in training.
        views (float): Of the activation maps of one photograph at one scale, mirrored as well.
        seed (float): Of one seed of a photograph, dense CRF included.
        bare_seed (float): The same without CRF.
        train (float): Of a crop of 256 pixels in training.
        test (float): Of a photograph of 256 pixels on its short side in a test.
        tta (float): How many times longer a test takes with test-time augmentation.
        crf (float): Of the dense CRF of a prediction.
        judge (float): Of a photograph in an evaluation of seeds.
        vote (float): Of a photograph in the aggregation of masks on disk.
        measured (bool): Whether these are measurements or a guess.
        shared (bool): Whether steps at the same time take the processors from each other, so that
            all of them together take no less.
    """

    start: float = 15.0
    classify: float = 0.024
    views: float = 0.05
    seed: float = 0.057
    bare_seed: float = 0.012
    train: float = 0.078
    test: float = 0.1
    tta: float = 4.5
    crf: float = 0.1
    judge: float = 0.02
    vote: float = 0.005
    measured: bool = True
    shared: bool = True

    def classifier(self, images: int, epochs: int, crop: int) -> float:
        """Training of a classifier."""
        return self.start + images * epochs * self.classify * (crop / 192) ** 2

    def seeds(self, images: int, num_seeds: int, scales: tuple[float, ...], crf: bool) -> float:
        """Seeds of a classifier; a scale costs by its number of pixels."""
        area = sum(scale**2 for scale in scales) / 1.25  # measured with 0.5 and 1.0
        each = 2 * self.views * area + num_seeds * (self.seed if crf else self.bare_seed)
        return self.start + images * each

    def network(self, iterations: int, batch: int, crop: int) -> float:
        """Training of a network."""
        return self.start + iterations * batch * self.train * (crop / 256) ** 2

    def tested(self, images: int, tta: bool, crf: bool, crop: int = 256) -> float:
        """A test, or masks of a trained network; test-time augmentation has its own sizes."""
        each = self.test * (self.tta if tta else (crop / 256) ** 2) + self.crf * crf
        return self.start + images * each

    def voted(self, images: int) -> float:
        """An aggregation of masks on disk."""
        return self.start / 3 + images * self.vote

    def judged(self, images: int) -> float:
        """An evaluation of seeds."""
        return self.start / 3 + images * self.judge
