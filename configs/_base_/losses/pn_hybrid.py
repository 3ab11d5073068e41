# Hybrid learning, the default of configs/pnl. A config takes a loss from this folder like this:
#   _base_ = ['../pnl/segformer_b2_voc.py', '../_base_/losses/nlnl.py']
#   model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
loss = dict(type='PNHybridLoss')
