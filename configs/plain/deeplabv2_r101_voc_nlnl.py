# Cross-entropy on clean pixels, NLNL (ICCV 2019) on noisy ones: complementary labels, drawn.
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(
            _delete_=True, type='PNHybridLoss', positive='ce', direct_weight=0.0, indirect='draws'
        )
    )
)
