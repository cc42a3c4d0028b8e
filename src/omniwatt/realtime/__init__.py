"""Spoken conversations: what a session is told, when a turn begins and ends, and how it is answered."""
