# Cross-entropy on all labels, background and foreground half each: the control that tells a gain
# from class balance.
loss = dict(type='SeedCrossEntropyLoss', noisy='keep', balance='foreground')
