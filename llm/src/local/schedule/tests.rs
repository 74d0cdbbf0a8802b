use super::super::gguf::Gguf;
use super::super::synthetic;
use super::*;

type Reply = oneshot::Receiver<Result<Answer, Fault>>;

const LIMITS: Limits = Limits { width: 4, running: usize::MAX, cached: usize::MAX };

fn schedule(limits: Limits) -> Schedule {
    let file = Gguf::open(synthetic::model().file().path()).unwrap();
    let tokenizer = Tokenizer::read(&file).unwrap();
    Schedule::new(Llama::read(&file).unwrap(), Arc::new(tokenizer), limits)
}

fn ask(schedule: &mut Schedule, prompt: &[u32], most: usize, seed: Option<u64>) -> Reply {
    let (reply, answer) = oneshot::channel();
    let sampler = Sampler::new(if seed.is_some() { 1.0 } else { 0.0 }, 1.0, seed);
    schedule.push(Job { prompt: prompt.to_vec(), most, sampler, reply });
    answer
}

fn finish(schedule: &mut Schedule) {
    for _ in 0..1000 {
        if schedule.is_idle() {
            return;
        }
        schedule.step();
    }
    panic!("requests are never answered");
}

fn answer(mut reply: Reply) -> Answer {
    reply.try_recv().unwrap().unwrap()
}

fn prompt(first: usize, second: usize) -> Vec<u32> {
    let tokens = |count: usize, step: usize| (0..count).map(move |at| (3 + at * step % 90) as u32);
    tokens(first, 7).chain(tokens(second, second)).collect()
}

/// The answers to prompts that are asked one after the other, with nothing kept.
fn one_by_one(prompts: &[Vec<u32>], most: usize, seed: Option<u64>) -> Vec<Vec<u32>> {
    let mut schedule = schedule(Limits { cached: 0, width: 1, ..LIMITS });
    let mut tokens = Vec::new();
    for prompt in prompts {
        let reply = ask(&mut schedule, prompt, most, seed);
        finish(&mut schedule);
        let answer = answer(reply);
        assert_eq!(answer.cached, 0);
        tokens.push(answer.tokens);
    }
    tokens
}

#[test]
fn answers_do_not_depend_on_company_or_cache() {
    let prompts: Vec<_> =
        (5..14).map(|second| prompt(70, second)).chain([prompt(3, 2), prompt(0, 40)]).collect();
    for seed in [None, Some(5)] {
        let expected = one_by_one(&prompts, 12, seed);
        let mut schedule = schedule(LIMITS);
        for round in 0..2 {
            let replies: Vec<_> = prompts.iter().map(|prompt| ask(&mut schedule, prompt, 12, seed)).collect();
            finish(&mut schedule);
            let answers: Vec<_> = replies.into_iter().map(|reply| answer(reply).tokens).collect();
            assert_eq!(answers, expected, "round {round}, seed {seed:?}");
        }
    }
}

#[test]
fn what_prompts_share_is_computed_once() {
    let mut schedule = schedule(LIMITS);
    let replies: Vec<_> = (5..8).map(|second| ask(&mut schedule, &prompt(70, second), 1, None)).collect();
    finish(&mut schedule);
    let mut cached: Vec<_> = replies.into_iter().map(|reply| answer(reply).cached).collect();
    cached.sort_unstable();
    assert_eq!(cached[0], 0, "one of them pays");
    assert!(cached[1..].iter().all(|&cached| cached >= 70), "{cached:?}");

    let later = ask(&mut schedule, &prompt(70, 11), 1, None);
    finish(&mut schedule);
    assert!(answer(later).cached >= 70);
}

#[test]
fn a_long_prompt_is_kept_while_it_is_answered() {
    let mut schedule = schedule(LIMITS);
    let first = ask(&mut schedule, &prompt(70, 9), 40, Some(1));
    schedule.step();
    let second = ask(&mut schedule, &prompt(70, 5), 1, None);
    schedule.step();
    assert!(answer(second).cached >= 70);
    finish(&mut schedule);
    assert_eq!(answer(first).cached, 0);
}

#[test]
fn a_request_whose_caller_has_gone_is_dropped() {
    let mut schedule = schedule(Limits { width: 1, ..LIMITS });
    let (running, waiting) =
        (ask(&mut schedule, &prompt(9, 9), 200, Some(1)), ask(&mut schedule, &prompt(9, 8), 200, Some(1)));
    schedule.step();
    assert_eq!((schedule.running.len(), schedule.waiting.len()), (1, 1));
    drop((running, waiting));
    schedule.step();
    assert!(schedule.is_idle());
    let other = ask(&mut schedule, &prompt(4, 2), 1, None);
    schedule.step();
    assert_eq!(answer(other).tokens.len(), 1);
}

#[test]
fn memory_limits_how_many_run_but_never_stops_all() {
    let mut schedule = schedule(Limits { running: 1, ..LIMITS });
    let replies: Vec<_> = (2..5).map(|second| ask(&mut schedule, &prompt(5, second), 3, None)).collect();
    schedule.step();
    assert_eq!((schedule.running.len(), schedule.waiting.len()), (1, 2));
    finish(&mut schedule);
    assert!(replies.into_iter().all(|reply| !answer(reply).tokens.is_empty()));
}

#[test]
fn the_limit_cuts_an_answer() {
    let mut schedule = schedule(LIMITS);
    let reply = ask(&mut schedule, &prompt(5, 5), 3, None);
    finish(&mut schedule);
    let answer = answer(reply);
    assert!(answer.ended && answer.tokens.len() < 4 || answer.tokens.len() == 3, "{answer:?}");
}
