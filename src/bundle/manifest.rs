//! `model.yaml`, typed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bigdecimal::BigDecimal;

use super::fee_tier::FeeTier;
use super::network::Network;
use super::problem::{Code, Place, Problem, Problems};
use super::python_version::PythonVersion;
use super::reader::Reader;
use super::requirements::Requirements;
use super::schema::SCHEMA_VERSION;
use super::value::{self, BadValue};
use super::{files, yaml};

/// Name of the manifest in a bundle.
pub const FILE_NAME: &str = "model.yaml";

/// What a bundle says about itself. Every value has been checked; defaults are filled in.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The bundle's folder, absolute, links resolved.
    pub root: PathBuf,
    /// `name`: fit for file names and image tags.
    pub name: String,
    /// `version`: as it is written, fit for file names and image tags.
    pub version: String,
    /// `python.version`.
    pub python: PythonVersion,
    /// `entrypoint`.
    pub entrypoint: Entrypoint,
    /// `environment`.
    pub environment: Environment,
    /// `allora`: what the settings start from.
    pub allora: Allora,
    /// `runtime`.
    pub runtime: Runtime,
    /// `validation`.
    pub validation: Validation,
}

/// The function that predicts. Its kind, `python_function`, is the only one.
#[derive(Debug, Clone)]
pub struct Entrypoint {
    /// Dotted module.
    pub module: String,
    /// Name of the function in it.
    pub function: String,
    /// Working directory of the model, absolute.
    pub workdir: PathBuf,
    /// Folder of the weights, absolute. It need not exist.
    pub artifacts_dir: PathBuf,
}

/// What pip installs.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Requirements file, absolute.
    pub pip_requirements: PathBuf,
    /// Constraints file, absolute.
    pub constraints: Option<PathBuf>,
    /// Further package indexes; they may hold credentials.
    pub extra_index_urls: Vec<String>,
}

/// Settings that the manifest gives; environment and flags win over them.
#[derive(Debug, Clone)]
pub struct Allora {
    /// Topic to answer.
    pub topic_id: Option<u64>,
    /// Most time between two looks at the chain.
    pub polling_interval: Option<Duration>,
    /// Factor on the gas price.
    pub fee_tier: Option<FeeTier>,
    /// Chain to answer.
    pub network: Option<Network>,
}

/// Limits of the model process.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Deadline of one prediction.
    pub max_seconds: Duration,
    /// Memory limit in MiB.
    pub memory_mb: Option<u64>,
    /// CPUs that the model is told to use; above 0, fractions as containers have them.
    pub cpu_cores: Option<f64>,
    /// Deadline of importing the module.
    pub load_seconds: Duration,
    /// Keep a second, loaded process at hand?
    pub spare: bool,
    /// Folders that the model may write to, absolute.
    pub writable: Vec<PathBuf>,
}

/// What a prediction must satisfy before it is signed.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Lower is submitted with a warning.
    pub warn_below: Option<BigDecimal>,
    /// Higher is submitted with a warning.
    pub warn_above: Option<BigDecimal>,
    /// Lower is not submitted.
    pub reject_below: Option<BigDecimal>,
    /// Higher is not submitted.
    pub reject_above: Option<BigDecimal>,
    /// Is 0 not submitted?
    pub reject_zero: bool,
    /// The same value this often in a row is a repetition.
    pub max_repeats: Option<u64>,
    /// Is a repetition not submitted?
    pub reject_repeats: bool,
    /// Distance from the network's latest inferers, in standard deviations, that is warned of.
    pub warn_sigma: BigDecimal,
    /// The distance from which on nothing is submitted.
    pub reject_sigma: Option<BigDecimal>,
}

/// Why a bundle could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder is not there or cannot be entered.
    #[error("there is no bundle at {}", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is there, its content is wrong.
    #[error("the bundle {} is wrong", root.display())]
    Wrong {
        /// The bundle's folder as it was given.
        root: PathBuf,
        /// Everything that is wrong with it.
        source: Problems,
    },
}

impl LoadError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } if Path::new(FILE_NAME).is_file() => {
                format!("this folder holds a {FILE_NAME}: give `.` as the bundle, or set BUNDLE_ROOT")
            }
            Self::Missing { .. } => "give the folder that holds model.yaml, or set BUNDLE_ROOT".into(),
            Self::Wrong { source, .. } if let Some(fix) = source.want_of_manifest() => fix.to_owned(),
            Self::Wrong { root, .. } => {
                format!("`bootstrap check {}` shows each in its place", root.display())
            }
        }
    }
}

impl Manifest {
    /// Reads `root/model.yaml` and looks that the files it needs are there. Warnings come with it.
    ///
    /// # Errors
    /// [`LoadError::Missing`] when there is no such folder, otherwise every problem at once.
    pub fn read(root: &Path) -> Result<(Self, Vec<Problem>), LoadError> {
        Self::load(root, files::look)
    }

    /// The usual name of its archive.
    #[must_use]
    pub fn archive_name(&self) -> String {
        format!("{}-{}.tar.gz", self.name, self.version)
    }

    /// The usual name of the list of its requirements.
    pub(super) fn sbom_name(&self) -> String {
        format!("{}-{}.cdx.json", self.name, self.version)
    }

    /// What it needs installed.
    #[must_use]
    pub fn requirements(&self) -> Requirements {
        let Environment { pip_requirements, constraints, .. } = &self.environment;
        let constraints = constraints.as_ref().map(|path| self.relative(path));
        Requirements::read(
            &self.root,
            self.relative(pip_requirements).as_ref(),
            constraints.as_ref().map(Path::new),
        )
    }

    /// The command that installs what the bundle requires. `named` is the interpreter that the settings name.
    #[must_use]
    pub fn install_hint(&self, named: Option<&Path>) -> String {
        match named {
            Some(python) => {
                let file = self.environment.pip_requirements.display();
                format!("run `{} -m pip install -r {file}`", python.display())
            }
            None => format!("run `bootstrap install {}`", self.root.display()),
        }
    }

    /// A path of the bundle as its problems have it: below the root.
    #[must_use]
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Where a key stands in the manifest's file, by a fresh look; the file as a whole where that does not show.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Place {
        let text = read_text(&self.root).unwrap_or_default();
        match yaml::read(FILE_NAME, &text) {
            Ok((tree, _)) => Reader::new(&tree, Vec::new()).place(key),
            Err(_) => Place::file(FILE_NAME),
        }
    }

    /// The same with what else is to be looked at in the folder, whose path has no links.
    pub(super) fn load(
        root: &Path,
        look: impl FnOnce(&Path, &mut Reader<'_>),
    ) -> Result<(Self, Vec<Problem>), LoadError> {
        let missing = |source| LoadError::Missing { path: root.to_owned(), source };
        let real_root = root.canonicalize().map_err(missing)?;
        if !real_root.is_dir() {
            return Err(missing(io::ErrorKind::NotADirectory.into()));
        }
        let (manifest, problems) = match read_text(&real_root) {
            Ok(text) => Self::parse(&real_root, &text, |reader| look(&real_root, reader)),
            Err(problem) => (None, vec![problem]),
        };
        Problems::judge(manifest, problems)
            .map_err(|source| LoadError::Wrong { root: root.to_owned(), source })
    }

    /// Reads the text of a manifest whose bundle has the root `root`, without a look at any file.
    /// Without a manifest at least one of the problems is an error.
    #[must_use]
    pub fn from_text(root: &Path, text: &[u8]) -> (Option<Self>, Vec<Problem>) {
        Self::parse(root, text, |_| ())
    }

    /// The same; `look` finds what is wrong with the files that it names.
    fn parse(root: &Path, text: &[u8], look: impl FnOnce(&mut Reader<'_>)) -> (Option<Self>, Vec<Problem>) {
        let (tree, problems) = match yaml::read(FILE_NAME, text) {
            Ok(read) => read,
            Err(problem) => return (None, vec![problem]),
        };
        let mut reader = Reader::new(&tree, problems);
        let manifest = manifest(root, &mut reader);
        look(&mut reader);
        (manifest, reader.problems)
    }
}

fn manifest(root: &Path, reader: &mut Reader<'_>) -> Option<Manifest> {
    let inner = |text: &str| value::inner_path(text).map(|path| below(root, &path));
    // All keys are read before the first missing one ends this, so that all problems are noted.
    let schema_version = reader.read("schema_version", schema_version);
    let name = reader.read("name", value::file_name);
    let version = reader.read("version", value::file_name);
    let python = reader.read("python.version", str::parse);
    let kind = reader.read("entrypoint.kind", entrypoint_kind);
    let module = reader.read("entrypoint.module", value::module);
    let function = reader.read("entrypoint.function", value::identifier);
    let workdir = reader.read_or_default("entrypoint.workdir", inner);
    let artifacts_dir = reader.read_or_default("entrypoint.artifacts_dir", inner);
    let pip_requirements = reader.read("environment.pip_requirements", inner);
    let constraints = reader.read("environment.constraints", inner);
    let extra_index_urls = reader.list("environment.extra_index_urls", value::text);
    let allora = Allora {
        topic_id: reader.read("allora.topic_id", value::positive),
        polling_interval: reader.read("allora.polling_interval", value::whole_seconds),
        fee_tier: reader.read("allora.fee_tier", str::parse),
        network: reader.read("allora.network", str::parse),
    };
    let runtime = runtime(root, reader);
    let validation = validation(reader);
    schema_version?;
    kind?;
    Some(Manifest {
        root: root.to_owned(),
        name: name?,
        version: version?,
        python: python?,
        entrypoint: Entrypoint {
            module: module?,
            function: function?,
            workdir: workdir?,
            artifacts_dir: artifacts_dir?,
        },
        environment: Environment { pip_requirements: pip_requirements?, constraints, extra_index_urls },
        allora,
        runtime: runtime?,
        validation: validation?,
    })
}

/// `root` itself rather than `root/` for the empty path.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path).components().collect()
}

fn schema_version(text: &str) -> Result<(), BadValue> {
    let fix = || format!("write \"{SCHEMA_VERSION}\"");
    let bad = || BadValue::new(text, "a schema version that is known", fix());
    if text == SCHEMA_VERSION { Ok(()) } else { Err(bad()) }
}

fn entrypoint_kind(text: &str) -> Result<(), BadValue> {
    const KIND: &str = "python_function";
    let bad = || BadValue::new(text, "a kind of entrypoint", format!("write `{KIND}`"));
    if text == KIND { Ok(()) } else { Err(bad()) }
}

fn runtime(root: &Path, reader: &mut Reader<'_>) -> Option<Runtime> {
    let max_seconds = reader.read_or_default("runtime.max_seconds", value::seconds);
    let memory_mb = reader.read("runtime.memory_mb", value::positive);
    let cpu_cores = reader.read("runtime.cpu_cores", value::positive_number);
    let load_seconds = reader.read_or_default("runtime.load_seconds", value::seconds);
    let spare = reader.read_or_default("runtime.spare", value::boolean);
    let writable = reader.list("runtime.writable", |text| value::path(text).map(|path| below(root, &path)));
    Some(Runtime {
        max_seconds: max_seconds?,
        memory_mb,
        cpu_cores,
        load_seconds: load_seconds?,
        spare: spare?,
        writable,
    })
}

fn validation(reader: &mut Reader<'_>) -> Option<Validation> {
    let warn_below = reader.read("validation.warn_below", value::decimal);
    let warn_above = reader.read("validation.warn_above", value::decimal);
    let reject_below = reader.read("validation.reject_below", value::decimal);
    let reject_above = reader.read("validation.reject_above", value::decimal);
    let reject_zero = reader.read_or_default("validation.reject_zero", value::boolean);
    let max_repeats = reader.read("validation.max_repeats", value::positive);
    let reject_repeats = reader.read_or_default("validation.reject_repeats", value::boolean);
    let warn_sigma = reader.read_or_default("validation.consensus.warn_sigma", value::positive_decimal);
    let reject_sigma = reader.read("validation.consensus.reject_sigma", value::positive_decimal);
    for ((low, lowest), (high, highest)) in [
        (("warn_below", &warn_below), ("warn_above", &warn_above)),
        (("reject_below", &reject_below), ("reject_above", &reject_above)),
    ] {
        if let (Some(lowest), Some(highest)) = (lowest, highest)
            && lowest > highest
        {
            let message =
                format!("`validation.{low}` is above `validation.{high}`: no prediction lies between");
            let place = reader.place(&format!("validation.{low}"));
            reader.problems.push(Problem::error(Code::BadValue, place, message, "swap the two"));
        }
    }
    if reject_repeats == Some(true) && max_repeats.is_none() {
        let place = reader.place("validation.reject_repeats");
        let message = "`validation.reject_repeats` has no effect without `validation.max_repeats`";
        let fix = "set `validation.max_repeats`";
        reader.problems.push(Problem::warning(Code::BadValue, place, message, fix));
    }
    Some(Validation {
        warn_below,
        warn_above,
        reject_below,
        reject_above,
        reject_zero: reject_zero?,
        max_repeats,
        reject_repeats: reject_repeats?,
        warn_sigma: warn_sigma?,
        reject_sigma,
    })
}

/// The bytes of `root/model.yaml`, one more than the reader takes at most.
fn read_text(root: &Path) -> Result<Vec<u8>, Problem> {
    let path = root.join(FILE_NAME);
    let problem =
        |message: String, fix: &str| Problem::error(Code::NoManifest, Place::file(FILE_NAME), message, fix);
    let unreadable = |error| problem(format!("{FILE_NAME} cannot be read: {error}"), "let this user read it");
    // Asked before it is opened: opening a pipe would wait for ever.
    let kind = std::fs::metadata(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound if root.join("model.yml").exists() => {
            problem(format!("there is no {FILE_NAME}"), "rename model.yml")
        }
        io::ErrorKind::NotFound => {
            let below = files::bundles_below(root);
            let such =
                if below.is_empty() { String::new() } else { format!(", such as {}", below.join(", ")) };
            let fix = format!("give the folder that holds {FILE_NAME}{such}");
            problem(format!("there is no {FILE_NAME}"), &fix)
        }
        _ => unreadable(error),
    })?;
    if !kind.is_file() {
        let fix = format!("give the folder that holds {FILE_NAME}, a plain file");
        return Err(problem(format!("{FILE_NAME} is not a file"), &fix));
    }
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut text))
        .map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
