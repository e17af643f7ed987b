//! A bundle as the chain writes it.

use crate::chain::{
    decimal::{Decimal, ParseDecimalError, RangeError},
    messages::{
        InputForecast, InputInference, InputInferenceForecastBundle, ValueBundle, WorkerAttributedValue,
    },
};

/// A message that the chain signs and checks over its own marshalling.
///
/// Protobuf's part of that is done by decoding and encoding: ascending field numbers, no default
/// scalars, no unknown fields, shortest varints. What is left is that a Dec is a value that the chain
/// always writes: an absent one as `0`, any other in its own text.
pub trait Canonical: prost::Message + Clone {
    /// The same message with every Dec as the chain would write it.
    ///
    /// # Errors
    /// [`DecError`] when the chain would not decode the message.
    fn canonical(&self) -> Result<Self, DecError>
    where
        Self: Sized;

    /// The bytes that a signature covers.
    ///
    /// # Errors
    /// As [`Canonical::canonical`].
    fn signed_bytes(&self) -> Result<Vec<u8>, DecError>
    where
        Self: Sized,
    {
        Ok(self.canonical()?.encode_to_vec())
    }
}

/// A Dec that the chain does not decode; it refuses the transaction at CheckTx (sdk 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecError {
    /// Not a finite number.
    #[error(transparent)]
    Parse(#[from] ParseDecimalError),
    /// A magnitude that is not allowed.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Canonical for InputInferenceForecastBundle {
    fn canonical(&self) -> Result<Self, DecError> {
        let mut bundle = self.clone();
        if let Some(InputInference { value, values, .. }) = &mut bundle.inference {
            canonicalize(value)?;
            values.iter_mut().try_for_each(|labeled| canonicalize(&mut labeled.value))?;
        }
        if let Some(InputForecast { forecast_elements, .. }) = &mut bundle.forecast {
            forecast_elements.iter_mut().try_for_each(|element| canonicalize(&mut element.value))?;
        }
        Ok(bundle)
    }
}

impl Canonical for ValueBundle {
    fn canonical(&self) -> Result<Self, DecError> {
        fn all(values: &mut [WorkerAttributedValue]) -> Result<(), DecError> {
            values.iter_mut().try_for_each(|entry| canonicalize(&mut entry.value))
        }

        let mut bundle = self.clone();
        canonicalize(&mut bundle.combined_value)?;
        canonicalize(&mut bundle.naive_value)?;
        all(&mut bundle.inferer_values)?;
        all(&mut bundle.forecaster_values)?;
        all(&mut bundle.one_out_inferer_values)?;
        all(&mut bundle.one_out_forecaster_values)?;
        all(&mut bundle.one_in_forecaster_values)?;
        for forecaster in &mut bundle.one_out_inferer_forecaster_values {
            all(&mut forecaster.one_out_inferer_values)?;
        }
        Ok(bundle)
    }
}

fn canonicalize(text: &mut String) -> Result<(), DecError> {
    let number = if text.is_empty() { Decimal::zero() } else { text.parse()? };
    number.check_range()?;
    *text = number.to_string();
    Ok(())
}
