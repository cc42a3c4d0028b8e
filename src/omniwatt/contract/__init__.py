"""The vocabulary every part shares: requests, events, jobs, protocols and errors. Imports nothing of ours."""
