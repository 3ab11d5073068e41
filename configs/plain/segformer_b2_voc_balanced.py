# Cross-entropy on the aggregate, background and foreground half each: the control that tells a
# gain of hybrid learning from one of class balance.
_base_ = ['./segformer_b2_voc_aggregate.py', '../_base_/losses/ce_balanced.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
