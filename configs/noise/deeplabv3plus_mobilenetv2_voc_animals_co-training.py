# Hybrid learning of two networks, each of which learns the other's predictions at noisy pixels
# (CPS, CVPR 2021). What is tested is the mean of both.
_base_ = '../pnl/deeplabv3plus_mobilenetv2_voc_animals.py'
model = dict(type='CoTrainingEncoderDecoder', weight=1.5, begin_iter=120)
