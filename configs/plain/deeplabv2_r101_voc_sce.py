# Symmetric cross-entropy (ICCV 2019) on clean and noisy pixels alike.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='SeedSymmetricCrossEntropyLoss', alpha=0.1, beta=1.0)
    )
)
