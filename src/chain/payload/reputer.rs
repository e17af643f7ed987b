//! Losses.

use prost::Message as _;

use super::{Canonical, DecError};
use crate::{
    chain::messages::{InputReputerValueBundle, InsertReputerPayloadRequest, ValueBundle},
    wallet::Wallet,
};

/// The losses of one nonce, signed, as a transaction of the same wallet carries them. The bundle's
/// reputer becomes the wallet's address.
///
/// # Errors
/// [`DecError`] when a loss is no number that the chain takes.
pub fn sign_losses(losses: ValueBundle, wallet: &Wallet) -> Result<InsertReputerPayloadRequest, DecError> {
    let reputer = wallet.address().to_string();
    let mut bundle = ValueBundle { reputer: reputer.clone(), ..losses };
    bundle.canonicalize()?;
    let signature = wallet.sign(&bundle.encode_to_vec());
    Ok(InsertReputerPayloadRequest {
        sender: reputer,
        reputer_value_bundle: Some(InputReputerValueBundle {
            value_bundle: Some(bundle),
            signature: signature.to_vec(),
            pubkey: wallet.public_key().to_hex(),
        }),
    })
}
