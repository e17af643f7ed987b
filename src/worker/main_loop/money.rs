//! Whether the next transaction can be paid, and who gives the money.

use std::sync::Arc;

use tokio::time::Instant;

use super::pause::Pause;
use super::{Done, MainLoop, POOR_PAUSE, Standing, Trouble, Work};
use crate::chain::faucet::FaucetError;
use crate::health::alerts::Balance;
use crate::journal::{Purpose, RoundKey};
use crate::worker::context::Broadcasting;
use crate::worker::means::{Means, Unaffordable};
use crate::worker::reporter::Reporter;

impl MainLoop {
    /// When to ask for the price of gas and the balance: once, shortly before the opening; and from time to
    /// time while they do not suffice.
    pub(super) fn means_at(&self) -> Option<Instant> {
        if self.is_at(Work::Means) || self.standing == Standing::Unknown {
            return None;
        }
        if let Some(trouble) = &self.unaffordable {
            let pause = trouble.pause.end();
            return Some(self.ahead_of_opening(self.means_for).map_or(pause, |ahead| ahead.min(pause)));
        }
        if let Some(pause) = &self.means_unknown {
            return Some(pause.end());
        }
        self.ahead_of_opening(self.means_for)
    }

    /// What the next transaction is for.
    pub(super) fn next_purpose(&self) -> Purpose {
        let topic_id = self.context.options.topic_id;
        match self.standing {
            Standing::Good | Standing::Unknown => {
                let nonce = self.schedule.next_start().unwrap_or_default();
                Purpose::Payload(RoundKey { topic_id, nonce })
            }
            Standing::Unregistered | Standing::Refused(..) | Standing::Blocked(_) => {
                Purpose::Registration { topic_id }
            }
        }
    }

    /// It is known whether the next transaction can be paid.
    pub(super) fn means(&mut self, means: Means, reporter: &mut Reporter) {
        self.means_unknown = None;
        reporter.balance(Balance {
            uallo: means.balance,
            days_left: self.days_left(&means),
            is_enough: !matches!(means.next_cost, Err(Unaffordable::Funds { .. })),
        });
        let Err(why) = means.next_cost else {
            if self.unaffordable.take().is_some() {
                tracing::info!("the next transaction can be paid");
                if matches!(self.standing, Standing::Refused(..) | Standing::Blocked(_)) {
                    // That may have been all that was missing.
                    self.schedule.look_now();
                }
            }
            return;
        };
        match &mut self.unaffordable {
            Some(trouble) => {
                trouble.why = why;
                trouble.pause.again();
            }
            None => {
                tracing::warn!("{why}");
                self.unaffordable = Some(Trouble { why, pause: Pause::new(POOR_PAUSE) });
            }
        }
    }

    /// For how many days the balance lasts at what a window costs now; `None` where the next transaction is not for
    /// a window, or the topic is not known.
    fn days_left(&self, means: &Means) -> Option<f64> {
        let cost = means.next_cost.as_ref().ok().filter(|_| self.standing == Standing::Good)?;
        let epoch = u32::try_from(self.schedule.epoch_length()?).ok()?;
        let window = self.context.clock.head().block_time * epoch;
        let windows = means.balance / cost.submission.max(1);
        // More than that many last longer than anybody asks.
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        Some(f64::from(windows) * window.as_secs_f64() / 86_400.0)
    }

    /// Why the next transaction cannot be paid. A dry run pays for nothing.
    pub(super) fn unaffordable(&self) -> Option<&Unaffordable> {
        let is_paying = self.context.options.broadcasting == Broadcasting::On;
        self.unaffordable.as_ref().filter(|_| is_paying).map(|trouble| &trouble.why)
    }

    /// Money for a wallet that has none, where a faucet gives some.
    pub(super) fn ask_faucet(&mut self, now: Instant) {
        let is_poor = self
            .unaffordable
            .as_ref()
            .is_some_and(|trouble| matches!(trouble.why, Unaffordable::Funds { .. }));
        let Some(faucet) = self.faucet.clone().filter(|_| is_poor) else { return };
        if self.faucet_after > now || self.is_at(Work::Faucet) {
            return;
        }
        tracing::info!("asking the faucet for money");
        let context = Arc::clone(&self.context);
        self.spawn(Work::Faucet, async move {
            Done::Funded(faucet.fund(&context.client(), context.address()).await)
        });
    }

    /// The faucet has answered.
    pub(super) fn funded(&mut self, funded: Result<u128, FaucetError>) {
        match funded {
            Ok(balance) => {
                tracing::info!(%balance, "the faucet gave money");
                self.faucet_pause.reset();
                self.ask_means();
            }
            Err(error) => {
                tracing::warn!(%error, "the faucet gave nothing");
                if let Some(pause) = error.retry_after() {
                    self.faucet_pause.at_least(pause);
                }
            }
        }
        self.faucet_after = Instant::now() + self.faucet_pause.length();
        self.faucet_pause.again();
    }

    /// Whether the next transaction can be paid is to be found out now.
    pub(super) fn ask_means(&mut self) {
        self.context.funds().forget();
        self.means_for = None;
        if let Some(trouble) = &mut self.unaffordable {
            trouble.pause.expire();
        }
    }
}
