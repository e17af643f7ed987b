//! What a model must not reach.

use bootstrap::model::{Model, ModelSpec, Private, StartError};

use crate::support::{Bundle, value, with_each_python, with_one_python};

#[test]
fn the_model_reads_no_secret_writes_nowhere_else_and_signals_nobody() {
    const CODE: &str = "
import os, pathlib
def attempt(do):
    try: do()
    except PermissionError: return '0'
    return '1'
def predict(nonce):
    root = pathlib.Path(__file__).parent
    places = (root / 'paths').read_text().split()
    attempts = [
        lambda: open(places[0]).read(),
        lambda: os.listdir(places[1]),
        lambda: open(places[2], 'w'),
        lambda: (root / 'x').write_text('x'),
        lambda: os.kill(os.getppid(), 0),
        lambda: open(f'/proc/{os.getppid()}/mem', 'rb'),
        lambda: (pathlib.Path(os.environ['TMPDIR']) / 'x').write_text('x'),
        lambda: (pathlib.Path(places[3]) / 'x').write_text('x'),
        lambda: open('/dev/null', 'w'),
        lambda: open(places[4]).read(),
    ]
    return '1' + ''.join(attempt(a) for a in attempts)
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let outside = tempfile::tempdir().unwrap();
        let at = |name: &str| outside.path().join(name);
        for folder in ["keys", "state", "writable", "open"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        std::fs::write(at("keys/mnemonic"), "secret").unwrap();
        std::fs::write(at("open/data"), "fine").unwrap();
        let places = ["keys/mnemonic", "state", "heartbeat", "writable", "open/data"].map(at);
        let places = places.map(|path| path.to_str().unwrap().to_owned()).join("\n");
        std::fs::write(bundle.root().join("paths"), places).unwrap();
        let spec = bundle.spec(python, "predict");
        let model = Model::start(ModelSpec {
            private: Private { paths: vec![at("keys/mnemonic"), at("state")], ..Private::default() },
            writable: vec![at("writable")],
            ..spec
        })
        .unwrap();
        let attempts = value(&model, 1).await;
        let isolation = model.watch().borrow().isolation;
        assert!(isolation.no_new_privs && isolation.capabilities_dropped, "{isolation:?}");
        if isolation.landlock && isolation.signals {
            // Reading our memory is up to the kernel's settings here: a test process may be dumped.
            assert_eq!(attempts[..6], *"100000", "{attempts}");
            assert_eq!(attempts[7..], *"1111", "{attempts}");
        } else {
            println!("this kernel cannot enforce: {:?}", isolation.missing());
        }
        // Its scratch folder does not outlive it.
        model.stop().await;
    });
}

#[test]
fn a_secret_within_the_models_reach_is_refused_at_the_start() {
    with_one_python(|python| async move {
        let bundle = Bundle::new("def predict(): return 1");
        let spec = bundle.spec(python, "predict");
        let state = bundle.root().join("../").join(bundle.root().file_name().unwrap()).join("state");
        let private = Private { paths: vec![state], ..Private::default() };
        let started = Model::start(ModelSpec { private, ..spec });
        assert!(matches!(started, Err(StartError::Exposed { .. })), "{started:?}");
    });
}
