import pytest
import torch
import torch.nn.functional as F
from helpers.tiny_networks import SIZE, build_network, seed_batch
from mmengine.logging import MessageHub

from mmseg_wsss.models.pseudo_supervision import class_probabilities


def network(**options):
    options.setdefault('decode_head', {})
    options['decode_head'].setdefault('dropout_ratio', 0.0)
    return build_network(type='CoTrainingEncoderDecoder', **options)


def losses_of(model, batch=None):
    data = model.data_preprocessor(batch or seed_batch(), training=True)
    return model(**data, mode='loss'), data


def scores(net, inputs):
    """Logits of one network at the size of the input."""
    logits = net.decode_head(net.extract_feat(inputs))
    return F.interpolate(logits, SIZE, mode='bilinear')


def test_networks_begin_at_different_weights_and_the_first_is_a_plain_one():
    model, plain = network(), build_network()
    own = [name for name in model.state_dict() if not name.startswith('partner.')]
    assert own == list(plain.state_dict())
    assert [f'partner.{name}' for name in own] == list(model.state_dict())[len(own) :]
    heads = (model.decode_head.conv_seg.weight, model.partner.decode_head.conv_seg.weight)
    assert not torch.equal(*heads)
    plain.load_state_dict(model.state_dict(), strict=False)


def test_losses_are_those_of_each_network_and_the_exchange_of_hard_labels():
    model = network(weight=0.7)
    torch.manual_seed(0)
    found, data = losses_of(model)
    inputs = data['inputs']
    plain = build_network(decode_head=dict(dropout_ratio=0.0))
    torch.manual_seed(0)  # of the complementary labels that the loss draws
    for net, prefix in ((model, ''), (model.partner, 'partner.')):
        plain.load_state_dict(net.state_dict(), strict=False)
        for name, value in plain(**data, mode='loss').items():
            assert torch.equal(found[prefix + name], value), prefix + name
    with torch.no_grad():
        logits = [scores(net, inputs) for net in (model, model.partner)]
    labels = [one.argmax(1) for one in logits]
    for index, name in enumerate(('first', 'partner')):
        each = F.cross_entropy(logits[index], labels[1 - index], reduction='none')
        # Noisy pixels are 6 of 24 rows; CPS divides by all pixels.
        expected = 0.7 * each[:, :6].sum() / each.numel()
        assert found[f'exchange.loss_{name}'].item() == pytest.approx(expected.item(), rel=1e-4)
    share = (labels[0] != labels[1]).float().mean()
    assert found['exchange.disagreement'].item() == pytest.approx(share.item(), abs=1e-6)


def test_each_learns_from_the_other_and_not_through_it():
    model = network()
    losses, _ = losses_of(model)
    losses['exchange.loss_first'].backward()
    grads = {name: p.grad is not None for name, p in model.named_parameters()}
    assert all(has is not name.startswith('partner.') for name, has in grads.items())


def test_confidence_pixels_and_padding():
    assert losses_of(network(confidence=1.0))[0]['exchange.loss_first'] == 0
    model = network(pixels=('ignored',))
    found, data = losses_of(model, seed_batch(size=(20, 28)))
    with torch.no_grad():
        logits = [scores(net, data['inputs']) for net in (model, model.partner)]
    each = F.cross_entropy(logits[0], logits[1].argmax(1), reduction='none')
    expected = 1.5 * each[:, 6:8, :28].sum() / (2 * 20 * 28)
    assert found['exchange.loss_first'].item() == pytest.approx(expected.item(), rel=1e-4)


def test_begins_at_an_iteration():
    model = network(begin_iter=3)
    hub = MessageHub.get_instance('exchange-begins')
    for iteration, begun in ((2, False), (3, True)):
        hub.update_info('iter', iteration)
        assert ('exchange.loss_first' in losses_of(model)[0]) == begun
    MessageHub.get_instance('exchange-outside')


def test_a_test_is_the_mean_of_both_or_the_first():
    batch = seed_batch()
    model = network().eval()
    # Far apart, as trained networks are.
    for net, label in ((model, 0), (model.partner, 1)):
        net.decode_head.conv_seg.bias.data[label] += 1.0
    inputs = model.data_preprocessor(batch, False)['inputs']
    with torch.no_grad():
        each = [scores(net, inputs).softmax(1) for net in (model, model.partner)]
        results = model.test_step(seed_batch())
    found = torch.stack([one.seg_logits.data for one in results]).softmax(1)
    torch.testing.assert_close(found, (each[0] + each[1]) / 2)
    torch.testing.assert_close(class_probabilities(model, inputs), found)
    model.test_with = 'first'
    results = model.test_step(seed_batch())
    found = torch.stack([one.seg_logits.data for one in results]).softmax(1)
    torch.testing.assert_close(found, each[0])


def test_mean_of_heads_of_masks_is_one_of_probabilities(monkeypatch):
    from mmseg_wsss.models import pseudo_supervision

    model = network().eval()
    sums = [torch.tensor([0.8, 0.1, 0.3]), torch.tensor([0.2, 0.2, 0.6])]
    for net, values in zip((model, model.partner), sums, strict=True):
        answer = values[None, :, None, None].expand(1, 3, *SIZE)
        monkeypatch.setattr(net.decode_head, 'predict', lambda *args, answer=answer: answer)
    monkeypatch.setattr(pseudo_supervision, 'Mask2FormerHead', type(model.decode_head))
    expected = sum(values / values.sum() for values in sums) / 2
    found = class_probabilities(model, torch.zeros(1, 3, *SIZE))[0, :, 0, 0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_partner_of_another_architecture():
    backbone = dict(
        type='ResNetV1c', depth=18, base_channels=8, stem_channels=4, num_stages=1, strides=(1,),
        dilations=(1,), out_indices=(0,), norm_cfg=dict(type='BN'),
    )  # fmt: skip
    head = dict(
        type='FCNHead', in_channels=8, channels=8, in_index=0, num_convs=0, concat_input=False,
        num_classes=3, loss_decode=dict(type='SeedCrossEntropyLoss'),
    )  # fmt: skip
    model = network(partner=dict(backbone=backbone, decode_head=head))
    assert model.partner.decode_head.conv_seg.in_channels == 8
    losses, _ = losses_of(model)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert 'partner.decode.loss_ce' in losses
    with pytest.raises(ValueError, match=r'out_channels is 3, that of the partner\s+4'):
        network(partner=dict(backbone=backbone, decode_head=head | dict(num_classes=4)))


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        (dict(weight=-1.0), 'weight'),
        (dict(confidence=2.0), 'confidence'),
        (dict(begin_iter=-1), 'begin_iter'),
        (dict(pixels=()), 'pixels'),
        (dict(test_with='second'), 'test_with'),
        (dict(partner=dict(weight=1)), 'partner has weight'),
    ],
)
def test_wrong_options(options, word):
    with pytest.raises(ValueError, match=word):
        network(**options)
