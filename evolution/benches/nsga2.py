"""Prints the seconds of the processor (median of 5) that pymoo takes to choose 5,000 survivors of NSGA-II among
10,000 random candidates with 3 objectives: what `core.rs` measures. Needs `pip install pymoo`."""

import statistics
import time

import numpy
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

CANDIDATES, KEEP, OBJECTIVES, RUNS = 10_000, 5_000, 3, 5


def run(seed):
    objectives = numpy.random.default_rng(seed).random((CANDIDATES, OBJECTIVES))
    population = Population.new(F=objectives)
    problem = Problem(n_obj=OBJECTIVES)
    start = time.process_time()
    survivors = RankAndCrowding().do(problem, population, n_survive=KEEP)
    seconds = time.process_time() - start
    assert len(survivors) == KEEP
    return seconds


run(0)
print(f"{statistics.median(run(seed) for seed in range(1, RUNS + 1)):.4f}")
