# Generalized cross-entropy (NeurIPS 2018) on clean and noisy pixels alike.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='SeedGeneralizedCrossEntropyLoss', q=0.7))
)
