# Cross-entropy on clean pixels alone, averaged over them.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='SeedCrossEntropyLoss', noisy='ignore'))
)
