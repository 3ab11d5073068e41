import copy

import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_networks import SIZE, build_network, seed_batch
from mmengine.logging import MessageHub

NO_VIEW = dict(
    jitter_probability=0, grey_probability=0, blur_probability=0, cutout_probability=0
)  # fmt: skip
FILTER = dict(_delete_=True, type='FilteredLoss', loss=dict(type='PNHybridLoss'))


def network(**consistency):
    options = dict(confidence=0.0, strong_view=NO_VIEW) | consistency
    model = build_network(type='TeacherEncoderDecoder', consistency=options)
    torch.manual_seed(5)
    model.set_teacher(build_network())
    return model


def losses_of(model, batch=None):
    data = model.data_preprocessor(batch or seed_batch(), training=True)
    return model(**data, mode='loss'), data


def test_parameters_are_those_of_an_encoder_decoder():
    model, plain = network(), build_network()
    assert list(model.state_dict()) == list(plain.state_dict())
    assert len(list(model.parameters())) == len(list(plain.parameters()))


def test_losses_are_those_without_a_teacher_and_the_consistency():
    model, plain = network(weight=0.3), build_network()
    plain.load_state_dict(model.state_dict())
    torch.manual_seed(0)
    expected, data = losses_of(plain)
    torch.manual_seed(0)
    found, _ = losses_of(model)
    assert set(found) - set(expected) == {'consistency.loss_strong', 'consistency.share'}
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    # Without distortion the student sees what the teacher sees; noisy pixels are 6 of 24 rows.
    model.teacher.eval()
    with torch.no_grad():
        label = model.teacher.decode_head(model.teacher.extract_feat(data['inputs']))
        label = F.interpolate(label, SIZE, mode='bilinear').argmax(1)
        logits = model.decode_head(model.extract_feat(data['inputs']))
        logits = F.interpolate(logits, SIZE, mode='bilinear')
    pixels = F.cross_entropy(logits, label, reduction='none')[:, :6]
    # Its dropout draws again; the head has a ratio of 0.1.
    assert found['consistency.loss_strong'].item() == pytest.approx(
        0.3 * pixels.mean().item(), rel=0.1
    )
    assert found['consistency.share'] == pytest.approx(6 / 24)


def test_gradients_reach_the_student_alone_and_the_teacher_stays():
    model = network()
    before = copy.deepcopy(model.teacher.state_dict())
    losses, _ = losses_of(model)
    losses['consistency.loss_strong'].backward()
    assert all(p.grad is not None for name, p in model.named_parameters())
    assert all(p.grad is None for p in model.teacher.parameters())
    assert all(torch.equal(v, before[k]) for k, v in model.teacher.state_dict().items())
    assert model.teacher.training  # its mode too


def test_padding_is_left_out_and_filtered_pixels_are_taken_in():
    model = network(pixels=('ignored',))
    found, _ = losses_of(model, seed_batch(size=(20, 28)))
    assert found['consistency.share'] == pytest.approx(2 * 28 / (24 * 32))
    options = dict(confidence=0.0, strong_view=NO_VIEW, pixels=('filtered',))
    filtering = build_network(
        type='TeacherEncoderDecoder', consistency=options,
        decode_head=dict(loss_decode=FILTER | dict(min_pixels=2, min_gap=0.0, probability=0.5)),
    )  # fmt: skip
    filtering.set_teacher(build_network())
    found, _ = losses_of(filtering)
    filtered = filtering.decode_head.loss_decode.filtered
    assert filtered.any()
    assert found['consistency.share'] == pytest.approx(filtered.float().mean().item())


def test_no_pixel_and_no_confidence_give_0_with_gradients():
    model = network(confidence=1.0)
    losses, _ = losses_of(model)
    assert losses['consistency.loss_strong'] == 0 and losses['consistency.share'] == 0
    losses['consistency.loss_strong'].backward()


def test_begins_at_an_iteration():
    model = network(begin_iter=3)
    hub = MessageHub.get_instance('teacher-begins')
    for iteration, begun in ((2, False), (3, True)):
        hub.update_info('iter', iteration)
        assert ('consistency.loss_strong' in losses_of(model)[0]) == begun
    MessageHub.get_instance('teacher-outside')


def test_a_missing_teacher_is_named():
    model = network()
    model.set_teacher(None)
    with pytest.raises(RuntimeError, match='TeacherHook'):
        losses_of(model)
    model.eval()
    batch = seed_batch(1)
    assert model.test_step(batch)[0].pred_sem_seg.data.shape == (1, *SIZE)


def test_one_output_channel_is_refused():
    head = dict(num_classes=2, out_channels=1, threshold=0.5)
    loss = dict(_delete_=True, type='CrossEntropyLoss', use_sigmoid=True, avg_non_ignore=True)
    with pytest.raises(ValueError, match='out_channels is 1'):
        build_network(
            type='TeacherEncoderDecoder', consistency={}, decode_head=head | dict(loss_decode=loss)
        )


def test_mixed_precision_gives_finite_losses_and_gradients():
    model = network(strong_view={})
    with torch.autocast('cpu', torch.bfloat16):
        losses, _ = losses_of(model)
        total, _ = model.parse_losses(losses)
    total.backward()
    assert losses['consistency.loss_strong'] > 0
    assert all(p.grad.isfinite().all() for p in model.parameters())
