# SegFormer with MiT-B3. Decoder width 768, as
# in the paper (MMSegmentation's own configs keep 256).
_base_ = './segformer_mit-b0.py'
checkpoint = (
    'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/mit_b3_20220624-13b1141c.pth'
)
model = dict(
    backbone=dict(
        embed_dims=64,
        num_layers=[3, 4, 18, 3],
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512], channels=768),
)
