"""What holds for every test."""

import signal

# A shell that runs the tests in the background has Ctrl-C ignored, and so would all processes that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
