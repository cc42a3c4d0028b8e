"""What every measured figure of the README comes from: `make bench-NAME`."""
