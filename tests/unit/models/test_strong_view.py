import pytest
import torch
from helpers.tiny_networks import build_network
from mmseg.models import SegDataPreProcessor

from mmseg_wsss.models.strong_view import StrongView, StrongViewConsistency

NOTHING = dict(
    jitter_probability=0, grey_probability=0, blur_probability=0, cutout_probability=0
)  # fmt: skip


@pytest.fixture(scope='module')
def preprocessor() -> SegDataPreProcessor:
    return build_network().data_preprocessor  # mean 127.5, standard deviation 64


def normalised(*shape: int) -> torch.Tensor:
    return (torch.rand(shape) * 255 - 127.5) / 64


def test_without_any_part_the_view_is_the_batch(preprocessor):
    images = normalised(2, 3, 8, 9)
    view, seen = StrongView(**NOTHING)(images, preprocessor)
    torch.testing.assert_close(view, images)
    assert seen.all() and seen.shape == (2, 8, 9)
    raw = torch.rand(1, 3, 8, 9) * 255
    torch.testing.assert_close(StrongView(**NOTHING)(raw)[0], raw)


def test_what_is_cut_out_has_the_means_colour_and_is_told(preprocessor):
    images = normalised(4, 3, 40, 40).clamp(0.1, 1.9)
    view, seen = StrongView(**NOTHING | dict(cutout_probability=1))(images, preprocessor)
    share = 1 - seen.float().mean((1, 2))
    assert (share > 0.01).all() and (share < 0.25).all()
    assert len({tuple(mask.flatten().tolist()) for mask in seen}) == 4
    hidden = ~seen[:, None].expand_as(view)
    assert (view[hidden] == 0).all()
    torch.testing.assert_close(view[~hidden], images[~hidden])


def test_brightness_is_a_factor_of_the_picture_and_each_image_has_its_own(preprocessor):
    images = normalised(3, 3, 6, 6).clamp(max=0)
    options = dict(contrast=0, saturation=0, hue=0, jitter_probability=1)
    view, _ = StrongView(**NOTHING | options)(images, preprocessor)
    factors = (view * 64 + 127.5) / (images * 64 + 127.5)
    each = factors.flatten(1).median(1).values
    torch.testing.assert_close(factors, each[:, None, None, None].expand_as(factors))
    assert ((each > 0.5) & (each < 1.5)).all() and len(set(each.tolist())) == 3


def test_grey_and_blur(preprocessor):
    images = normalised(1, 3, 16, 16)
    grey, _ = StrongView(**NOTHING | dict(grey_probability=1))(images, preprocessor)
    picture = images * 64 + 127.5
    weights = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    luma = (picture * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    torch.testing.assert_close(grey * 64 + 127.5, luma, atol=0.2, rtol=0)
    blurred, _ = StrongView(**NOTHING | dict(blur_probability=1, blur=(1.9, 2.0)))(
        images, preprocessor
    )
    assert blurred.std() < images.std() / 2
    torch.testing.assert_close(blurred.mean(), images.mean(), atol=0.1, rtol=0)


def test_views_are_drawn_from_torchs_global_generator(preprocessor):
    images = normalised(2, 3, 16, 16)
    view = StrongView()
    torch.manual_seed(1)
    first, second = view(images, preprocessor), view(images, preprocessor)
    torch.manual_seed(1)
    again = view(images, preprocessor)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], second[0])


def test_consistency_is_a_weighted_mean_over_the_pixels_that_count():
    logits = torch.tensor([[[[2.0, 0.0, 1.0]], [[0.0, 0.0, 3.0]]]])
    target = torch.tensor([[[[0.95, 0.2, 0.6]], [[0.05, 0.8, 0.4]]]])
    where = torch.tensor([[[True, True, True]]])
    found = StrongViewConsistency(weight=0.5, confidence=0.7)(logits, target, where)
    first = torch.log(1 + torch.exp(torch.tensor(-2.0)))
    second = torch.log(torch.tensor(2.0))
    assert found['loss_strong'] == pytest.approx(0.5 * (first + second).item() / 2)
    assert found['share'] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    'options',
    [
        dict(weight=-1),
        dict(confidence=1.5),
        dict(begin_iter=-1),
        dict(pixels=('odd',)),
        dict(strong_view=dict(cutout_probability=2)),
        dict(strong_view=dict(hue=0.7)),
        dict(strong_view=dict(blur=(0.0, 1.0))),
    ],
)
def test_wrong_options(options):
    with pytest.raises(ValueError):
        StrongViewConsistency(**options)
