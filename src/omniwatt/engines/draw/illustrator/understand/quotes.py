"""Where quoted texts were found before."""

from omniwatt.engines.draw.quotes import FIRST_MARK, LAST_MARK, MAX_TEXTS, Marked, Quoted, is_mark, take_texts

__all__ = ["FIRST_MARK", "LAST_MARK", "MAX_TEXTS", "Marked", "Quoted", "is_mark", "take_texts"]
