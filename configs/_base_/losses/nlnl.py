# NLNL (ICCV 2019) on the clean/noisy split: cross-entropy on clean pixels, complementary labels
# drawn at random on noisy ones, nothing said of the assigned label there.
loss = dict(
    type='PNHybridLoss',
    positive='ce',
    direct_weight=0.0,
    indirect='draws',
    indirect_weight=1.0,
    loss_name='loss_nlnl',
)
