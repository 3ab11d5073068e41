# Cross-entropy on the aggregate, background and foreground half each: the control for hybrid
# learning, whose gain in short trainings is that of class balance.
_base_ = ['./segformer_b2_voc_aggregate.py', '../_base_/losses/ce_balanced.py']
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.loss)))
