"""Planning masks as retrain and textpolicy find them, written from the description of their matcher.

They strip the markers of sub-words, join fragments with spaces, and search a regular expression in a window that
starts at each token and grows. It is what a pure Python implementation costs; what it marks differs from ours, as
it can match neither contractions nor phrases over word pieces, and marks tokens before a phrase.
"""

import re


class WindowMatcher:
    def __init__(self, grams, fragments):
        self.fragments = fragments
        self.longest = max(5, *(len(gram.split()) for gram in grams))
        self.pattern = re.compile(
            r"\b(?:" + "|".join(map(re.escape, grams)) + r")\b", re.IGNORECASE
        )

    def mask(self, ids):
        words = [self.fragments[token] for token in ids]
        marked = [0] * len(words)
        for start in range(len(words)):
            for end in range(start + 1, min(start + self.longest, len(words)) + 1):
                if self.pattern.search(" ".join(words[start:end])):
                    marked[start:end] = [1] * (end - start)
                    break
        return marked
