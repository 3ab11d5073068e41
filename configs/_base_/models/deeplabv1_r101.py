# DeepLab-V1: as deeplabv2_r101.py, with a single classifier of dilation 12 (LargeFOV).
_base_ = './deeplabv2_r101.py'
model = dict(decode_head=dict(type='DeepLabV1Head'))
