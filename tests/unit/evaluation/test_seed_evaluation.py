"""All counts of eight hand-made images with known answers, and against whole-image functions."""

import numpy as np
import pytest

from mmseg_wsss.evaluation import (
    EvaluationSetting,
    SeedEvaluation,
    boundary_band,
    compare_seeds,
    count_agreement,
    count_image,
    score_masks,
    study_subsets,
)
from mmseg_wsss.seeds import aggregate_seeds

SETTING = EvaluationSetting(('background', 'cat', 'dog'), 2, ('x', 'y'), trimap_width=1)


def evaluate(images, setting=SETTING, tags=None):
    """Evaluate (seeds, truth) pairs in order."""
    evaluation = SeedEvaluation(setting)
    for number, (seeds, truth) in enumerate(images):
        label, agreement = aggregate_seeds(seeds, len(setting.classes))
        masks = np.stack([*seeds, label]) if setting.seed_names else label[None]
        chosen = None if tags is None else tags[number]
        evaluation.add(*count_image(str(number), masks, agreement, truth, chosen, setting))
    return evaluation


def row(*labels):
    return np.array([labels], np.uint8)


def eight_images():
    """2 seeds, 8 images of 10 pixels: 4 of background, 2 cats, 1 dog, 1 void, 2 with errors."""
    ground, cat, dog, void = (np.full((1, 10), label, np.uint8) for label in (0, 1, 2, 255))
    half = row(*[1] * 5, *[0] * 5)
    return [
        *[(np.stack([ground, ground]), ground)] * 3,
        (np.stack([half, ground]), ground),  # seed x spills a cat over half of a background image
        (np.stack([cat, cat]), cat),
        (np.stack([cat, half]), cat),  # seed y misses half of a cat
        (np.stack([void, dog]), dog),  # seed x does not vote for the dog
        (np.stack([dog, dog]), void),  # void does not count
    ]


def test_known_answers():
    evaluation = evaluate(eight_images())
    scores = evaluation.scores
    # 70 pixels count. x: 5 wrong, 10 open. y: 5 wrong.
    assert scores['x'].accuracy == pytest.approx(55 / 70)
    assert scores['x'].coverage == pytest.approx(60 / 70)
    np.testing.assert_allclose(scores['x'].iou, [35 / 40, 20 / 25, 0])
    np.testing.assert_allclose(scores['x'].false_positive_rate, [0, 5 / 25, 0])
    np.testing.assert_allclose(scores['x'].false_negative_rate, [5 / 40, 0, 1])
    np.testing.assert_allclose(scores['y'].iou, [40 / 45, 15 / 20, 1])
    # Ties go to background: the aggregate is y here.
    np.testing.assert_array_equal(scores['aggregated'].matrix, scores['y'].matrix)
    assert scores['union (oracle)'].miou == 1
    assert scores['intersection'].accuracy == pytest.approx(50 / 70)
    assert scores['intersection'].coverage == pytest.approx(50 / 70)
    # 20 of 80 pixels contested, void ones included in what needs no truth.
    assert evaluation.counts['votes'].tolist() == [0, 20, 60]
    assert evaluation.pairs.disagreement[0, 1] == pytest.approx(20 / 80)
    np.testing.assert_allclose(evaluation.pairs.complement, [[0, 5 / 70], [15 / 70, 0]])
    split = evaluation.calibration.score.split(2)
    assert split == pytest.approx(
        dict(right_clean=50 / 70, right_noisy=15 / 70, wrong_noisy=5 / 70, wrong_clean=0)
    )
    np.testing.assert_allclose(evaluation.calibration.accuracy, [np.nan, 15 / 20, 1])
    assert [image.accuracy for image in evaluation.images] == [1, 1, 1, 1, 1, 0.5, 1, None]
    assert evaluation.counts['images'].tolist() == [8]


def test_tags():
    tags = [(), (), (), (), (1,), (1, 2), (2,), ()]
    evaluation = evaluate(eight_images(), tags=tags)
    # Images with a tag that the mask lacks, and with a class that is no tag.
    assert evaluation.counts['tag_errors'].tolist() == [[2, 2], [1, 1], [1, 1]]
    images = evaluation.images
    assert images[3].untagged == (1,) and images[7].untagged == (2,)
    assert images[5].missing == (2,) and images[6].missing == ()


def random_images(num_classes, num_seeds):
    rng = np.random.default_rng(0)
    images = []
    for size in range(8, 14):
        truth = np.repeat(rng.integers(0, num_classes, (size, 5), np.uint8), 4, axis=1)
        wrong = rng.random((num_seeds, *truth.shape)) < 0.3
        seeds = np.where(wrong, rng.integers(0, num_classes, wrong.shape, np.uint8), truth)
        seeds[rng.random(seeds.shape) < 0.05] = 255
        truth[:, -1] = 255
        images.append((seeds, truth))
    return images


def test_patterns_give_what_whole_images_give():
    names = ('a', 'b', 'c', 'd')
    setting = EvaluationSetting(('0', '1', '2', '3', '4'), 4, names, subsets=True, trimap_width=2)
    images = random_images(5, 4)
    evaluation = evaluate(images, setting)
    votes = [aggregate_seeds(seeds, 5) for seeds, _ in images]
    bands = [boundary_band(truth, 2) for _, truth in images]
    masks = {name: [seeds[index] for seeds, _ in images] for index, name in enumerate(names)}
    masks['aggregated'] = [label for label, _ in votes]
    truths = [truth for _, truth in images]
    near = [np.where(band, truth, 255) for truth, band in zip(truths, bands, strict=True)]
    for name, given in masks.items():
        for found, true in ((evaluation.scores, truths), (evaluation.band_scores, near)):
            expected = score_masks(zip(true, given, strict=True), 5)
            np.testing.assert_array_equal(found[name].matrix, expected.matrix)
    together = [
        count_agreement(truth, *vote, 5, 4).counts
        for truth, vote in zip(truths, votes, strict=True)
    ]
    np.testing.assert_array_equal(evaluation.calibration.counts, sum(together))
    pairs = [compare_seeds(seeds, truth) for seeds, truth in images]
    np.testing.assert_array_equal(evaluation.pairs.differ, sum(pair.differ for pair in pairs))
    np.testing.assert_array_equal(evaluation.pairs.rescued, sum(pair.rescued for pair in pairs))
    studies = [study_subsets(seeds, truth, 5) for seeds, truth in images]
    np.testing.assert_array_equal(evaluation.subsets.hits, sum(study.hits for study in studies))
    for label in range(5):
        number = sum(int((mask == label).sum()) for mask in masks['aggregated'])
        assert evaluation.counts['balance'][-1, label] == number


def test_the_order_of_the_images_does_not_matter():
    images = eight_images()
    first, second = SeedEvaluation(SETTING), SeedEvaluation(SETTING)
    counted = []
    for number, (seeds, truth) in enumerate(images):
        label, agreement = aggregate_seeds(seeds, 3)
        masks = np.stack([*seeds, label])
        counted.append(count_image(str(number), masks, agreement, truth, None, SETTING))
    for one in counted:
        first.add(*one)
    for one in counted[::-1]:
        second.add(*one)
    assert first.images == second.images and set(first.counts) == set(second.counts)
    for name, values in first.counts.items():
        np.testing.assert_array_equal(values, second.counts[name])


def test_without_truth_and_without_seeds():
    setting = EvaluationSetting(SETTING.classes, 2, ())
    evaluation = evaluate([(seeds, None) for seeds, _ in eight_images()], setting)
    assert not evaluation.with_truth and set(evaluation.counts) == {'votes', 'balance', 'images'}
    scored = evaluate(eight_images(), setting)
    assert list(scored.scores) == ['aggregated']


def test_wrong_labels_are_refused():
    zeros = np.zeros((1, 4), np.uint8)
    with pytest.raises(ValueError, match='label 3'):
        count_image('a', np.stack([zeros + 3] * 3), zeros, None, None, SETTING)
    with pytest.raises(ValueError, match='agreement of 3'):
        count_image('a', np.stack([zeros] * 3), zeros + 3, None, None, SETTING)
