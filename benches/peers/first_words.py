"""The score that all systems are measured by: an answer is right that begins with the label."""

import re


def words(text):
    """Words in lower case; what joins two letters or digits is part of the word."""
    return re.findall(r"\w+(?:[-'’_/.,:]\w+)*", text.lower())


def begins_with(answer, label):
    wanted = words(label)
    return words(answer)[: len(wanted)] == wanted
