import numpy as np
import torch

from mmseg_wsss.models.label_correction import correct_codes


def by_loops(codes, chances, due, confidence):
    """ADELE's rule for each pixel of each crop."""
    result = codes.clone()
    for code, chance, out in zip(codes, chances, result, strict=True):
        labels = {value & 255 for value in code.flatten().tolist()} - {255}
        if not (labels - {0}) & due:
            continue
        changed = code.clone()
        for y in range(code.shape[0]):
            for x in range(code.shape[1]):
                label = int(code[y, x]) & 255
                best = int(chance[:, y, x].argmax())
                if label == 255 or best == label or chance[best, y, x] <= confidence:
                    continue
                if best in labels and best in due | {0}:
                    changed[y, x] = best
        before, after = (
            np.array([value & 255 for value in one.flatten().tolist()]) for one in (code, changed)
        )
        seen = before != 255
        had, has = ((one[seen] != 0).sum() for one in (before, after))
        if has < 0.5 * had and (after == 0).mean() > 0.95:
            continue
        out.copy_(changed)
    return result


def test_equals_a_loop_over_pixels():
    for number in range(12):
        torch.manual_seed(number)
        codes = torch.randint(0, 4, (4, 6, 7))
        codes[torch.rand(codes.shape) < 0.3] += 256
        codes[codes > 255] += (1 << 16) * torch.randint(0, 5, codes.shape)[codes > 255]
        codes[torch.rand(codes.shape) < 0.1] = 255
        codes[0] = codes[0].masked_fill((codes[0] & 255) == 1, 0)
        chances = (3 * torch.randn(4, 4, 6, 7)).softmax(1)
        due = {1} if number % 2 else {2, 3}
        classes = torch.tensor([label in due for label in range(4)])
        found, changed = correct_codes(codes, chances, classes, 0.6)
        expected = by_loops(codes, chances, due, 0.6)
        assert torch.equal(found, expected)
        assert changed.any() and torch.equal(changed, found != codes)


def scene(label, **pixels):
    """A crop of 10 x 10 of background with some pixels of classes, and sure predictions."""
    codes = torch.zeros(1, 10, 10, dtype=torch.long)
    codes.view(-1)[: label[1]] = label[0]
    predicted = codes & 255
    for name, numbers in pixels.items():
        predicted.view(-1)[numbers] = int(name[1:])
    chances = torch.nn.functional.one_hot(predicted, 3).movedim(-1, 1) * 0.97 + 0.01
    return codes, chances


DUE = torch.tensor([False, True, False])


def test_a_corrected_pixel_is_clean_and_without_votes():
    codes, chances = scene((1, 60), _0=slice(50, 60))
    codes.view(-1)[50:55] += 256 + (3 << 16)
    found, changed = correct_codes(codes, chances, DUE, 0.8)
    assert torch.equal(found.flatten()[50:60], torch.zeros(10, dtype=torch.long))
    assert changed.sum() == 10
    # What is not corrected keeps all that its code says.
    found, changed = correct_codes(codes, chances, DUE, 0.99)
    assert torch.equal(found, codes) and not changed.any()


def test_foreground_does_not_vanish():
    codes, chances = scene((1, 8), _0=slice(3, 8))  # 3 of 8 would be left, of 100
    assert torch.equal(correct_codes(codes, chances, DUE, 0.8)[0], codes)
    codes, chances = scene((1, 8), _0=slice(4, 8))  # half
    assert correct_codes(codes, chances, DUE, 0.8)[1].sum() == 4
    codes, chances = scene((1, 40), _0=slice(6, 40))  # 6 are left of 40, more than 5 in 100
    assert correct_codes(codes, chances, DUE, 0.8)[1].sum() == 34


def test_tags_say_which_classes_an_image_can_have():
    codes, chances = scene((2, 50), _1=slice(60, 80))
    due = torch.tensor([False, True, True])
    tagged = torch.tensor([[True, True, True]])
    assert correct_codes(codes, chances, due, 0.8, tagged)[1].sum() == 20
    tagged = torch.tensor([[True, False, True]])
    assert torch.equal(correct_codes(codes, chances, due, 0.8, tagged)[0], codes)


def test_classes_that_are_not_due_and_crops_without_the_class_stay():
    codes, chances = scene((1, 50), _2=slice(60, 80))  # class 2 is in no label
    assert torch.equal(correct_codes(codes, chances, DUE, 0.8)[0], codes)
    codes, chances = scene((2, 50), _0=slice(10, 20))  # class 1 is not in the crop
    assert torch.equal(correct_codes(codes, chances, DUE, 0.8)[0], codes)
    codes, chances = scene((0, 100), _1=slice(0, 50))  # nothing but background
    assert torch.equal(correct_codes(codes, chances, DUE, 0.8)[0], codes)
