//! Joining and leaving a topic.

use super::{Context, Emissions, REGISTRATION_FEE, ecosystem, event::TypedEvent};
use crate::{
    chain::messages::{RegisterRequest, RemoveRegistrationRequest},
    devnet::app::{
        address::Address,
        error::{AbciError, emissions, sdk},
        gas,
    },
};

impl Emissions {
    /// Registers the sender, who pays the registration fee.
    pub fn register(
        &mut self,
        request: &RegisterRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::MESSAGE_REFUSED)?;
        let sender = Address::parse(&request.sender)?;
        let owner = Address::parse(&request.owner)?;
        let (id, version) = (request.topic_id, self.version);
        let topic = self.existing_topic_mut(id)?;
        let (role, name, key) = match request.is_reputer {
            false => (&mut topic.workers, "EventWorkerRegistered", "worker"),
            true => (&mut topic.reputers, "EventReputerRegistered", "reputer"),
        };
        if role.contains_key(&sender) {
            return Err(
                emissions::ALREADY_REGISTERED.wrap(format!("{key} is already registered in this topic"))
            );
        }
        context.meter.consume(gas::REGISTER_CHECKS)?;
        if context.ledger.balance(sender) < REGISTRATION_FEE {
            return Err(sdk::INSUFFICIENT_FUNDS.wrap("sender has insufficient balance to cover fees"));
        }
        context.ledger.transfer(sender, ecosystem(), REGISTRATION_FEE, context.events)?;
        role.insert_mut(sender, owner);
        let event =
            TypedEvent::new(version, name).number("topic_id", id).text(key, sender).text("owner", owner);
        context.events.push(event.build());
        context.meter.consume(gas::REGISTER - gas::MESSAGE_REFUSED - gas::REGISTER_CHECKS)
    }

    /// Takes the sender's registration back.
    pub fn remove_registration(
        &mut self,
        request: &RemoveRegistrationRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::MESSAGE_REFUSED)?;
        let sender = Address::parse(&request.sender)?;
        let topic = self.existing_topic_mut(request.topic_id)?;
        let role = if request.is_reputer { &mut topic.reputers } else { &mut topic.workers };
        if role.remove_mut(&sender) { Ok(()) } else { Err(emissions::NOT_REGISTERED_IN_TOPIC.bare()) }
    }

    /// Registers a worker without a transaction, or removes it.
    pub fn set_registered(&mut self, topic: u64, worker: Address, registered: bool) {
        let Some(state) = self.topic_mut(topic) else { return };
        if registered {
            state.workers.insert_mut(worker, worker);
        } else {
            state.workers.remove_mut(&worker);
        }
    }
}
