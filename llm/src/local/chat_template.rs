//! Lays a conversation out as ChatML, the way the model file's template does.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use super::fault::Fault;
use super::gguf::Gguf;
use super::tokenizer::Tokenizer;
use crate::chat::{ChatMessage, Role};

const TURN: &str = "<|im_start|>";
const END: &str = "<|im_end|>";
/// Steps that the template of a file may take to render a few turns.
const FUEL: u64 = 20_000;

/// How conversations are laid out: ChatML, and what stands before a conversation without a system turn.
#[derive(Debug)]
pub(super) struct ChatTemplate {
    default_system: Option<String>,
    turn: u32,
    end: u32,
}

impl ChatTemplate {
    /// Renders two short conversations with the file's template to see whether it is ChatML.
    pub(super) fn read(file: &Gguf, tokenizer: &Tokenizer) -> Result<Self, Fault> {
        let source = file.text("tokenizer.chat_template").ok_or_else(|| {
            Fault::new("has no chat template: take a model that is tuned for conversations (`Instruct`)")
        })?;
        let (Some(turn), Some(end)) = (tokenizer.token(TURN), tokenizer.token(END)) else {
            return Err(not_chatml());
        };
        let [system, user, assistant, again] =
            [("system", "one"), ("user", "two"), ("assistant", "three"), ("user", "four")];
        let asked = "<|im_start|>user\ntwo<|im_end|>\n";
        let open = "<|im_start|>assistant\n";

        let bare = render(source, &[user])?;
        let before = bare.strip_suffix(&format!("{asked}{open}")).ok_or_else(not_chatml)?;
        let default_system = match before {
            "" => None,
            before => Some(
                before
                    .strip_prefix("<|im_start|>system\n")
                    .and_then(|text| text.strip_suffix("<|im_end|>\n"))
                    .filter(|text| !text.contains(TURN) && !text.contains(END))
                    .ok_or_else(not_chatml)?
                    .to_owned(),
            ),
        };
        let whole = format!(
            "<|im_start|>system\none<|im_end|>\n{asked}{open}three<|im_end|>\n\
             <|im_start|>user\nfour<|im_end|>\n{open}"
        );
        if render(source, &[system, user, assistant, again])? != whole {
            return Err(not_chatml());
        }
        Ok(Self { default_system, turn, end })
    }

    /// The tokens of a conversation, up to where the model is to go on.
    pub(super) fn tokens(&self, tokenizer: &Tokenizer, messages: &[ChatMessage]) -> Result<Vec<u32>, Fault> {
        let mut tokens = Vec::new();
        let mut lay = |role: &str, content: &str| {
            tokens.push(self.turn);
            tokenizer.encode(&format!("{role}\n{content}"), &mut tokens)?;
            tokens.push(self.end);
            tokenizer.encode("\n", &mut tokens)
        };
        if let Some(text) = &self.default_system
            && messages.first().is_none_or(|message| message.role != Role::System)
        {
            lay("system", text)?;
        }
        for message in messages {
            let role = match message.role {
                Role::System => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            lay(role, &message.content)?;
        }
        tokens.push(self.turn);
        tokenizer.encode("assistant\n", &mut tokens)?;
        Ok(tokens)
    }
}

fn unusable(error: minijinja::Error) -> Fault {
    Fault::new(format!("has a chat template that cannot be used: {error}"))
}

fn render(source: &str, turns: &[(&str, &str)]) -> Result<String, Fault> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // Templates are written for these settings.
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(unusable)?);
    let messages: Value = turns
        .iter()
        .map(|&(role, content)| Value::from_pairs([("role", role), ("content", content)]))
        .collect();
    environment
        .render_str(
            source,
            context! { messages, add_generation_prompt => true, bos_token => "", eos_token => END },
        )
        .map_err(unusable)
}

fn not_chatml() -> Fault {
    Fault::new(
        "has a chat template that is not ChatML (`<|im_start|>role … <|im_end|>`); serve it through an \
         OpenAI-compatible server instead",
    )
}
