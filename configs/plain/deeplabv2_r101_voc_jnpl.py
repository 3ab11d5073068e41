# As _nlnl.py, each complementary term weighted by the detached 1 - p[c] (JNPL, CVPR 2021).
_base_ = '../pnl/deeplabv2_r101_voc.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(
            _delete_=True,
            type='PNHybridLoss',
            positive='ce',
            direct_weight=0.0,
            indirect='draws',
            jnpl_weighting=True,
        )
    )
)
