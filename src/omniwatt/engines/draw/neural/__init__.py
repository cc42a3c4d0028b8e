"""Diffusion models of Hugging Face's `diffusers`, from a folder or the hub; an extra, for it needs torch."""
