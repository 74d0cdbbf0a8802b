"""A search by promptolution's own program: CAPO or EvoPrompt's genetic algorithm.

Reads the assignment as JSON from standard input, and prints the chosen prompt as one line of JSON.
"""

import json
import random
import sys
import time

import numpy as np
import pandas as pd
from promptolution.llms.api_llm import APILLM
from promptolution.optimizers.capo import CAPO
from promptolution.optimizers.evoprompt_ga import EvoPromptGA
from promptolution.predictors.base_predictor import BasePredictor
from promptolution.tasks.classification_tasks import ClassificationTask
from promptolution.utils.callbacks import BaseCallback
from promptolution.utils.templates import DEFAULT_SYS_PROMPT

from first_words import words

# Steps without a single task call after which nothing is left to try.
BARREN = 20


class Counted(APILLM):
    """Counts what it is asked."""

    calls = 0

    def _get_response(self, prompts, system_prompts):
        self.calls += len(prompts)
        return super()._get_response(prompts, system_prompts)


class FirstWords(BasePredictor):
    """The class is what the answer begins with."""

    def __init__(self, llm, classes):
        super().__init__(llm)
        self.classes = classes
        self.extraction_description = "The answer must begin with the class label." + (
            f" The class labels are: {', '.join(classes)}." if classes else ""
        )

    def _extract_preds(self, preds):
        wanted = [(label, words(label)) for label in self.classes]
        found = [words(pred) for pred in preds]
        return [next((label for label, w in wanted if f[: len(w)] == w), " ".join(f[:1])) for f in found]


class Budget(BaseCallback):
    """Ends the search with the step in which its task calls are used up."""

    def __init__(self, llm, most):
        super().__init__()
        self.llm, self.most, self.before, self.barren = llm, most, 0, 0

    def on_step_end(self, optimizer):
        self.barren = self.barren + 1 if self.llm.calls == self.before else 0
        self.before = self.llm.calls
        return self.llm.calls < self.most and self.barren < BARREN


task = json.load(sys.stdin)
random.seed(task["seed"])
np.random.seed(task["seed"])


def model(name, tokens, kind):
    return kind(
        api_url=task["url"],
        model_id=name,
        api_key="none",
        max_concurrent_calls=task["slots"],
        max_tokens=tokens,
        call_timeout_s=600,
        gather_timeout_s=3600,
    )


student = model(task["student"], task["answer_tokens"], Counted)
teacher = model(task["teacher"], task["proposal_tokens"], APILLM)
# It has no split of its own: all that others learn from and rank on.
data = pd.DataFrame([{"x": c["input"], "y": c["expected"].lower()} for c in task["train"] + task["validation"]])
data = data.sample(frac=1.0, random_state=task["seed"]).reset_index(drop=True)
# The strategy with which the package's own `optimize` runs every optimizer.
problem = ClassificationTask(
    data, task_description=task["description"], eval_strategy="sequential_block", seed=task["seed"]
)
optimizer = {"capo": CAPO, "evoprompt-ga": EvoPromptGA}[task["variant"]](
    predictor=FirstWords(student, [label.lower() for label in task["labels"]]),
    task=problem,
    meta_llm=teacher,
    initial_prompts=task["prompts"],
    callbacks=[Budget(student, task["evaluations"])],
)
prompt = str(optimizer.optimize(n_steps=10_000)[0])
turns = [{"role": "system", "content": DEFAULT_SYS_PROMPT}, {"role": "user", "content": prompt + "\n"}]
print(json.dumps({"before_input": turns, "prompt": prompt, "cpu_seconds": time.process_time()}))
