# Mask2Former with Swin-L, the paper's best network. Initial weights: the authors' ImageNet-21k
# classifier at 384 pixels, converted by MMSegmentation.
_base_ = './mask2former_swin-t.py'
checkpoint = 'https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/swin_large_patch4_window12_384_22k_20220412-6580f57d.pth'
model = dict(
    backbone=dict(
        pretrain_img_size=384,
        embed_dims=192,
        depths=[2, 2, 18, 2],
        num_heads=[6, 12, 24, 48],
        window_size=12,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
    ),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
)
