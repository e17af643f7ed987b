//! The network's inference at a nonce: the mean of what the inferers said.

use bigdecimal::{BigDecimal, Zero};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    event::TypedEvent,
    number,
    topic::{ClosedNonce, StoredInference, Topic, signed},
};
use crate::{
    chain::messages::{
        EmissionsVersion, LabeledValue, NetworkInferenceBundle, Nonce, OneOutInfererValue,
        ReputerRequestNonce, ValueBundle, WorkerAttributedValue, WorkerInference,
    },
    devnet::{abci::Event, app::address::Address, encoding::base64, genesis::TopicOutput},
};

/// One number for each label of the registry.
type Row = Vec<BigDecimal>;

impl ClosedNonce {
    /// Each inferer's numbers, one for each label; a label that it left out counts as zero.
    pub fn rows(&self) -> Vec<(Address, Row)> {
        let row = |inference: &StoredInference| {
            let of = |label: &String| inference.values.iter().find(|(name, _)| name == label);
            let labels = self.window.labels.iter();
            labels.map(|label| of(label).map_or_else(BigDecimal::zero, |(_, value)| value.clone())).collect()
        };
        self.window.inferences.iter().map(|(address, inference)| (*address, row(inference))).collect()
    }

    /// The network's inference as v10 answers it.
    pub fn network_inference(&self, topic_id: u64) -> NetworkInferenceBundle {
        let rows = self.rows();
        let combined = self.labeled(&combined(&rows));
        let one_out = self.one_out(&rows).into_iter().map(|(withheld, row)| OneOutInfererValue {
            withheld_inferer: withheld.to_string(),
            combined_inference: self.labeled(&row),
        });
        NetworkInferenceBundle {
            topic_id,
            nonce: signed(self.nonce),
            combined_value: combined.clone(),
            inferer_values: rows
                .iter()
                .map(|(worker, row)| WorkerInference {
                    worker: worker.to_string(),
                    values: self.labeled(row),
                })
                .collect(),
            naive_value: combined,
            one_out_inferer_values: one_out.collect(),
            ..NetworkInferenceBundle::default()
        }
    }

    /// The network's inference as v9 answers it.
    pub fn value_bundle(&self, topic_id: u64) -> ValueBundle {
        let rows = self.rows();
        let only = |row: &Row| row.first().map_or_else(|| "0".into(), number::canonical);
        let attributed = |(worker, row): &(Address, Row)| WorkerAttributedValue {
            worker: worker.to_string(),
            value: only(row),
        };
        let combined = only(&combined(&rows));
        let nonce = Nonce { block_height: signed(self.nonce) };
        ValueBundle {
            topic_id,
            reputer_request_nonce: Some(ReputerRequestNonce { reputer_nonce: Some(nonce) }),
            combined_value: combined.clone(),
            inferer_values: rows.iter().map(attributed).collect(),
            naive_value: combined,
            one_out_inferer_values: self.one_out(&rows).iter().map(attributed).collect(),
            ..ValueBundle::default()
        }
    }

    /// The mean without each inferer; nothing when there is only one.
    fn one_out(&self, rows: &[(Address, Row)]) -> Vec<(Address, Row)> {
        if rows.len() < 2 {
            return vec![];
        }
        rows.iter().map(|(withheld, _)| (*withheld, mean(rows, Some(*withheld)))).collect()
    }

    fn labeled(&self, row: &Row) -> Vec<LabeledValue> {
        (1..)
            .zip(self.window.labels.iter().zip(row))
            .map(|(label_id, (name, value))| LabeledValue {
                label_id,
                label_name: name.clone(),
                value: number::canonical(value),
            })
            .collect()
    }
}

/// What the network infers: of a single inferer its own numbers as they are.
fn combined(rows: &[(Address, Row)]) -> Row {
    match rows {
        [(_, row)] => row.clone(),
        rows => mean(rows, None),
    }
}

fn mean(rows: &[(Address, Row)], without: Option<Address>) -> Row {
    let labels = rows.first().map_or(0, |(_, row)| row.len());
    let column = |label: usize| {
        rows.iter().filter(|(worker, _)| Some(*worker) != without).filter_map(move |(_, row)| row.get(label))
    };
    (0..labels).map(|label| number::mean(column(label))).collect()
}

/// The events of a closing: with one output also the outlier-resistant inference, which is the same here.
pub fn events(topic: &Topic, closed: &ClosedNonce, version: EmissionsVersion) -> Vec<Event> {
    let id = topic.spec.id;
    if version == EmissionsVersion::V9 {
        let bundle = closed.value_bundle(id);
        let event = TypedEvent::new(version, "EventNetworkInferences")
            .number("topic_id", id)
            .number("block_height", closed.nonce)
            .number("nonce", closed.nonce)
            .json("value_bundle", &Value::Null)
            .json("bundle", &BundleJson::from(&bundle));
        return vec![event.build()];
    }
    let rows = closed.rows();
    let plain = |row: &Row| row.iter().map(BigDecimal::to_plain_string).collect::<Vec<_>>();
    let combined = plain(&combined(&rows));
    let one_out: Vec<_> = closed.one_out(&rows).iter().map(|(_, row)| plain(row)).collect();
    let event = |outlier_resistant: bool| {
        TypedEvent::new(version, "EventNetworkInferenceBundle")
            .number("topic_id", id)
            .number("nonce", closed.nonce)
            .texts("label_names", &closed.window.labels)
            .texts("inferer_addresses", rows.iter().map(|(address, _)| address))
            .json("forecaster_addresses", &json!([]))
            .json("combined_value", &json!(combined))
            .json("naive_value", &json!(combined))
            .json("inferer_values", &json!(rows.iter().map(|(_, row)| plain(row)).collect::<Vec<_>>()))
            .json("forecaster_values", &json!([]))
            .json("one_out_inferer_values", &json!(one_out))
            .json("one_out_forecaster_values", &json!([]))
            .json("one_in_forecaster_values", &json!([]))
            .json("one_out_inferer_forecaster_values", &json!([]))
            .json("outlier_resistant", &json!(outlier_resistant))
            .build()
    };
    match topic.spec.output {
        TopicOutput::Single => vec![event(false), event(true)],
        TopicOutput::Multi { .. } => vec![event(false)],
    }
}

/// A bundle of values as events show it: addresses and values apart, in this order.
#[derive(Debug, Serialize)]
pub struct BundleJson {
    extra_data: Option<String>,
    combined_value: String,
    naive_value: String,
    inferer_addresses: Vec<String>,
    forecaster_addresses: Vec<String>,
    inferer_values: Vec<String>,
    forecaster_values: Vec<String>,
    one_out_inferer_values: Vec<String>,
    one_out_forecaster_values: Vec<String>,
    one_in_forecaster_values: Vec<String>,
    one_out_inferer_forecaster_values: Vec<Vec<String>>,
}

impl From<&ValueBundle> for BundleJson {
    fn from(bundle: &ValueBundle) -> Self {
        let values =
            |rows: &[WorkerAttributedValue]| rows.iter().map(|row| number::plain(&row.value)).collect();
        let workers = |rows: &[WorkerAttributedValue]| rows.iter().map(|row| row.worker.clone()).collect();
        Self {
            extra_data: (!bundle.extra_data.is_empty()).then(|| base64(&bundle.extra_data)),
            combined_value: number::plain(&bundle.combined_value),
            naive_value: number::plain(&bundle.naive_value),
            inferer_addresses: workers(&bundle.inferer_values),
            forecaster_addresses: workers(&bundle.forecaster_values),
            inferer_values: values(&bundle.inferer_values),
            forecaster_values: values(&bundle.forecaster_values),
            one_out_inferer_values: values(&bundle.one_out_inferer_values),
            one_out_forecaster_values: values(&bundle.one_out_forecaster_values),
            one_in_forecaster_values: values(&bundle.one_in_forecaster_values),
            one_out_inferer_forecaster_values: bundle
                .one_out_inferer_forecaster_values
                .iter()
                .map(|row| values(&row.one_out_inferer_values))
                .collect(),
        }
    }
}
