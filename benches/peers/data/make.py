"""Makes the data sets of this folder from the source package of vaderSentiment 3.3.2.

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python3 benches/peers/data/make.py vaderSentiment-3.3.2.tar.gz

Of each ground truth the clear texts (mean rating from -4 to 4 at or beyond a limit) of 20 to 240 characters, balanced,
in an order of their hashes, so that any Python makes the same files.
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile

INSIDE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
# The ground truth, and from which rating on a text is clear: of editorials, few are as clear as reviews.
SOURCES = {"product_sentiment": ("amazonReviewSnippets", 1.5), "editorial_sentiment": ("nytEditorialSnippets", 1.2)}
LENGTHS = range(20, 241)
# Of each label, in each file.
COUNT = 100


def rated(ground_truth, clear):
    """Texts with their label; the same text is taken once."""
    labels = {}
    for line in ground_truth.decode("utf-8").splitlines():
        _, rating, text = line.split("\t")
        text = text.strip()
        if abs(float(rating)) >= clear and len(text) in LENGTHS and text.isascii():
            labels.setdefault(text, "positive" if float(rating) > 0 else "negative")
    return labels


def order(text):
    return hashlib.sha256(text.encode()).hexdigest()


with tarfile.open(sys.argv[1]) as package:
    resources = package.extractfile(INSIDE).read()
with tarfile.open(fileobj=io.BytesIO(resources)) as archive:
    for name, (source, clear) in SOURCES.items():
        labels = rated(archive.extractfile(f"hutto_ICWSM_2014/{source}_GroundTruth.txt").read(), clear)
        chosen = {"train": [], "val": []}
        for label in ("positive", "negative"):
            texts = sorted((text for text in labels if labels[text] == label), key=order)
            if len(texts) < 2 * COUNT:
                sys.exit(f"{source} has {len(texts)} clear texts that are {label}, and {2 * COUNT} are needed")
            chosen["train"] += texts[:COUNT]
            chosen["val"] += texts[COUNT : 2 * COUNT]
        for part, texts in chosen.items():
            path = pathlib.Path(__file__).parent / f"{name}.{part}.jsonl"
            lines = [json.dumps({"input": text, "expected": labels[text]}) for text in sorted(texts, key=order)]
            path.write_text("\n".join(lines) + "\n")
