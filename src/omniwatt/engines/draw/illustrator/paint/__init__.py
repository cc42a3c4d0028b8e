"""From a layout to pixels, at any size: every region at every scale is cut from the same picture."""
