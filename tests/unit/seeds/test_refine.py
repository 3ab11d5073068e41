"""From maps to label masks: plain argmax, and each CRF preset against pydensecrf."""

import numpy as np
import pytest
import torch

from mmseg_wsss.seeds.refine import RefinerInput, SeedRefiner, refine_seed_batch, refine_seeds

HEIGHT, WIDTH = 24, 30
PRESENT = (3, 7)
PARAMETERS = dict(irn=(3, 3, 50, 5, 10), psa=(3, 3, 80, 13, 10), deeplab=(1, 3, 67, 3, 4))


@pytest.fixture
def scene():
    """An image of two squares on noise, and maps that cover them loosely, for two seeds."""
    random = np.random.default_rng(0)
    image = random.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[4:14, 4:14] += np.array([180, 0, 0], np.uint8)
    image[10:20, 18:28] += np.array([0, 180, 0], np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    maps = np.zeros((2, 2, HEIGHT, WIDTH), np.float32)
    for seed, width in enumerate((40.0, 60.0)):
        for index, (row, column) in enumerate(((9, 9), (15, 23))):
            maps[seed, index] = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / width)
    return image, torch.from_numpy(maps)


def plain_labels(maps, threshold=0.2):
    labels = np.zeros((len(maps), HEIGHT, WIDTH), int)
    for seed in range(len(maps)):
        for row in range(HEIGHT):
            for column in range(WIDTH):
                scores = [threshold, *maps[seed, :, row, column].tolist()]
                labels[seed, row, column] = scores.index(max(scores))
    return labels


def test_no_refinement(scene):
    image, maps = scene
    masks = refine_seeds(maps, image, PRESENT, refine=None)
    assert masks.dtype == torch.uint8
    expected = np.array([0, *PRESENT])[plain_labels(maps)]
    assert np.array_equal(masks.numpy(), expected)
    assert set(np.unique(expected)) == {0, 3, 7}


@pytest.mark.parametrize('refine', [None, 'irn'])
def test_seeds_take_backgrounds_in_turn(scene, refine):
    image, maps = scene
    maps = torch.cat([maps, maps[:1]])
    backgrounds = [dict(threshold=0.1), dict(kind='power', alpha=2.0)]
    masks = refine_seeds(maps, image, PRESENT, backgrounds, refine)
    for seed, background in enumerate([*backgrounds, backgrounds[0]]):
        alone = refine_seeds(maps[seed : seed + 1], image, PRESENT, background, refine)
        assert torch.equal(masks[seed], alone[0])
    # The two differ, and in a batch each image has the same masks as by itself.
    assert not torch.equal(masks[0], masks[1])
    inputs = RefinerInput([image, image], [PRESENT, PRESENT])
    batch = refine_seed_batch(torch.stack([maps, maps]), inputs, backgrounds, refine)
    assert torch.equal(batch[1], masks)


@pytest.mark.parametrize('refine', ['irn', 'psa', 'deeplab'])
def test_crf_against_pydensecrf(scene, refine):
    densecrf = pytest.importorskip('pydensecrf.densecrf')
    utils = pytest.importorskip('pydensecrf.utils')
    image, maps = scene
    background = dict(kind='power', alpha=4.0) if refine == 'psa' else dict(threshold=0.25)
    found = refine_seeds(maps, image, PRESENT, background, refine).numpy()
    sxy, compat, sxy2, srgb, compat2 = PARAMETERS[refine]
    agree = 0
    for seed in range(len(maps)):
        crf = densecrf.DenseCRF2D(WIDTH, HEIGHT, 3)
        if refine == 'irn':
            labels = plain_labels(maps, 0.25)[seed]
            unary = utils.unary_from_labels(labels, 3, gt_prob=0.7, zero_unsure=False)
        else:
            scores = maps[seed].numpy()
            first = (1 - scores.max(0)) ** 4 if refine == 'psa' else np.full(scores[0].shape, 0.25)
            scores = np.concatenate([first[None], scores]).clip(1e-5)
            unary = utils.unary_from_softmax((scores / scores.sum(0)).astype(np.float32), clip=None)
        crf.setUnaryEnergy(np.ascontiguousarray(unary.reshape(3, -1), dtype=np.float32))
        crf.addPairwiseGaussian(sxy=sxy, compat=compat)
        crf.addPairwiseBilateral(sxy=sxy2, srgb=srgb, compat=compat2, rgbim=image.copy())
        marginals = np.array(crf.inference(10)).reshape(3, HEIGHT, WIDTH)
        expected = np.array([0, *PRESENT])[marginals.argmax(0)]
        agree += (found[seed] == expected).mean() / len(maps)
    assert agree >= 0.999
    assert not np.array_equal(found, refine_seeds(maps, image, PRESENT, background, None).numpy())


class Recorder(SeedRefiner):
    """Remembers what it gets and gives what it is told to."""

    def __init__(self, works_on, change, needs_features=False):
        self.works_on, self.change, self.needs_features = works_on, change, needs_features
        self.calls = []

    def __call__(self, maps, inputs):
        self.calls.append((maps.clone(), inputs))
        return self.change(maps)


def test_a_chain_refines_maps_then_scores_with_the_background_first(scene):
    image, maps = scene
    first = Recorder('maps', lambda maps: maps * 0.5)
    second = Recorder('maps', lambda maps: maps + 0.25)
    third = Recorder('scores', lambda scores: scores.flip(2))
    background = dict(threshold=0.4)
    masks = refine_seeds(maps, image, PRESENT, background, [first, second, third])
    assert torch.equal(first.calls[0][0], maps[None])
    assert torch.equal(second.calls[0][0], maps[None] * 0.5)
    scores = torch.cat([torch.full((1, 2, 1, HEIGHT, WIDTH), 0.4), maps[None] * 0.5 + 0.25], dim=2)
    assert torch.equal(third.calls[0][0], scores)
    assert all(one.calls[0][1].images[0] is image for one in (first, second, third))
    expected = torch.tensor([0, *PRESENT], dtype=torch.uint8)[scores[0].flip(1).argmax(1)]
    assert torch.equal(masks, expected) and len(masks.unique()) == 3


def test_a_chain_in_the_wrong_order_or_without_its_features_is_refused(scene):
    image, maps = scene
    of_maps, of_scores = (Recorder(stage, lambda maps: maps) for stage in ('maps', 'scores'))
    with pytest.raises(ValueError, match='Recorder works on activation maps, so it must stand bef'):
        refine_seeds(maps, image, PRESENT, refine=[of_scores, of_maps])
    with pytest.raises(ValueError, match='Recorder needs feature maps'):
        refine_seeds(maps, image, PRESENT, refine=[Recorder('maps', lambda maps: maps, True)])


@pytest.mark.parametrize('number', [1, 2])
def test_a_function_may_score_the_background(scene, number):
    image, maps = scene

    def score(maps, inputs):
        assert inputs.images[0] is image
        return 1 - maps.amax(-3, keepdim=True) * (maps.shape[-4] if number == 1 else 2)

    masks = refine_seeds(maps, image, PRESENT, [score] * number, None)
    best = maps.max(dim=1)
    expected = torch.tensor(PRESENT, dtype=torch.uint8)[best.indices]
    assert torch.equal(masks, torch.where(best.values > 1 - best.values * 2, expected, 0))
    assert 0 < (masks > 0).float().mean() < 1


@pytest.mark.parametrize('refine', [None, 'irn', 'psa'])
def test_batch_equals_single_images(scene, refine):
    image, maps = scene
    images, present = [image, image[::-1].copy()], [PRESENT, (1, 2)]
    both = torch.stack([maps, maps.flip(-2) ** 2])
    found = refine_seed_batch(both, RefinerInput(images, present), refine=refine)
    for index in range(2):
        single = refine_seeds(both[index], images[index], present[index], refine=refine)
        assert torch.equal(found[index], single)


@pytest.mark.parametrize('refine', [None, 'irn', 'psa'])
def test_no_classes_means_background(scene, refine):
    image, maps = scene
    masks = refine_seeds(maps[:, :0], image, (), refine=refine)
    assert masks.shape == (2, HEIGHT, WIDTH) and masks.dtype == torch.uint8
    assert not masks.any()


def test_unknown_refinement(scene):
    image, maps = scene
    with pytest.raises(ValueError, match=r"'grabcut'.*irn, psa, deeplab"):
        refine_seeds(maps, image, PRESENT, refine='grabcut')
