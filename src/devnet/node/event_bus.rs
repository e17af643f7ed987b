//! Who wants to hear of what: the subscriptions of all websocket clients.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::Value;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;

use super::{
    query_language::{Attributes, InvalidQuery, Query},
    rpc::jsonrpc::Id,
};

/// Subscriptions of one client; CometBFT's default.
const MAX_SUBSCRIPTIONS_PER_CLIENT: usize = 5;

/// Frames that may wait for a client before it counts as too slow; CometBFT's buffer.
pub(super) const CLIENT_BUFFER: usize = 200;

/// What a client gets: the `result` of a frame, shared by all who asked the same query.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The id under which it subscribed.
    pub id: Id,
    /// JSON.
    pub result: Arc<str>,
}

/// One websocket connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// Unique among the connections of this chain.
    pub id: u64,
    /// Where its frames go.
    pub frames: mpsc::Sender<Frame>,
    /// Cancelled when it reads too slowly: a gap that it does not notice would be worse.
    pub too_slow: CancellationToken,
}

/// Why a client cannot subscribe or unsubscribe. The texts are CometBFT's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SubscriptionError {
    /// It has enough.
    #[error("max_subscriptions_per_client {MAX_SUBSCRIPTIONS_PER_CLIENT} reached")]
    TooMany,
    /// The same query again.
    #[error("already subscribed")]
    AlreadySubscribed,
    /// Nothing to take back.
    #[error("subscription not found")]
    NotFound,
    /// No query.
    #[error(transparent)]
    Query(#[from] InvalidQuery),
}

/// All subscriptions, by the text of their query.
#[derive(Debug, Default)]
pub(super) struct EventBus {
    queries: HashMap<String, Listeners>,
}

#[derive(Debug)]
struct Listeners {
    query: Query,
    subscriptions: Vec<Subscription>,
}

#[derive(Debug)]
struct Subscription {
    client: Client,
    id: Id,
}

impl EventBus {
    /// From now on the client gets a frame for each event that matches.
    pub fn subscribe(&mut self, client: &Client, id: Id, query: String) -> Result<(), SubscriptionError> {
        if self.subscriptions_of(client.id).count() >= MAX_SUBSCRIPTIONS_PER_CLIENT {
            return Err(SubscriptionError::TooMany);
        }
        let parsed = query.parse()?;
        let subscription = Subscription { client: client.clone(), id };
        match self.queries.entry(query) {
            Entry::Vacant(entry) => {
                entry.insert(Listeners { query: parsed, subscriptions: vec![subscription] });
            }
            Entry::Occupied(mut entry) => {
                let subscriptions = &mut entry.get_mut().subscriptions;
                if subscriptions.iter().any(|other| other.client.id == client.id) {
                    return Err(SubscriptionError::AlreadySubscribed);
                }
                subscriptions.push(subscription);
            }
        }
        Ok(())
    }

    /// Ends one subscription of a client.
    pub fn unsubscribe(&mut self, client: u64, query: &str) -> Result<(), SubscriptionError> {
        let listeners = self.queries.get_mut(query).ok_or(SubscriptionError::NotFound)?;
        let before = listeners.subscriptions.len();
        listeners.subscriptions.retain(|subscription| subscription.client.id != client);
        if listeners.subscriptions.len() == before {
            return Err(SubscriptionError::NotFound);
        }
        if listeners.subscriptions.is_empty() {
            self.queries.remove(query);
        }
        Ok(())
    }

    /// Ends the subscription that a client knows by this id.
    pub fn cancel(&mut self, client: u64, id: &Id) {
        self.retain(|subscription| subscription.client.id != client || subscription.id != *id);
    }

    /// Ends all subscriptions of a client.
    pub fn unsubscribe_all(&mut self, client: u64) -> Result<(), SubscriptionError> {
        if self.subscriptions_of(client).next().is_none() {
            return Err(SubscriptionError::NotFound);
        }
        self.retain(|subscription| subscription.client.id != client);
        Ok(())
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// The ids of a client's subscriptions.
    pub fn subscriptions_of(&self, client: u64) -> impl Iterator<Item = &Id> {
        self.queries
            .values()
            .flat_map(|listeners| &listeners.subscriptions)
            .filter(move |subscription| subscription.client.id == client)
            .map(|subscription| &subscription.id)
    }

    /// Sends an event to all whose query it matches. `data` is made into text once, whatever the
    /// number of clients, and not at all when nobody listens.
    pub fn publish(&mut self, attributes: &Attributes, data: impl FnOnce() -> Value) {
        let mut matching =
            self.queries.iter().filter(|(_, listeners)| listeners.query.matches(attributes)).peekable();
        if matching.peek().is_none() {
            return;
        }
        let data = data().to_string();
        let events = Value::from_iter(attributes.iter().map(|(key, values)| (key.clone(), values.clone())))
            .to_string();
        let mut lost = false;
        for (query, listeners) in matching {
            let query = Value::from(query.as_str());
            let result: Arc<str> = format!(r#"{{"query":{query},"data":{data},"events":{events}}}"#).into();
            for Subscription { client, id } in &listeners.subscriptions {
                let frame = Frame { id: id.clone(), result: Arc::clone(&result) };
                match client.frames.try_send(frame) {
                    Ok(()) => {}
                    Err(TrySendError::Full(_)) => {
                        client.too_slow.cancel();
                        lost = true;
                    }
                    Err(TrySendError::Closed(_)) => lost = true,
                }
            }
        }
        if lost {
            self.retain(|Subscription { client, .. }| {
                !client.too_slow.is_cancelled() && !client.frames.is_closed()
            });
        }
    }

    fn retain(&mut self, keep: impl Fn(&Subscription) -> bool) {
        self.queries.retain(|_, listeners| {
            listeners.subscriptions.retain(&keep);
            !listeners.subscriptions.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: u64, buffer: usize) -> (Client, mpsc::Receiver<Frame>) {
        let (frames, receiver) = mpsc::channel(buffer);
        (Client { id, frames, too_slow: CancellationToken::new() }, receiver)
    }

    fn attributes(event: &str) -> Attributes {
        Attributes::from([("tm.event".into(), vec![event.into()])])
    }

    #[test]
    fn clients_with_the_same_query_share_one_text() {
        let mut bus = EventBus::default();
        let (a, mut a_frames) = client(1, 2);
        let (b, mut b_frames) = client(2, 2);
        bus.subscribe(&a, Id::Number(1), "tm.event='Tx'".into()).unwrap();
        bus.subscribe(&b, Id::Number(7), "tm.event='Tx'".into()).unwrap();
        bus.publish(&attributes("NewBlock"), || panic!("nobody asked for it"));
        bus.publish(&attributes("Tx"), || "data".into());
        let (to_a, to_b) = (a_frames.try_recv().unwrap(), b_frames.try_recv().unwrap());
        assert!(Arc::ptr_eq(&to_a.result, &to_b.result));
        assert_eq!((to_a.id, to_b.id), (Id::Number(1), Id::Number(7)));
        assert_eq!(
            serde_json::from_str::<Value>(&to_a.result).unwrap(),
            serde_json::json!({"query": "tm.event='Tx'", "data": "data", "events": {"tm.event": ["Tx"]}})
        );
    }

    #[test]
    fn a_client_that_does_not_read_is_dropped_and_the_others_are_not() {
        let mut bus = EventBus::default();
        let (slow, _kept) = client(1, 1);
        let (quick, mut frames) = client(2, 1);
        for client in [&slow, &quick] {
            bus.subscribe(client, Id::Number(1), "tm.event='Tx'".into()).unwrap();
        }
        for _ in 0..2 {
            bus.publish(&attributes("Tx"), || Value::Null);
            frames.try_recv().unwrap();
        }
        assert!(slow.too_slow.is_cancelled() && !quick.too_slow.is_cancelled());
        assert_eq!(bus.subscriptions_of(1).count(), 0);
        assert_eq!(bus.subscriptions_of(2).count(), 1);
    }

    #[test]
    fn five_subscriptions_and_their_places_come_back() {
        let mut bus = EventBus::default();
        let (client, _frames) = client(1, 1);
        let query = |n: usize| format!("tx.height = {n}");
        for n in 0..5 {
            bus.subscribe(&client, Id::Text(n.to_string()), query(n)).unwrap();
        }
        assert_eq!(bus.subscribe(&client, Id::Number(6), query(6)), Err(SubscriptionError::TooMany));
        bus.unsubscribe(1, &query(0)).unwrap();
        assert_eq!(bus.unsubscribe(1, &query(0)), Err(SubscriptionError::NotFound));
        assert_eq!(
            bus.subscribe(&client, Id::Number(6), query(1)),
            Err(SubscriptionError::AlreadySubscribed)
        );
        assert!(matches!(
            bus.subscribe(&client, Id::Number(6), "bad query".into()),
            Err(SubscriptionError::Query(_))
        ));
        bus.unsubscribe_all(1).unwrap();
        assert_eq!(bus.unsubscribe_all(1), Err(SubscriptionError::NotFound));
    }
}
