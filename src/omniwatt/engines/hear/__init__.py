"""Speech written down: voice activity, features, decoding and what guards it."""
