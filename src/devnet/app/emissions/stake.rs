//! Stake of reputers, and money for topics.

use super::{Context, Emissions, ecosystem, event::TypedEvent};
use crate::{
    chain::messages::{AddStakeRequest, DelegateStakeRequest, FundTopicRequest},
    devnet::app::{
        address::Address,
        error::{AbciError, emissions, sdk},
        gas,
    },
};

impl Emissions {
    /// A reputer stakes on itself.
    pub fn add_stake(
        &mut self,
        request: &AddStakeRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        let sender = Address::parse(&request.sender)?;
        self.stake(request.topic_id, sender, sender, &request.amount, context)
    }

    /// Anybody stakes on a reputer other than itself.
    pub fn delegate_stake(
        &mut self,
        request: &DelegateStakeRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        let (sender, reputer) = (Address::parse(&request.sender)?, Address::parse(&request.reputer)?);
        if sender == reputer {
            return Err(emissions::CANT_SELF_DELEGATE.bare());
        }
        self.stake(request.topic_id, sender, reputer, &request.amount, context)
    }

    fn stake(
        &mut self,
        id: u64,
        sender: Address,
        reputer: Address,
        amount: &str,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::STAKE)?;
        let amount = parse_amount(amount)?;
        let version = self.version;
        let topic = self.existing_topic_mut(id)?;
        if !topic.reputers.contains_key(&reputer) {
            return Err(emissions::NOT_REGISTERED.bare());
        }
        let account = Address::of_module("allorastaking");
        context.ledger.transfer(sender, account, amount, context.events)?;
        let stakes = if sender == reputer { &mut topic.stakes } else { &mut topic.delegated };
        let sum = stakes.get(&reputer).copied().unwrap_or(0).saturating_add(amount);
        stakes.insert_mut(reputer, sum);
        let event = TypedEvent::new(version, "EventAddStake")
            .text("amount", amount)
            .text("delegator", sender)
            .text("reputer", reputer)
            .number("topic_id", id);
        context.events.push(event.build());
        Ok(())
    }

    /// Pays into a topic.
    pub fn fund_topic(
        &mut self,
        request: &FundTopicRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::STAKE)?;
        let (sender, amount) = (Address::parse(&request.sender)?, parse_amount(&request.amount)?);
        let topic = self.existing_topic_mut(request.topic_id)?;
        context.ledger.transfer(sender, ecosystem(), amount, context.events)?;
        topic.revenue = topic.revenue.saturating_add(amount);
        Ok(())
    }
}

fn parse_amount(text: &str) -> Result<u128, AbciError> {
    match text.parse() {
        Ok(0) => Err(emissions::ZERO_AMOUNT.bare()),
        Ok(amount) => Ok(amount),
        Err(_) => Err(sdk::INVALID_COINS.wrap(text)),
    }
}
