//! The module's parameters.

use prost::{Message as _, encoding};

use super::{
    DATA_SENDING_FEE, Emissions, MAX_FORECAST_ELEMENTS, MAX_MESSAGE_BYTES, MAX_TOP_FORECASTERS,
    REGISTRATION_FEE, REQUIRED_MINIMUM_STAKE, label,
};
use crate::chain::messages::Params;

/// A parameter that no client reads.
#[derive(Debug, Clone, Copy)]
enum Other {
    Number(u64),
    Text(&'static str),
}

use Other::{Number, Text};

/// Those, by the numbers of their fields, as a fresh chain v0.17.0 has them.
const OTHERS: &[(u32, Other)] = &[
    (3, Text("100")),
    (6, Number(604_800)),
    (8, Text("0.25")),
    (9, Text("0.05")),
    (10, Text("0.001")),
    (11, Text("0.5")),
    (15, Text("0.5")),
    (16, Text("0.5")),
    (17, Text("0.5")),
    (18, Text("0.1")),
    (19, Text("0.25")),
    (20, Number(10)),
    (25, Number(10)),
    (29, Number(100)),
    (30, Number(1_000)),
    (31, Number(3)),
    (33, Text("3")),
    (34, Text("3")),
    (35, Text("1")),
    (36, Text("0.75")),
    (37, Text("0.75")),
    (38, Text("0.75")),
    (40, Text("0.01")),
    (42, Number(40)),
    (48, Text("0.25")),
    (49, Text("8.25")),
    (51, Number(1)),
    (52, Number(10)),
    (53, Text("11")),
    (54, Text("0.2")),
    (55, Text("2")),
    (58, Number(1)),
    (59, Number(2_000)),
    (60, Text("0.000001")),
];

impl Emissions {
    /// All parameters, as a message `Params`.
    pub fn params(&self) -> Vec<u8> {
        let mut bytes = self.known_params().encode_to_vec();
        // The order of fields says nothing.
        for (field, other) in OTHERS {
            match other {
                Number(number) => encoding::uint64::encode(*field, number, &mut bytes),
                Text(text) => encoding::string::encode(*field, &(*text).to_owned(), &mut bytes),
            }
        }
        bytes
    }

    fn known_params(&self) -> Params {
        Params {
            version: self.version.package().trim_start_matches("emissions.").into(),
            max_serialized_msg_length: MAX_MESSAGE_BYTES as i64,
            required_minimum_stake: REQUIRED_MINIMUM_STAKE.to_string(),
            min_epoch_length: 1,
            max_unfulfilled_worker_requests: 100,
            max_unfulfilled_reputer_requests: 100,
            max_top_inferers_to_reward: self.max_top_inferers,
            max_top_forecasters_to_reward: MAX_TOP_FORECASTERS,
            max_top_reputers_to_reward: 6,
            create_topic_fee: "75000".into(),
            registration_fee: REGISTRATION_FEE.to_string(),
            blocks_per_month: 864_000,
            epsilon_safe_div: "1E-7".into(),
            data_sending_fee: DATA_SENDING_FEE.to_string(),
            max_elements_per_forecast: MAX_FORECAST_ELEMENTS as u64,
            max_active_topics_per_block: self.max_active_topics_per_block,
            max_string_length: 255,
            // Whoever may submit does so because the topic has no list, or has him on its own.
            global_whitelist_enabled: true,
            global_worker_whitelist_enabled: true,
            global_reputer_whitelist_enabled: true,
            max_canonical_label_byte_length: label::MAX_BYTES as u64,
            max_topic_label_whitelist_size: 256,
            max_epoch_label_registry_size: 32_768,
        }
    }
}
