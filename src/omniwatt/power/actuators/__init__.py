"""What holds the watts: steps that wait (gate), processes that share CPU seconds (duty, quota), GPU limits (caps)."""
