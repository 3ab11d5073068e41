# Hybrid learning; a noisy pixel is one of the labels that seeds voted for, whichever.
_base_ = ['./deeplabv2_r101_voc.py', '../_base_/losses/pn_hybrid_noisy_set.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(losing_votes=True)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
