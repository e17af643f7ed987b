//! What the chain says of the wallet and the topic.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check::{Check, Subject, in_full};
use super::{Case, limited, nodes};
use crate::chain::fees::{self, FeeCaps, FeeError, GasKind};
use crate::chain::gas_price::GasPrice;
use crate::chain::messages::Topic;
use crate::chain::networks::{KnownNetwork, Remote, how_to_fund};
use crate::chain::query::{Account, Client, NoTopic, QueryError, WindowStatus};
use crate::journal::{Journal, Purpose, Reader, RoundKey, Timestamp};
use crate::settings::Settings;
use crate::wallet::Address;
use crate::worker::{Disagreement, means};

/// A balance for fewer transactions than this is worth a notice.
const FEW: u128 = 20;

/// What to do where a node that answered a moment ago does not.
const AGAIN: &str = "ask again; if it stays so, name another endpoint in ALLORA_NETWORK";

/// What one node says.
pub struct Findings {
    /// Balance, registration, whitelist, topic.
    pub checks: Vec<Check>,
    /// The state folder, where its journal is of another chain than this one.
    pub state_dir: Option<Check>,
}

/// Asks one node everything at once.
pub async fn look(
    case: &Arc<Case>,
    remote: &Remote,
    address: Option<Address>,
    client: Result<Client, Subject>,
) -> Findings {
    let client = match client {
        Ok(client) => client.within(nodes::LIMIT),
        Err(awaited) => {
            let subjects = [Subject::Balance, Subject::Registration, Subject::Whitelist, Subject::Topic];
            let checks = subjects.map(|subject| subject.awaits(awaited)).into();
            return Findings { checks, state_dir: None };
        }
    };
    let topic_id = case.settings.topic_id;
    let topic = async {
        let topic_id = topic_id?;
        Some(tokio::try_join!(client.topic(topic_id), client.is_topic_active(topic_id)))
    };
    let window = async { Some(client.window_status(topic_id?, address.as_ref()?).await) };
    let balance = async { Some(tokio::join!(client.balance(address.as_ref()?), client.gas_price())) };
    let account = async { client.account(address.as_ref()?).await.ok() };
    let (topic, window, balance, account) = tokio::join!(topic, window, balance, account);

    let is_new = matches!(&window, Some(Ok(window)) if !window.is_registered);
    let purpose = match topic_id.unwrap_or_default() {
        topic_id if is_new => Purpose::Registration { topic_id },
        topic_id => Purpose::Payload(RoundKey { topic_id, nonce: 0 }),
    };
    let mut state_dir = None;
    let balance = match (balance, &address) {
        (Some((balance, price)), Some(address)) => {
            let chain_id = client.pool().chain_id().unwrap_or_default();
            let journal = Journal::path_of(&case.settings.state_dir, chain_id, &address.to_string());
            let history = History::of(case, journal.clone(), purpose).await;
            state_dir = account.and_then(|account| disagreement(account.as_ref(), &history, &journal));
            let price = price.unwrap_or(GasPrice::from_uallo(remote.min_gas_price));
            self::balance(&case.settings, &client, address, balance, (purpose, price), &history)
        }
        _ => Subject::Balance.awaits(Subject::Key),
    };
    let creator = topic.as_ref().and_then(|topic| Some(topic.as_ref().ok()?.0.creator.clone()));
    let (registration, whitelist) = match (&address, &window, topic_id) {
        (Some(address), Some(window), Some(topic_id)) => {
            (registration(window, address), whitelist(window, address, topic_id, creator.as_deref()))
        }
        (None, _, _) => (Subject::Registration.awaits(Subject::Key), Subject::Whitelist.awaits(Subject::Key)),
        _ => (Subject::Registration.awaits(Subject::Topic), Subject::Whitelist.awaits(Subject::Topic)),
    };
    let topic = match topic_id {
        // The bundle may name one.
        None if case.manifest.is_none() => Subject::Topic.awaits(Subject::Bundle),
        _ => self::topic(topic_id, topic),
    };
    Findings { checks: vec![balance, registration, whitelist, topic], state_dir }
}

/// What the journal knows of earlier transactions.
#[derive(Debug, Default)]
struct History {
    gas: Vec<(GasKind, Option<u64>)>,
    last_sequence: Option<u64>,
    spent_today: u128,
}

impl History {
    async fn of(case: &Arc<Case>, journal: PathBuf, purpose: Purpose) -> Self {
        let read = move |_: &Case| {
            let reader = Reader::open(&journal).ok()?;
            Some(Self {
                gas: means::gas_up_to_submission(Some(&reader), purpose).ok()?,
                last_sequence: reader.last_sequence().ok()?,
                spent_today: reader.spent_on_day_of(Timestamp::now()).ok()?.0,
            })
        };
        match limited(case, read).await {
            Ok(Some(history)) => history,
            // Without a journal there is none.
            _ => Self {
                gas: means::gas_up_to_submission(None, purpose).unwrap_or_default(),
                ..Self::default()
            },
        }
    }
}

/// The worker would wait for ever.
fn disagreement(account: Option<&Account>, history: &History, journal: &Path) -> Option<Check> {
    let found = Disagreement::between(account, history.last_sequence?)?;
    Some(Subject::StateDir.failed(found, Disagreement::hint(journal)))
}

fn balance(
    settings: &Settings,
    client: &Client,
    address: &Address,
    balance: Result<u128, QueryError>,
    (purpose, price): (Purpose, GasPrice),
    &History { ref gas, spent_today, .. }: &History,
) -> Check {
    let subject = Subject::Balance;
    let balance = match balance {
        Ok(balance) => balance,
        Err(error) => return subject.failed(in_full(&error), AGAIN),
    };
    let caps = FeeCaps { per_transaction: settings.max_fee, per_day: settings.max_fee_per_day };
    let day = (spent_today, client.charges());
    let cost = match fees::expected_cost(caps, gas, price, settings.fee_tier, day) {
        Ok(cost) => cost,
        Err(today @ FeeError::PerDay { .. }) => {
            let fix = "wait for 00:00 UTC, or raise ALLORA_MAX_FEE_PER_DAY";
            return subject.warning(format_args!("{balance} uallo; {today}"), fix);
        }
        Err(never) => {
            return subject.failed(format_args!("{balance} uallo; {never}"), "raise ALLORA_MAX_FEE");
        }
    };
    let needed = cost.total;
    let has = format!("{balance} uallo, and {} about {needed}", means::wanted(purpose));
    let chain_id = client.pool().chain_id().unwrap_or_default();
    let known = KnownNetwork::of_chain(chain_id);
    let fix = |amount| how_to_fund(chain_id, &address.to_string(), amount);
    if balance < needed {
        let is_given = settings.api_key.is_some() && known.is_some_and(|network| network.faucet.is_some());
        return match is_given {
            true => subject.warning(has, "none is needed: `run` asks the faucet"),
            false => subject.failed(has, fix(needed - balance)),
        };
    }
    match 1 + (balance - needed) / cost.submission.max(1) {
        few if few < FEW => {
            let missing = (needed + cost.submission * (FEW - 1)).saturating_sub(balance);
            let submissions = if few == 1 { "submission" } else { "submissions" };
            subject.warning(format_args!("{has}: enough for {few} {submissions}"), fix(missing))
        }
        _ => subject.ok(has),
    }
}

fn registration(window: &Result<WindowStatus, QueryError>, address: &Address) -> Check {
    let subject = Subject::Registration;
    match window {
        Ok(WindowStatus { is_registered: true, .. }) => subject.ok(format_args!("{address} is registered")),
        Ok(_) => subject.warning(
            format_args!("{address} is not registered yet"),
            "none is needed: `run` registers it once the model is loaded, when the wallet can pay for it",
        ),
        Err(error) => unknown(subject, error),
    }
}

fn whitelist(
    window: &Result<WindowStatus, QueryError>,
    address: &Address,
    topic_id: u64,
    creator: Option<&str>,
) -> Check {
    let subject = Subject::Whitelist;
    match window {
        Ok(WindowStatus { is_whitelisted: true, .. }) => subject.ok(format_args!("{address} may submit")),
        Ok(_) => {
            let owner = creator.map(|creator| format!(", {creator},")).unwrap_or_default();
            let detail = format!("the whitelist of topic {topic_id} does not have {address}");
            subject.failed(detail, format!("ask the topic's owner{owner} to add it"))
        }
        Err(error) => unknown(subject, error),
    }
}

fn unknown(subject: Subject, error: &QueryError) -> Check {
    if error.is_unknown_topic() {
        subject.awaits(Subject::Topic)
    } else {
        subject.failed(in_full(error), AGAIN)
    }
}

fn topic(topic_id: Option<u64>, topic: Option<Result<(Topic, bool), QueryError>>) -> Check {
    let subject = Subject::Topic;
    let (Some(topic_id), Some(topic)) = (topic_id, topic) else {
        return subject.failed(
            "no topic is set",
            "set allora.topic_id in model.yaml, or ALLORA_TOPIC_ID, or --topic-id",
        );
    };
    match topic {
        Ok((topic, true)) => {
            let (epoch, window) = (topic.epoch_length, topic.worker_submission_window);
            subject.ok(format_args!("topic {topic_id}: every {epoch} blocks a window of {window}"))
        }
        Ok((_, false)) => subject.failed(
            format_args!("topic {topic_id} is not active: it opens no windows"),
            "wait until it is funded and has enough weight, or answer another topic",
        ),
        Err(error) if error.is_unknown_topic() => subject.failed(NoTopic(topic_id), NoTopic::HINT),
        Err(error) => subject.failed(in_full(&error), AGAIN),
    }
}
