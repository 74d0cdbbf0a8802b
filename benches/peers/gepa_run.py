"""A search by GEPA's own program.

Reads the assignment as JSON from standard input, and prints the chosen prompt as one line of JSON.
"""

import json
import os
import sys
import time

# Prices come with the package; nothing is fetched.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import gepa
from gepa.adapters.default_adapter.default_adapter import DefaultAdapter, EvaluationResult
from gepa.core.adapter import EvaluationBatch
from gepa.strategies.proposal_sampling import PxNSampling

from first_words import begins_with


class Silent:
    """Standard output is for the result."""

    def log(self, message):
        pass


def score(data, response):
    """The package's own evaluator, but that the answer must begin with the label instead of holding it."""
    answer = data["answer"]
    if begins_with(response, answer):
        return EvaluationResult(1.0, f"The generated response is correct. It begins with '{answer}'.")
    return EvaluationResult(
        0.0,
        f"The generated response is incorrect. The correct answer is '{answer}'. "
        "Ensure that the response begins with the correct answer exactly as it is.",
    )


class BatchAdapter(DefaultAdapter):
    """Asks about several candidates at once, which the package leaves to adapters: its default is one after another."""

    def batch_evaluate(self, items):
        # One batch of all cases, with the prompt of each: what `evaluate` does for one candidate.
        requests = [
            [{"role": "system", "content": next(iter(candidate.values()))}, {"role": "user", "content": data["input"]}]
            for candidate, batch in items
            for data in batch
        ]
        responses = iter(
            self._lm.batch_complete(
                requests, max_workers=self.max_litellm_workers, **self.litellm_batch_completion_kwargs
            )
        )
        evaluated = []
        for _, batch in items:
            answers = [next(responses) for _ in batch]
            results = [self.evaluator(data, answer) for data, answer in zip(batch, answers)]
            evaluated.append(
                EvaluationBatch(
                    outputs=[{"full_assistant_response": answer} for answer in answers],
                    scores=[result.score for result in results],
                    trajectories=[
                        {"data": data, "full_assistant_response": answer, "feedback": result.feedback}
                        for data, answer, result in zip(batch, answers, results)
                    ],
                )
            )
        return evaluated


def instances(cases):
    return [{"input": case["input"], "additional_context": {}, "answer": case["expected"]} for case in cases]


task = json.load(sys.stdin)
endpoint = {"api_base": task["url"], "api_key": "none", "timeout": 600}
adapter = (BatchAdapter if task["variant"] == "4x4" else DefaultAdapter)(
    model="openai/" + task["student"],
    evaluator=score,
    max_litellm_workers=task["slots"],
    litellm_batch_completion_kwargs={**endpoint, "max_tokens": task["answer_tokens"]},
)
result = gepa.optimize(
    seed_candidate={"instruction": task["prompts"][0]},
    trainset=instances(task["train"]),
    valset=instances(task["validation"]),
    adapter=adapter,
    reflection_lm="openai/" + task["teacher"],
    reflection_lm_kwargs={**endpoint, "max_tokens": task["proposal_tokens"]},
    max_metric_calls=task["evaluations"],
    sampling_strategy=PxNSampling(4, 4) if task["variant"] == "4x4" else None,
    logger=Silent(),
    seed=task["seed"],
)
prompt = result.best_candidate["instruction"]
print(json.dumps({"system": prompt, "before_input": "", "prompt": prompt, "cpu_seconds": time.process_time()}))
