# Generated scenes (demo/make_demo_data.py): tags for the classifier, masks only for scoring.
data_root = 'demo_output/data'
seed_root = 'demo_output/run/seeds'
classes = ('background', 'fish', 'snail', 'mushroom', 'bird', 'truck')
palette = [
    [0, 0, 0], [230, 85, 70], [240, 190, 60], [170, 100, 200], [70, 150, 220], [90, 190, 110],
]  # fmt: skip
metainfo = dict(classes=classes, palette=palette)
crop_size = (128, 128)
