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


def in_system_turn(prompt, text):
    """As the package's own adapter asks."""
    return [{"role": "system", "content": prompt}, {"role": "user", "content": text}]


def in_user_turn(prompt, text):
    """For models that heed no system turn."""
    return [{"role": "user", "content": prompt + "\n\n" + text}]


class BatchAdapter(DefaultAdapter):
    """Asks about several candidates at once, which the package leaves to adapters: its own takes one after another."""

    ask = staticmethod(in_system_turn)

    def batch_evaluate(self, items):
        requests = [
            self.ask(next(iter(candidate.values())), data["input"]) for candidate, batch in items for data in batch
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


class UserTurnAdapter(BatchAdapter):
    """Puts the prompt before the input."""

    ask = staticmethod(in_user_turn)

    def evaluate(self, batch, candidate, capture_traces=False):
        return self.batch_evaluate([(candidate, batch)])[0]


def instances(cases):
    return [{"input": case["input"], "additional_context": {}, "answer": case["expected"]} for case in cases]


task = json.load(sys.stdin)
endpoint = {"api_base": task["url"], "api_key": "none", "timeout": 600}
kind = {"default": DefaultAdapter, "4x4": BatchAdapter, "user-turn": UserTurnAdapter}[task["variant"]]
adapter = kind(
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
ask = in_user_turn if task["variant"] == "user-turn" else in_system_turn
print(json.dumps({"before_input": ask(prompt, ""), "prompt": prompt, "cpu_seconds": time.process_time()}))
