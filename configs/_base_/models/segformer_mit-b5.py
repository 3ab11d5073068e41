# SegFormer with MiT-B5. Decoder width 768, as
# in the paper (MMSegmentation's own configs keep 256).
_base_ = './segformer_mit-b0.py'
checkpoint = (
    'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b5_20220624-658746d9.pth'
)
model = dict(
    backbone=dict(
        embed_dims=64,
        num_layers=[3, 6, 40, 3],
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512], channels=768),
)
