//! Opening and closing windows at the end of a block.

use std::cmp::Reverse;

use serde_json::json;

use super::{
    Emissions,
    event::TypedEvent,
    network, scoring,
    topic::{ClosedNonce, Topic, Window, signed},
};
use crate::{
    chain::messages::EmissionsVersion,
    devnet::{abci::Event, app::ledger::Ledger},
};

impl Emissions {
    /// What happens at the end of block `height`: openings first, then closings.
    pub fn end_block(&mut self, height: u64, ledger: &mut Ledger, events: &mut Vec<Event>) {
        let version = self.version;
        for id in self.due(height) {
            if let Some(topic) = self.topic_mut(id) {
                open(topic, height, version, events);
            }
        }
        let reputer_windows: Vec<u64> = self.ids_where(|topic| {
            topic.reputer_nonces.keys().any(|nonce| {
                topic.reputer_window_start(*nonce) == height || topic.reputer_window_end(*nonce) <= height
            })
        });
        for id in reputer_windows {
            if let Some(topic) = self.topic_mut(id) {
                open_reputer_windows(topic, height, version, events);
                close_reputer_windows(topic, height, version, ledger, events);
            }
        }
        let closing =
            self.ids_where(|topic| topic.windows.keys().any(|nonce| topic.window_end(*nonce) <= height));
        for id in closing {
            if let Some(topic) = self.topic_mut(id) {
                close(topic, height, version, events);
            }
        }
    }

    /// Topics that open in this block: of those that are due, the heaviest.
    fn due(&self, height: u64) -> Vec<u64> {
        let mut due: Vec<_> =
            self.topics.values().filter(|topic| topic.active && topic.next_nonce <= height).collect();
        due.sort_by_key(|topic| (Reverse(topic.weight()), topic.next_nonce, topic.spec.id));
        let most = usize::try_from(self.max_active_topics_per_block).unwrap_or(usize::MAX);
        due.into_iter().take(most).map(|topic| topic.spec.id).collect()
    }

    fn ids_where(&self, wanted: impl Fn(&Topic) -> bool) -> Vec<u64> {
        self.topics.iter().filter(|(_, topic)| wanted(topic)).map(|(id, _)| *id).collect()
    }

    /// An inactive topic opens no windows. One that becomes active is due an epoch later, unless its
    /// turn has not come yet.
    pub fn set_active(&mut self, topic: u64, active: bool, height: u64) {
        let Some(topic) = self.topic_mut(topic) else { return };
        if active && !topic.active && topic.next_nonce <= height {
            topic.next_nonce = height + topic.spec.epoch_length;
        }
        topic.active = active;
    }
}

impl Topic {
    /// What decides who opens first: money and stake.
    pub fn weight(&self) -> u128 {
        self.revenue.saturating_add(self.total_stake())
    }
}

fn open(topic: &mut Topic, nonce: u64, version: EmissionsVersion, events: &mut Vec<Event>) {
    let id = topic.spec.id;
    topic.epoch_last_ended = nonce;
    topic.next_nonce = nonce + topic.spec.epoch_length;
    topic.windows.insert_mut(nonce, Window::default());
    let status = TypedEvent::new(version, "EventTopicStatusChanged").number("topic_id", id);
    let opened = TypedEvent::new(version, "EventWorkerSubmissionWindowOpened")
        .number("topic_id", id)
        .number("nonce_block_height", nonce)
        .number("window_end_block", topic.window_end(nonce));
    events.extend([status.json("is_active", &json!(true)).build(), opened.build()]);
}

fn open_reputer_windows(topic: &Topic, height: u64, version: EmissionsVersion, events: &mut Vec<Event>) {
    for nonce in topic.reputer_nonces.keys().filter(|nonce| topic.reputer_window_start(**nonce) == height) {
        let event = TypedEvent::new(version, "EventReputerSubmissionWindowOpened")
            .number("topic_id", topic.spec.id)
            .number("nonce_block_height", *nonce)
            .number("window_end_block", topic.reputer_window_end(*nonce));
        events.push(event.build());
    }
}

fn close_reputer_windows(
    topic: &mut Topic,
    height: u64,
    version: EmissionsVersion,
    ledger: &mut Ledger,
    events: &mut Vec<Event>,
) {
    let ended: Vec<u64> = topic
        .reputer_nonces
        .keys()
        .copied()
        .filter(|nonce| topic.reputer_window_end(*nonce) <= height)
        .collect();
    for nonce in ended {
        let losses = topic.reputer_nonces.get(&nonce).cloned().unwrap_or_default();
        topic.reputer_nonces.remove_mut(&nonce);
        let closed = TypedEvent::new(version, "EventReputerSubmissionWindowClosed")
            .number("topic_id", topic.spec.id)
            .number("nonce_block_height", nonce);
        if losses.is_empty() {
            events.push(closed.build());
            continue;
        }
        topic.last_reputer_commit = Some((height, nonce));
        let active = TypedEvent::new(version, "EventActiveReputersSet")
            .number("topic_id", topic.spec.id)
            .number("nonce_block_height", nonce)
            .texts("addresses", losses.keys());
        events.extend([
            active.build(),
            scoring::network_loss(topic, nonce, &losses, version),
            commit(version, "EventReputerLastCommitSet", topic, height, nonce),
            closed.build(),
        ]);
        scoring::score(topic, nonce, height, &losses, version, ledger, events);
    }
}

fn close(topic: &mut Topic, height: u64, version: EmissionsVersion, events: &mut Vec<Event>) {
    let ended: Vec<u64> =
        topic.windows.keys().copied().filter(|nonce| topic.window_end(*nonce) <= height).collect();
    for nonce in ended {
        let Some(window) = topic.windows.get(&nonce).cloned() else { continue };
        topic.windows.remove_mut(&nonce);
        if !window.inferences.is_empty() {
            close_with_data(topic, nonce, height, window, version, events);
        }
        let closed = TypedEvent::new(version, "EventWorkerSubmissionWindowClosed")
            .number("topic_id", topic.spec.id)
            .number("nonce_block_height", nonce);
        events.push(closed.build());
    }
}

fn close_with_data(
    topic: &mut Topic,
    nonce: u64,
    height: u64,
    window: Window,
    version: EmissionsVersion,
    events: &mut Vec<Event>,
) {
    let id = topic.spec.id;
    if version == EmissionsVersion::V10 {
        let frozen = TypedEvent::new(version, "EventEpochLabelRegistryFrozen")
            .number("topic_id", id)
            .number("nonce_block_height", nonce)
            .number("registry_size", window.labels.len() as u64);
        events.push(frozen.build());
    }
    let inferers: Vec<_> = window.inferences.keys().copied().collect();
    let forecasters: Vec<_> = window.forecasts.keys().copied().collect();
    for inferer in &inferers {
        let count = topic.inclusions.get(inferer).copied().unwrap_or(0) + 1;
        topic.inclusions.insert_mut(*inferer, count);
        if !topic.inferer_scores.knows(*inferer) {
            let unscored = super::admission::EmaScore { nonce, value: bigdecimal::BigDecimal::from(0) };
            topic.inferer_scores.set(*inferer, unscored);
        }
    }
    let closed = ClosedNonce { nonce, window, scores: vec![], reputer_scores: vec![] };
    events.extend(network::events(topic, &closed, version));
    topic.keep(closed);
    topic.last_commit = Some((height, nonce));
    topic.reputer_nonces.insert_mut(nonce, Default::default());
    let active = |name, addresses: &[_]| {
        TypedEvent::new(version, name)
            .number("topic_id", id)
            .number("nonce_block_height", nonce)
            .texts("addresses", addresses)
            .build()
    };
    events.extend([
        active("EventActiveInferersSet", &inferers),
        active("EventActiveForecastersSet", &forecasters),
        commit(version, "EventWorkerLastCommitSet", topic, height, nonce),
    ]);
}

fn commit(version: EmissionsVersion, name: &str, topic: &Topic, height: u64, nonce: u64) -> Event {
    TypedEvent::new(version, name)
        .number("topic_id", topic.spec.id)
        .number("block_height", height)
        .json("nonce", &json!({"block_height": signed(nonce).to_string()}))
        .build()
}
