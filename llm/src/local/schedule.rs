//! Decides what is computed together: which requests, and which of their tokens.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::fault::Fault;
use super::forward::Run;
use super::llama::Llama;
use super::pooling::{self, Text};
use super::prefix_cache::{PrefixCache, common, cut};
use super::sampling::Sampler;
use super::segment::{Part, Segment, length};
use super::tokenizer::Tokenizer;

/// Tokens computed at once. More are not faster; fewer would let a cancelled request go sooner.
pub(super) const STEP_TOKENS: usize = 768;
/// A shorter common beginning of prompts is computed for each.
const LEAST_SHARED: usize = 16;
/// A prompt is kept for others that begin alike only if at least so much of it was new.
const LEAST_KEPT: usize = 64;

/// A request, in tokens.
#[derive(Debug)]
pub(super) struct Job {
    /// At least one token; with the answer, within the model's context.
    pub(super) prompt: Vec<u32>,
    /// Tokens after which the answer is cut, at least one.
    pub(super) most: usize,
    pub(super) sampler: Sampler,
    pub(super) reply: oneshot::Sender<Result<Answer, Fault>>,
}

/// What the model said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) tokens: Vec<u32>,
    /// Whether the model ended it, not the limit.
    pub(super) ended: bool,
    /// Tokens of the prompt that were not computed for it.
    pub(super) cached: usize,
}

/// How much may be computed at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Requests.
    pub(super) width: usize,
    /// Bytes of keys and values of running requests. One request may always run.
    pub(super) running: usize,
    /// Bytes of keys and values kept for prompts that begin alike.
    pub(super) cached: usize,
}

/// The requests that wait and those that run.
pub(super) struct Schedule {
    model: Llama,
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    cache: PrefixCache,
    waiting: VecDeque<Job>,
    running: Vec<Sequence>,
    texts: VecDeque<Text>,
}

/// A request that runs.
struct Sequence {
    job: Job,
    /// Keys and values of what has been computed, up to the sequence's own segment.
    parts: Vec<Part>,
    /// First the rest of the prompt, then the answer.
    own: Segment,
    /// Tokens of the prompt that have been computed.
    computed: usize,
    cached: usize,
    answer: Vec<u32>,
}

impl Schedule {
    pub(super) fn new(model: Llama, tokenizer: Arc<Tokenizer>, limits: Limits) -> Self {
        let cache = PrefixCache::new(limits.cached);
        Self {
            model,
            tokenizer,
            limits,
            cache,
            waiting: VecDeque::new(),
            running: Vec::new(),
            texts: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// Has a text embedded.
    pub(super) fn push_text(&mut self, text: Text) {
        self.texts.push_back(text);
    }

    /// Whether nothing waits or runs.
    pub(super) fn is_idle(&self) -> bool {
        self.len() == 0
    }

    /// Requests that wait or run.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.running.len() + self.texts.len()
    }

    /// Computes the next tokens of as many requests as fit, and answers those that are done.
    pub(super) fn step(&mut self) {
        // Between two steps of the answers: a text is short beside them.
        pooling::step(&self.model, &mut self.texts);
        // Nobody waits for the answer of a request whose caller has gone.
        self.waiting.retain(|job| !job.reply.is_closed());
        self.running.retain(|sequence| !sequence.job.reply.is_closed());
        self.admit();
        if self.running.is_empty() {
            return;
        }

        let mut room = STEP_TOKENS;
        let mut runs = Vec::new();
        let mut members = Vec::new();
        // Those that are answering first: they need little and are soon out of the way.
        let (answering, reading): (Vec<usize>, Vec<usize>) =
            (0..self.running.len()).partition(|&at| self.running[at].left() == 0);
        let mut sequences: Vec<_> = self.running.iter_mut().map(Some).collect();
        for at in answering.into_iter().chain(reading) {
            let count = sequences[at].as_ref().map_or(0, |sequence| sequence.left().max(1).min(room));
            if let Some(sequence) = sequences[at].take_if(|_| count > 0) {
                room -= count;
                members.push((at, count));
                runs.push(sequence.run(count));
            }
        }
        drop(sequences);
        let scores = self.model.forward(&mut runs);
        drop(runs);

        let mut done = Vec::new();
        for ((at, count), scores) in members.into_iter().zip(scores) {
            let sequence = &mut self.running[at];
            if sequence.left() > 0 {
                sequence.computed += count;
                if sequence.left() == 0 {
                    sequence.finish_prompt(&self.model, &mut self.cache);
                }
            }
            if let Some(scores) = scores
                && let Some(outcome) = sequence.choose(&scores, &self.tokenizer)
            {
                done.push((at, outcome));
            }
        }
        done.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, outcome) in done {
            // The caller may have gone meanwhile; then nobody needs the answer.
            let _ = self.running.swap_remove(at).job.reply.send(outcome);
        }
    }

    /// Lets waiting requests run, and computes once what several of them have in common.
    fn admit(&mut self) {
        let per_token = self.model.shape.keys.bytes_per_token();
        let bytes = |job: &Job| (job.prompt.len() + job.most) * per_token;
        let mut taken: usize = self.running.iter().map(|sequence| bytes(&sequence.job)).sum();
        let mut jobs = Vec::new();
        while self.running.len() + jobs.len() < self.limits.width {
            let Some(job) = self.waiting.pop_front() else { break };
            if taken > 0 && taken + bytes(&job) > self.limits.running {
                self.waiting.push_front(job);
                break;
            }
            taken += bytes(&job);
            jobs.push(job);
        }

        jobs.sort_by(|left, right| left.prompt.cmp(&right.prompt));
        let mut jobs = VecDeque::from(jobs);
        while let Some(first) = jobs.pop_front() {
            let mut known = self.known(&first.prompt);
            let (mut shared, mut alike) = (first.prompt.len() - 1, 0);
            for job in &jobs {
                let common = common(&first.prompt, &job.prompt).min(job.prompt.len() - 1);
                // A much shorter common beginning would spoil the one that is found so far.
                if common < length(&known) + LEAST_SHARED || 2 * common < shared {
                    break;
                }
                shared = shared.min(common);
                alike += 1;
            }
            let cached = length(&known);
            if alike > 0 {
                known = self.share(&first.prompt[..shared], known);
            }
            self.running.push(Sequence::new(first, known.clone(), cached, &self.model));
            for job in jobs.drain(..alike) {
                self.running.push(Sequence::new(job, known.clone(), shared, &self.model));
            }
        }
    }

    /// What the cache knows of a prompt; its last token is always computed, because its scores are needed.
    fn known(&mut self, prompt: &[u32]) -> Vec<Part> {
        let known = cut(&self.cache.find(prompt), prompt.len() - 1);
        if length(&known) < LEAST_SHARED { Vec::new() } else { known }
    }

    /// Computes and keeps the beginning of some prompts, of which a part is known.
    fn share(&mut self, beginning: &[u32], mut known: Vec<Part>) -> Vec<Part> {
        let new = &beginning[length(&known)..];
        let mut segment = Segment::with_capacity(self.model.shape.keys, new.len());
        for tokens in new.chunks(STEP_TOKENS) {
            self.model.forward(&mut [Run { tokens, parts: &known, segment: &mut segment, scored: false }]);
        }
        known.push(Part { segment: Arc::new(segment), len: new.len() });
        self.cache.insert(beginning, &known);
        known
    }
}

impl Sequence {
    fn new(job: Job, parts: Vec<Part>, cached: usize, model: &Llama) -> Self {
        let computed = length(&parts);
        let own = Segment::with_capacity(model.shape.keys, job.prompt.len() - computed);
        Self { job, parts, own, computed, cached, answer: Vec::new() }
    }

    /// Tokens of the prompt that are still to be computed.
    fn left(&self) -> usize {
        self.job.prompt.len() - self.computed
    }

    /// The next tokens to compute: of the prompt, or the last one of the answer.
    fn run(&mut self, count: usize) -> Run<'_> {
        let left = self.left();
        let tokens = if left == 0 {
            &self.answer[self.answer.len() - 1..]
        } else {
            &self.job.prompt[self.computed..self.computed + count]
        };
        Run { tokens, parts: &self.parts, segment: &mut self.own, scored: left <= count }
    }

    /// Makes the prompt's keys and values shareable and makes room for the answer's.
    fn finish_prompt(&mut self, model: &Llama, cache: &mut PrefixCache) {
        let own = Segment::with_capacity(model.shape.keys, self.job.most);
        let prompt = std::mem::replace(&mut self.own, own);
        let (new, known) = (prompt.len(), length(&self.parts));
        self.parts.push(Part { segment: Arc::new(prompt), len: new });
        // Little news behind a long beginning is a case that will not come again.
        if new >= LEAST_KEPT.max(known) {
            cache.insert(&self.job.prompt, &self.parts);
        }
    }

    /// Takes the next token of the answer; gives the answer when it is whole.
    fn choose(&mut self, scores: &[f32], tokenizer: &Tokenizer) -> Option<Result<Answer, Fault>> {
        let Some(token) = self.job.sampler.choose(scores) else {
            return Some(Err(Fault::new(
                "the model computed scores that are no numbers: its weights are corrupt",
            )));
        };
        let ended = tokenizer.is_end(token);
        if !ended {
            self.answer.push(token);
        }
        (ended || self.answer.len() == self.job.most)
            .then(|| Ok(Answer { tokens: std::mem::take(&mut self.answer), ended, cached: self.cached }))
    }
}

#[cfg(test)]
mod tests;
