//! The business dashboard: what the prompts are worth, what they cost, and what users make of them.

use evohub_monitoring::metrics::names;

use super::{BUSINESS, detail, events, row, targets};
use crate::model::{Dashboard, Panel, Query, Row, Unit, Variable};
use crate::promql::{Window, of};
use crate::recorded;

pub(super) fn dashboard() -> Dashboard {
    let mut variables = targets();
    variables.push(Variable::of_label(
        "model",
        "Model",
        "A language model",
        names::LLM_API_IN_FLIGHT,
        |of| of.model,
    ));
    Dashboard {
        uid: BUSINESS,
        title: "evohub: business",
        description: "What the prompts are worth, what they cost, and what users make of them",
        since: "now-24h",
        variables,
        annotations: events(),
        rows: vec![overview(), key_figures(), quality(), cost(), users(), experiments()],
    }
}

fn overview() -> Row {
    let dollars = of(names::LLM_API_COST).increase(Window::Shown).sum();
    let measured = of(names::PROMPT_EVALUATIONS).is(|of| of.outcome, "success");
    let good = of(names::PROMPT_FEEDBACK).is(|of| of.rating, "positive");
    let sided = of(names::PROMPT_FEEDBACK).matches(|of| of.rating, "positive|negative");
    row("Overview", vec![
        Panel::figure(
            "Mean score",
            "Mean validation score of the candidates whose fate was decided in the time shown, 0 to 1.",
            Unit::Score,
            of(names::PROMPT_FITNESS_SCORE).mean(Window::Shown),
        )
        .without("nothing was decided"),
        Panel::figure(
            "Spent",
            "US dollars for model calls in the time shown, where prices are known.",
            Unit::Dollars,
            dollars.or_zero(),
        ),
        Panel::figure(
            "Cost of an evaluation",
            "US dollars an evaluation in the time shown, the questions of the search to its reflection model included.",
            Unit::Dollars,
            dollars / measured.increase(Window::Shown).sum().positive(),
        )
        .without("nothing was evaluated"),
        Panel::figure(
            "Saved",
            "Evaluations that were not needed in the time shown: their result was known, or their candidate had fallen \
             before.",
            Unit::Count,
            of(names::EVALUATIONS_SAVED).increase(Window::Shown).sum().or_zero(),
        ),
        Panel::figure(
            "Sessions",
            "User sessions under way, as the service that uses the prompts reports them.",
            Unit::Count,
            of(names::USER_SESSIONS_ACTIVE).now().sum(),
        ),
        Panel::figure(
            "Satisfaction",
            "Share of good ratings among those that took a side, in the time shown.",
            Unit::Share,
            good.increase(Window::Shown).sum() / sided.increase(Window::Shown).sum().positive(),
        )
        .without("nobody rated")
        .warns_below(0.5, 0.8),
    ])
}

/// What the rules record for all nodes, whatever is chosen above.
fn key_figures() -> Row {
    row("Key figures, over all nodes", vec![
        Panel::figure(
            "Generations an hour",
            "Generations, or windows of a steady state, over the last hour.",
            Unit::Count,
            of(recorded::GENERATIONS_PER_HOUR).now().sum(),
        ),
        Panel::figure(
            "Rise in a generation",
            "How much the best score of a population rises in a generation, over the last hour; 0.01 is a point.",
            Unit::Score,
            of(recorded::FITNESS_GAINED).now().max(),
        )
        .without("no generation"),
        Panel::figure(
            "Time to convergence",
            "Time from the start of a search to its last improvement, of the searches that ended in a day.",
            Unit::Seconds,
            of(recorded::CONVERGENCE).now().max(),
        )
        .without("no search ended"),
        Panel::figure(
            "A point costs",
            "US dollars for a rise of the best score by 0.01, over the last hour.",
            Unit::Dollars,
            of(recorded::DOLLARS_PER_POINT).now().max(),
        )
        .without("nothing rose"),
        Panel::figure(
            "An evaluation costs",
            "US dollars an evaluation, over the last hour, the questions to the reflection model included.",
            Unit::Dollars,
            of(recorded::DOLLARS_PER_EVALUATION).now().max(),
        )
        .without("nothing was evaluated"),
        Panel::figure(
            "Evaluations that succeed",
            "Share of attempts at an evaluation that brought a result, over five minutes.",
            Unit::Share,
            of(recorded::SUCCESS_RATIO).now().min(),
        )
        .warns_below(0.8, 0.95)
        .without("nothing was evaluated"),
    ])
}

fn quality() -> Row {
    let scores = of(names::PROMPT_FITNESS_SCORE);
    row("Quality of prompts", vec![
        Panel::lines(
            "Scores of candidates",
            "Mean validation scores of candidates when their fate is decided: half are below the middle line, one in ten \
             below the lowest. All rise while a search gets on.",
            Unit::Score,
        )
        .ask("90 % below", scores.quantile(0.9))
        .ask("half below", scores.quantile(0.5))
        .ask("10 % below", scores.quantile(0.1)),
        Panel::lines(
            "Mean score by objective",
            "Mean of the scores of candidates when their fate is decided, by what they were scored for.",
            Unit::Score,
        )
        .ask("{{objective}}", scores.mean_by(|of| [of.objective])),
        Panel::heatmap(
            "Spread of scores",
            "How many candidates have which score. One bright band that climbs is a population that has agreed; many \
             bands are a diverse one.",
            Unit::Score,
            scores.buckets(),
        ),
        Panel::lines(
            "Best and mean fitness",
            "Best and mean score of the populations of running jobs, 0 to 1.",
            Unit::Score,
        )
        .ask("best", of(names::EVOLUTION_BEST_FITNESS).now().max())
        .ask("mean", of(names::EVOLUTION_MEAN_FITNESS).now().mean())
        .without("no job runs"),
        Panel::areas(
            "Where kept candidates come from",
            "Candidates a minute that the population took in, by the operator that made them.",
            Unit::PerMinute,
        )
        .ask("{{operator}}", of(names::EVOLUTION_CANDIDATES).is(|of| of.outcome, "kept").rate().sum_by(|of| [of.operator]) * 60.0),
        Panel::lines(
            "Generations an hour",
            "How fast searches get on, over the last hour and all nodes.",
            Unit::Count,
        )
        .ask("generations", of(recorded::GENERATIONS_PER_HOUR).now().sum()),
    ])
}

fn cost() -> Row {
    let tokens = of(names::LLM_TOKENS).matches(|of| of.model, "$model");
    let cached = of(names::LLM_TOKENS).matches(|of| of.model, "$model").is(|of| of.direction, "cached");
    let input = of(names::LLM_TOKENS).matches(|of| of.model, "$model").is(|of| of.direction, "input");
    row("Cost", vec![
        Panel::areas(
            "Spending by model",
            "US dollars an hour, where prices are known.",
            Unit::Dollars,
        )
        .ask(
            "{{model}}",
            of(names::LLM_API_COST).matches(|of| of.model, "$model").rate().sum_by(|of| [of.model]) * 3600.0,
        ),
        Panel::lines(
            "Cost of an evaluation",
            "US dollars an evaluation, over the last hour and all nodes. The questions to the reflection model are in it.",
            Unit::Dollars,
        )
        .ask("an evaluation", of(recorded::DOLLARS_PER_EVALUATION).now().max()),
        Panel::areas(
            "Evaluations saved",
            "Evaluations a second that were not needed, by what made them so.",
            Unit::PerSecond,
        )
        .query(
            Query::new(
                "{{by}}",
                of(names::EVALUATIONS_SAVED).rate().sum_by(|of| [of.by]).or_none("by", "none"),
            )
            .known_as(&["cache", "minibatch_gate", "racing"]),
        ),
        Panel::lines(
            "Tokens",
            "Tokens a second. Of the input, cached ones were ready at the provider, and cost less.",
            Unit::PerSecond,
        )
        .query(
            Query::new("{{direction}}", tokens.rate().sum_by(|of| [of.direction]))
                .known_as(&["input", "output", "cached"]),
        ),
        Panel::lines(
            "Input that was ready",
            "Share of the input that the provider, or the local model, had ready from an earlier call.",
            Unit::Share,
        )
        .ask(
            "{{model}}",
            cached.rate().sum_by(|of| [of.model]) / input.rate().sum_by(|of| [of.model]).positive(),
        ),
        Panel::areas("Calls by model", "Calls a second, their retries within.", Unit::PerSecond).ask(
            "{{model}}",
            of(names::LLM_API_CALLS).matches(|of| of.model, "$model").rate().sum_by(|of| [of.model]),
        ),
    ])
}

fn users() -> Row {
    let good = of(names::PROMPT_FEEDBACK).is(|of| of.rating, "positive");
    let sided = of(names::PROMPT_FEEDBACK).matches(|of| of.rating, "positive|negative");
    row(
        "Users",
        vec![
            Panel::lines(
                "Sessions",
                "User sessions under way, as the service that uses the prompts reports them.",
                Unit::Count,
            )
            .ask("sessions", of(names::USER_SESSIONS_ACTIVE).now().sum()),
            Panel::areas("Ratings", "Ratings a minute that users gave to answers.", Unit::PerMinute).query(
                Query::new(
                    "{{rating}}",
                    (of(names::PROMPT_FEEDBACK).rate().sum_by(|of| [of.rating]) * 60.0)
                        .or_none("rating", "none"),
                )
                .known_as(&["positive", "negative", "neutral"]),
            ),
            Panel::lines("Satisfaction", "Share of good ratings among those that took a side.", Unit::Share)
                .ask("good ratings", good.rate().sum() / sided.rate().sum().positive())
                .without("nobody rated"),
        ],
    )
}

fn experiments() -> Row {
    let name = "{{experiment}} {{variant}}";
    let assigned = of(names::AB_TEST_ASSIGNMENTS);
    let converted = of(names::AB_TEST_CONVERSIONS);
    detail("A/B tests", vec![
        Panel::lines(
            "Users by variant",
            "Users a minute who were given a variant of an experiment.",
            Unit::PerMinute,
        )
        .ask(
            name,
            (assigned.rate().sum_by(|of| [of.experiment, of.variant]) * 60.0).or_none("experiment", "none"),
        ),
        Panel::lines(
            "Conversions by variant",
            "Users of a variant a minute who did what the experiment is for.",
            Unit::PerMinute,
        )
        .ask(
            name,
            (converted.rate().sum_by(|of| [of.experiment, of.variant]) * 60.0).or_none("experiment", "none"),
        ),
        Panel::lines(
            "Share that converted",
            "Users of a variant who did what the experiment is for, of all who were given it in the time shown. \
             Differences of a few users say nothing.",
            Unit::Share,
        )
        .ask(
            name,
            (converted.increase(Window::Shown).sum_by(|of| [of.experiment, of.variant])
                / assigned.increase(Window::Shown).sum_by(|of| [of.experiment, of.variant]).positive())
            .or_none("experiment", "none"),
        ),
    ])
}
