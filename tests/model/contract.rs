//! What a function may take and return.

use std::time::Duration;

use bootstrap::model::{Answer, FailureKind, Model, Prediction};

use crate::support::{Bundle, call, failure, value, with_each_python};

#[test]
fn each_form_of_parameters_gets_what_the_contract_says() {
    const CODE: &str = "
from bootstrap_host import RunContext
import functools
def none(): return '0'
def nonce(n): return n
def by_default(n=5): return n
def both(n, c): return n + c.nonce
def keeps_default(n, c=1000): return n + c
def context(context): return context.nonce + 1
def ctx(ctx, other): return ctx.nonce + other.nonce
def annotated(x: RunContext): return x.nonce + 2
def annotated_by_text(x: 'bootstrap_host.RunContext' = None): return x.nonce + 3
def any_number(*args): return args[0] + len(args) * 100
def keyword(n, *, k=10): return n + k
class Callable:
    def __call__(self, n, context): return n + context.topic_id
obj = Callable()
method = obj.__call__
partial = functools.partial(both, 4)
def three(a, b, c): return 1
def only_keyword(*, k): return 1
not_a_function = 3
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        for (function, expected) in [
            ("none", "0"),
            ("nonce", "120"),
            ("by_default", "120"),
            ("both", "240"),
            ("keeps_default", "1120"),
            ("context", "121"),
            ("ctx", "240"),
            ("annotated", "122"),
            ("annotated_by_text", "123"),
            ("any_number", "220"),
            ("keyword", "130"),
            ("obj", "127"),
            ("method", "127"),
        ] {
            let model = Model::start(bundle.spec(python, function)).unwrap();
            assert_eq!(value(&model, 120).await, expected, "{function}");
        }
        for (function, says) in [
            ("three", "requires 3 arguments"),
            ("only_keyword", "only be given by keyword"),
            ("not_a_function", "not a function"),
            ("missing", "no function \"missing\""),
        ] {
            let model = Model::start(bundle.spec(python, function)).unwrap();
            let failure = failure(&model, call(1)).await;
            assert_eq!(failure.kind, FailureKind::Import, "{failure:?}");
            assert!(failure.message.contains(says), "{failure:?}");
        }
    });
}

#[test]
fn each_type_of_result_is_its_exact_decimal_text_or_is_refused_with_a_fix() {
    // What stands for an array library: a shape and `.item()`, which is all that is asked of one.
    const CODE: &str = "
from decimal import Decimal
import enum, fractions
class Lying(float):
    def __repr__(self): return '99'
    __str__ = __repr__
class LyingInt(int):
    def __repr__(self): return '99'
    __str__ = __repr__
class LyingDecimal(Decimal):
    def __str__(self): return '99'
class LyingText(str):
    def __str__(self): return '99'
class Array:
    def __init__(self, shape, item): self.shape, self._item = shape, item
    def item(self): return self._item
class MaskedArray(Array):
    class mask:
        @staticmethod
        def any(): return True
class Dates(Array):
    class dtype: kind = 'M'
class Broken(Array):
    def item(self): raise RuntimeError('no device')
class Color(enum.IntEnum): RED = 7
class Mapping(dict): pass
RESULTS = [
  (1, '1'), (-0.1, '-0.1'), (1e-7, '1e-07'), (5e22, '5e+22'), (0.1 + 0.2, '0.30000000000000004'),
  (10**40, '1' + '0' * 40), (Decimal('1.230'), '1.230'), (Decimal('1E-10'), '1E-10'),
  (Lying(0.5), '0.5'), (LyingInt(3), '3'), (LyingDecimal('0.25'), '0.25'), (LyingText('0.75'), '0.75'),
  (Color.RED, '7'), ('-1.5e-3', '-1.5e-3'), ('+.5', '+.5'), ('1.', '1.'),
  (Array((), 0.5), '0.5'), (Array((1, 1), 3), '3'), (Array((1,), Decimal('0.1')), '0.1'),
  ({'up': 0.5, 'down': Array((), 2)}, {'up': '0.5', 'down': '2'}), (Mapping(b=1, a=2), {'b': '1', 'a': '2'}),
  (True, 'bool'), (None, 'nothing'), (float('nan'), 'nan'), (float('-inf'), 'inf'), (1j, 'complex'),
  (Decimal('NaN'), 'NaN'), (Decimal('sNaN'), 'sNaN'), (Decimal('Infinity'), 'Infinity'),
  ([0.5], '(1,)'), ((1, 2), '(2,)'), (b'1', 'bytes'), ('1_000', 'decimal'), (' 1', 'decimal'), ('', 'decimal'),
  ('0x1', 'decimal'), ('\\u0661', 'decimal'), ('nan', 'decimal'), ('1e', 'decimal'), ('.', 'decimal'), ('\\ud800', 'decimal'),
  ('1' * 5000, 'decimal'), (10**5000, '1e40'), (fractions.Fraction(1, 2), 'Fraction'), (object(), 'object'),
  (Array((3,), 1.0), '(3,)'), (Array((0,), 1.0), '(0,)'), (Array((), True), 'bool'), (Array((), '0.5'), 'str'),
  (Array((), None), 'NoneType'), (MaskedArray((), 0.0), 'masked'), (Dates((), 5), 'date'), (Broken((), 1), 'no device'),
  (Array('x', 1), 'Array'), ({}, 'empty'), ({'': 1}, 'label'), ({1: 1}, 'label'), ({'a': {'b': 1}}, 'dict'),
  ({'a': None}, 'nothing'), (int, 'type'), (Array, 'type'), ((i for i in []), 'yield'), (print, 'builtin'),
]
def count(): return len(RESULTS)
def predict(nonce):
    return RESULTS[nonce][0]
def expected(nonce):
    want = RESULTS[nonce][1]
    raise RuntimeError(repr(sorted(want.items()) if isinstance(want, dict) else want))
";
    const REFUSED_FROM: i64 = 21;
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        let oracle = Model::start(bundle.spec(python, "expected")).unwrap();
        let count = Model::start(bundle.spec(python, "count")).unwrap();
        let count: i64 = value(&count, 0).await.parse().unwrap();
        assert!(count > REFUSED_FROM);
        for nonce in 0..count {
            let expected = failure(&oracle, call(nonce)).await.message;
            let expected = expected.strip_prefix("RuntimeError: ").unwrap();
            match model.predict(call(nonce)).await {
                Ok(Answer::Value(Prediction::One(text))) => {
                    assert_eq!(format!("'{text}'"), expected);
                    assert!(nonce < REFUSED_FROM, "{nonce}");
                }
                Ok(Answer::Value(Prediction::Many(mut values))) => {
                    values.sort();
                    assert_eq!(format!("{values:?}").replace('"', "'"), expected);
                    assert!(nonce < REFUSED_FROM, "{nonce}");
                }
                Err(failure) => {
                    assert_eq!(failure.kind, FailureKind::BadValue, "{failure:?}");
                    let names = expected.trim_matches('\'').to_lowercase();
                    assert!(failure.to_string().to_lowercase().contains(&names), "{expected}: {failure:?}");
                    assert!(nonce >= REFUSED_FROM, "{nonce}: {failure:?}");
                }
                other => panic!("{nonce}: {other:?}"),
            }
        }
        // All by one process: a bad value is no reason to replace it.
        assert_eq!(model.watch().borrow().restarts.failures(), 0);
    });
}

#[test]
fn one_event_loop_lives_from_the_first_call_to_the_last() {
    const CODE: &str = "
import asyncio
ticks = 0
seen = set()
task = None
async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.005)
        ticks += 1
async def predict(nonce):
    global task
    seen.add(id(asyncio.get_running_loop()))
    if task is None:
        task = asyncio.get_running_loop().create_task(tick())
    if nonce == 2:
        return ticks
    return len(seen)
class Later:
    def __await__(self):
        yield from asyncio.sleep(0.01).__await__()
        return 0.25
def awaitable(nonce): return Later()
def runs_its_own(nonce): return asyncio.run(asyncio.sleep(0.01, nonce))
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        assert_eq!(value(&model, 1).await, "1");
        // What the model left running goes on between calls.
        while value(&model, 2).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(value(&model, 3).await, "1");
        for (function, expected) in [("awaitable", "0.25"), ("runs_its_own", "9")] {
            let model = Model::start(bundle.spec(python, function)).unwrap();
            for _ in 0..2 {
                assert_eq!(value(&model, 9).await, expected, "{function}");
            }
        }
    });
}

#[test]
fn what_the_code_raises_is_told_and_costs_no_process() {
    const CODE: &str = "
import os, sys
from bootstrap_host import Skip
class Unprintable(Exception):
    def __str__(self): raise ValueError
def predict(nonce):
    if nonce == 1: raise ValueError('no price')
    if nonce == 2: raise Skip('market closed')
    if nonce == 3: sys.exit(3)
    if nonce == 4: raise Unprintable
    if nonce == 5: raise KeyboardInterrupt
    if nonce == 6: raise ValueError('x' * 50_000_000)
    if nonce == 7: return predict(nonce)
    if nonce == 8: raise ValueError('\\ud800')
    if nonce == 9: open('/etc/bootstrap-test', 'w')
    if nonce == 11: return os.environ['ALLORA_API_KEY']
    return nonce
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        let told = failure(&model, call(1)).await;
        assert_eq!((told.kind, &*told.message), (FailureKind::Exception, "ValueError: no price"));
        assert!(told.traceback.unwrap().contains("in predict"));
        let skipped = model.predict(call(2)).await;
        assert_eq!(skipped, Ok(Answer::Skipped { why: "market closed".into() }));
        for (nonce, says) in [
            (3, "SystemExit: 3"),
            (4, "Unprintable"),
            (5, "KeyboardInterrupt"),
            (6, "bytes left out"),
            (7, "RecursionError"),
            (8, "ValueError"),
            (9, "runtime.writable"),
            (11, "give its own secrets other names"),
        ] {
            let told = failure(&model, call(nonce)).await;
            assert_eq!(told.kind, FailureKind::Exception, "{told:?}");
            assert!(told.message.contains(says) && told.message.len() < 10_000, "{nonce}: {told:?}");
        }
        assert_eq!(value(&model, 10).await, "10");
        assert_eq!(model.watch().borrow().restarts.failures(), 0);
    });
}

#[test]
fn a_model_may_use_processes_of_every_start_method() {
    const CODE: &str = "
import multiprocessing
from bootstrap_host import RunContext, Skip
def square(number):
    if number == 3: raise Skip('three')
    return number * number
def predict(context: RunContext):
    total = 0
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            total += sum(pool.map(square, [context.nonce, 10]))
    return total
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        // By fork, by spawn and by a fork server.
        assert_eq!(value(&model, 2).await, "312");
        let skipped = model.predict(call(3)).await;
        assert_eq!(skipped, Ok(Answer::Skipped { why: "three".into() }));
        assert_eq!(model.watch().borrow().restarts.failures(), 0);
    });
}
