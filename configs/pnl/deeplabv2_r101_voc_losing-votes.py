# Hybrid learning whose direct negatives are the labels that lost the vote at a noisy pixel.
_base_ = ['./deeplabv2_r101_voc.py', '../_base_/losses/pn_hybrid_losing_votes.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
train_pipeline = _base_.train_pipeline
train_pipeline[1].update(losing_votes=True)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
