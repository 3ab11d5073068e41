# Cross-entropy with noisy pixels as 255, averaged over all pixels as mmseg does by default: the
# more noise, the smaller the loss.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(
            _delete_=True, type='SeedCrossEntropyLoss', noisy='ignore', avg_non_ignore=False
        )
    )
)
