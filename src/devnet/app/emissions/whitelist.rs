//! Who may submit to a topic.

use super::{Context, Emissions, event::TypedEvent};
use crate::{
    chain::messages::AddToTopicWorkerWhitelistRequest,
    devnet::{
        app::{
            address::Address,
            error::{AbciError, emissions},
            gas,
        },
        genesis::Whitelist,
    },
};

impl Emissions {
    /// Whether the whitelists let a worker submit; a topic that is not there refuses nobody.
    pub fn may_submit(&self, topic: u64, worker: Address) -> bool {
        self.whitelist == Whitelist::Off
            || self.topic(topic).is_none_or(|topic| topic.whitelist.contains(&worker))
    }

    /// Puts a worker on a topic's whitelist.
    pub fn add_to_topic_worker_whitelist(
        &mut self,
        request: &AddToTopicWorkerWhitelistRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::WHITELIST)?;
        let (sender, worker) = (Address::parse(&request.sender)?, Address::parse(&request.address)?);
        let (id, version, creator) = (request.topic_id, self.version, Address::parse(&self.creator)?);
        let topic = self.existing_topic_mut(id)?;
        if sender != creator {
            return Err(emissions::WORKER_WHITELIST_NOT_PERMITTED.bare());
        }
        topic.whitelist.insert_mut(worker);
        let event = TypedEvent::new(version, "EventTopicWorkerWhitelistAdded")
            .text("address", worker)
            .number("topic_id", id);
        context.events.push(event.build());
        Ok(())
    }
}
