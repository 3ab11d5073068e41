# Cross-entropy on clean pixels only; noisy ones count as 255.
loss = dict(type='SeedCrossEntropyLoss', noisy='ignore')
