# Hybrid learning, and at every pixel "it is the background or a class in the tags".
_base_ = ['./deeplabv2_r101_voc.py', '../_base_/losses/pn_hybrid_tag_set.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
train_dataloader = dict(dataset=dict(tags='records'))
custom_hooks = [*_base_.custom_hooks, dict(type='TagsToLossHook')]
