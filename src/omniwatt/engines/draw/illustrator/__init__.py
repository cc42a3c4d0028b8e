"""A picture from words without a neural net: understand (scene.py), compose (layout.py), paint."""
