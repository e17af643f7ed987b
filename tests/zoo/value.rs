//! Models that return what is no prediction.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cage::{Cage, EPOCH, Habitat};
use crate::support::Bench;

const ANIMALS: &str = r"
import decimal, fractions

class Array:
    def __init__(self, shape, item):
        self.shape, self._item = shape, item
    def item(self):
        if isinstance(self._item, Exception):
            raise self._item
        return self._item

class Series(Array):
    __module__ = 'pandas.core.series'

class MaskedArray(Array):
    class mask:
        @staticmethod
        def any():
            return True

class Hostile:
    def __getattribute__(self, name):
        raise RuntimeError('nothing to see')

def returns(context, expression):
    return eval(expression)

def returns_by_window(context, expressions):
    return eval(eval(expressions)[context.nonce])
";

/// What each looks like in the journal: its type, and what is wrong with it.
const REFUSED: [(&str, &str); 25] = [
    ("None", "NoneType: the function returned nothing"),
    ("True", "bool: a bool is not a number"),
    ("'up'", "str: a text that is not a decimal number"),
    ("' 1'", "str: a text that is not a decimal number"),
    ("'1_000'", "str: a text that is not a decimal number"),
    ("float('nan')", "float: nan is not a number"),
    ("-float('inf')", "float: -inf is not a number"),
    ("decimal.Decimal('NaN')", "decimal.Decimal: NaN is not a number"),
    ("1j", "complex: a complex number has no place on the chain"),
    ("10**5000", "int: the chain takes numbers up to 1e40 only"),
    ("1e41", "1e+41 cannot be submitted"),
    ("fractions.Fraction(1, 3)", "fractions.Fraction: a value of this type is not a number"),
    ("[1]", "list of shape (1,): a sequence is not a number"),
    ("b'1'", "bytes of shape (1,): bytes are not a number"),
    ("(n for n in [1])", "generator: a generator is not a number"),
    ("{}", "dict of shape (0,): an empty mapping predicts nothing"),
    ("{1: 1}", "a label is not text, empty or too long"),
    ("{'up': 1, 'down': 2}", "the topic takes one value, the model gave 2"),
    ("Hostile()", "Hostile: a value of this type is not a number"),
    ("Array((3,), 1)", "Array of shape (3,): it does not have exactly one element"),
    ("Series((3,), 1)", "for example result.iloc[-1]"),
    ("Array((), True)", "Array of shape (): a bool is not a number"),
    ("Array((), '1')", "its .item() gives a str, which is not a number"),
    ("Array((), ValueError('none left'))", "its .item() fails: none left"),
    ("MaskedArray((1,), 1)", "MaskedArray of shape (1,): its value is masked"),
];

#[test]
fn a_value_that_is_no_prediction_is_never_submitted() {
    let cage = Cage::new(ANIMALS, "max_seconds: 20");
    let process = cage.status()["model"]["pid"].clone();
    let first = cage.fails("returns None", "bad_value", "NoneType");
    // Each in a window of its own, however often it is asked there; the last one is good.
    let nonces = (1..).map(|windows| first + windows * EPOCH);
    let good = ("Array((1,), 2.5)", "");
    let expressions: BTreeMap<i64, &str> =
        nonces.clone().zip(REFUSED.iter().chain([&good]).map(|(expression, _)| *expression)).collect();
    cage.order(&format!("returns_by_window {expressions:?}"));
    for (nonce, (_, says)) in nonces.clone().zip(REFUSED) {
        assert_eq!(cage.bench.mine_to_opening(), nonce);
        cage.has_reason(nonce, "bad_value", says);
    }
    let nonce = cage.bench.mine_to_opening();
    cage.admits(nonce, "2.5");
    for (nonce, (_, says)) in nonces.zip(REFUSED) {
        let ended = |bench: &Bench| bench.round(nonce).filter(|round| round["state"] == "expired");
        let round = cage.bench.until("the end of the round", ended);
        assert_eq!(round["value"], Value::Null, "{round}");
        cage.has_reason(nonce, "bad_value", says);
    }
    // One for each window that was answered.
    assert_eq!(cage.bench.paid().len(), 2);
    let model = &cage.status()["model"];
    assert_eq!((&model["pid"], &model["restarts"]), (&process, &0.into()), "a bad value costs no process");
    cage.close();
}

#[test]
fn outputs_that_the_topic_does_not_have_are_asked_for_again() {
    let good = "returns {'up': 0.5, 'down': 0.25}";
    let cage = Cage::start(&Habitat {
        animals: ANIMALS,
        runtime: "max_seconds: 20",
        order: good,
        labels: &["up", "down"],
        ..Habitat::default()
    });
    for (expression, says) in [
        ("1", "the topic takes several outputs, the model gave one number"),
        ("{'up': None}", "label \"up\": the function returned nothing"),
        // The chain's own word, and for nothing: it is simulated.
        ("{'up': 0.5, 'sideways': 0.5}", "label is not in the topic's label whitelist"),
    ] {
        let nonce = cage.open(&format!("returns {expression}"));
        cage.has_reason(nonce, "bad_value", says);
        cage.order(good);
        cage.admits(nonce, r#"{"up":"0.5","down":"0.25"}"#);
    }
    assert_eq!(cage.bench.paid().len(), 3);
    cage.close();
}
