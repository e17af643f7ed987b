//! Objects of Kubernetes, from the bundle's image.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Host;

use super::container;
use super::deployment::{Deployment, Endpoint, RenderError, WORKER_MIB};
use super::file::File;
use super::template::fill;
use crate::bundle;

const OBJECTS: &str = include_str!("templates/kubernetes.yaml");

/// Most letters of a DNS label, and of a label's value. Names of our objects have an ending.
const LONGEST_LABEL: usize = 63;
/// Letters of the longest ending of a name.
const ENDING: usize = "-settings".len();
/// Seconds between two startup probes, as the template has it.
const STARTUP_PERIOD: u64 = 5;
/// Seconds that a start takes beside the model's load.
const STARTUP_RESERVE: u64 = 60;

/// All addresses of IPv4 and IPv6, and which of them are not of the internet: private (RFC 1918, RFC 4193), shared by a
/// provider (RFC 6598) and link-local, where clouds have their metadata.
const ANYWHERE: [(&str, &[&str]); 2] = [
    ("0.0.0.0/0", &["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]),
    ("::/0", &["fc00::/7", "fe80::/10"]),
];

/// Private addresses, behind which services of the cluster and hosts of a private network are. Those that are link-local
/// are not among them: what clouds have there gives credentials away.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// The objects of a worker. Of this machine they hold nothing but the bundle's checksum.
///
/// # Errors
/// [`RenderError::Unreadable`].
pub fn render(deployment: &Deployment) -> Result<File, RenderError> {
    let checksum = bundle::checksum(deployment.bundle.as_ref())
        .map_err(|(path, source)| RenderError::Unreadable { path, source })?;
    let name = dns_label(&deployment.service());
    let selector = json!({"app.kubernetes.io/name": "bootstrap", "app.kubernetes.io/instance": name});
    let metrics = metrics_port(deployment);
    let empty = container::empty_at_start(deployment);
    let start = deployment.load_limit.as_secs() + STARTUP_RESERVE;
    let text = fill(
        OBJECTS,
        &[
            ("marker", &deployment.marker()),
            ("program", container::PROGRAM),
            ("user", &container::USER.to_string()),
            ("name", &name),
            ("labels", &labels(deployment, &selector).to_string()),
            ("selector", &selector.to_string()),
            ("secret", &secret(deployment, &name)),
            ("checksum", &checksum),
            ("image", &json!(deployment.image()).to_string()),
            ("environment", &environment(deployment)),
            ("resources", &resources(deployment).to_string()),
            ("startup_tries", &start.div_ceil(STARTUP_PERIOD).to_string()),
            ("progress", &(start * 2).to_string()),
            (
                "ports",
                &metrics.map_or(String::new(), |port| {
                    format!("ports: [{{name: metrics, containerPort: {port}}}]")
                }),
            ),
            ("ingress", &ingress(metrics)),
            ("egress", &egress(&deployment.endpoints)),
            ("mounts", &mounts(deployment, &empty)),
            ("volumes", &volumes(deployment, &name, &empty)),
        ],
    );
    Ok(File { name: "kubernetes.yaml".to_owned(), text })
}

/// A name as DNS takes it. One that has to be changed for that gets an ending of its own, so that no two become one.
fn dns_label(name: &str) -> String {
    let most = LONGEST_LABEL - ENDING;
    let good = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = name.chars().map(good).collect();
    if label == name && label.len() <= most && !label.ends_with('-') {
        return label;
    }
    let hash = hex::encode(&Sha256::digest(name)[..4]);
    let label: String = label.chars().take(most - hash.len() - 1).collect();
    format!("{}-{hash}", label.trim_end_matches('-'))
}

/// What people and tools know the objects by.
fn labels(deployment: &Deployment, selector: &Value) -> Value {
    let mut labels = selector.clone();
    // A value of a label begins and ends with a letter or digit.
    let version: String = deployment.version.chars().take(LONGEST_LABEL).collect();
    labels["app.kubernetes.io/version"] = json!(version.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    labels["app.kubernetes.io/component"] = json!("worker");
    labels["app.kubernetes.io/managed-by"] = json!("bootstrap");
    labels
}

/// How the object with the key is made.
fn secret(deployment: &Deployment, name: &str) -> String {
    let command = |key| {
        format!(
            "# The key is not in here. FILE holds the {key}:\n#   kubectl create secret generic {name}-key --from-file={}=FILE",
            container::KEY
        )
    };
    let kind = |variable| if variable == "ALLORA_MNEMONIC_FILE" { "mnemonic" } else { "private key" };
    deployment.key.as_ref().map(|key| command(kind(key.variable))).unwrap_or_default()
}

/// The list of variables. Kubernetes takes a `$` as the beginning of one of its own unless it is doubled.
fn environment(deployment: &Deployment) -> String {
    let mut variables = container::variables(deployment);
    for (name, value) in &mut variables {
        if *name == "ALLORA_METRICS_ADDR" {
            *value = reachable(value);
        }
    }
    let line = |(name, value): &(_, String)| {
        format!("            - {{name: {name}, value: {}}}", json!(value.replace('$', "$$")))
    };
    if variables.is_empty() {
        return String::new();
    }
    format!("env:\n{}", variables.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// An address to listen on: nobody but the worker itself could reach the loopback of its pod.
fn reachable(address: &str) -> String {
    match address.rsplit_once(':') {
        Some(("127.0.0.1" | "localhost" | "[::1]", port)) => format!("0.0.0.0:{port}"),
        _ => address.to_owned(),
    }
}

/// The port of the metrics, where they are served at one that is known.
fn metrics_port(deployment: &Deployment) -> Option<u16> {
    let (_, port) = deployment.setting("ALLORA_METRICS_ADDR")?.rsplit_once(':')?;
    port.parse().ok().filter(|port| *port != 0)
}

/// What is asked for, and what is allowed: what `model.yaml` says, and otherwise what the worker needs for itself.
fn resources(deployment: &Deployment) -> Value {
    let memory = deployment.memory_mib.map(|mib| format!("{mib}Mi"));
    let cores = deployment.cpu_cores.map(|cores| format!("{}m", (cores * 1000.0).ceil()));
    let mut resources = json!({"requests": {
        "cpu": cores.as_deref().unwrap_or("50m"),
        "memory": memory.clone().unwrap_or_else(|| format!("{WORKER_MIB}Mi")),
    }});
    for (resource, limit) in [("cpu", cores), ("memory", memory)] {
        if let Some(limit) = limit {
            resources["limits"][resource] = json!(limit);
        }
    }
    resources
}

/// Who may connect to the pod.
fn ingress(metrics: Option<u16>) -> String {
    match metrics {
        Some(port) => format!("ingress:\n    - ports: [{}]", tcp(port)),
        None => "ingress: []".to_owned(),
    }
}

/// Where the pod may connect to beside DNS.
fn egress(endpoints: &[Endpoint]) -> String {
    let mut rules = Vec::new();
    for Endpoint { host, port } in endpoints {
        let to = match host {
            Host::Ipv4(address) => json!([{"ipBlock": {"cidr": format!("{address}/32")}}]),
            Host::Ipv6(address) => json!([{"ipBlock": {"cidr": format!("{address}/128")}}]),
            // Its pods may have addresses of any range.
            Host::Domain(name) if is_inside(name) => std::iter::once(json!({"namespaceSelector": {}}))
                .chain(PRIVATE.map(|cidr| json!({"ipBlock": {"cidr": cidr}})))
                .collect(),
            Host::Domain(_) => ANYWHERE
                .into_iter()
                .map(|(cidr, except)| json!({"ipBlock": {"cidr": cidr, "except": except}}))
                .collect(),
        };
        let rule = format!("    - {{to: {to}, ports: [{}]}}", tcp(*port));
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules.join("\n")
}

/// Does the name stand for a service of the cluster, or a host of the network around it? The internet has no such names.
fn is_inside(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    !name.contains('.') || name.ends_with(".svc") || name.ends_with(".local")
}

fn tcp(port: u16) -> String {
    format!("{{protocol: TCP, port: {port}}}")
}

/// The name of a volume that is empty at each start.
fn empty_volume(index: usize) -> String {
    format!("empty-{index}")
}

fn mounts(deployment: &Deployment, empty: &[String]) -> String {
    let mount =
        |name: &str, path: &str| format!("            - {{name: {name}, mountPath: {}}}", json!(path));
    let key = deployment
        .key
        .iter()
        .map(|_| format!("            - {{name: key, mountPath: {}, readOnly: true}}", container::KEYS));
    let empty = empty.iter().enumerate().map(|(index, path)| mount(&empty_volume(index), path));
    let files = container::folders(deployment).enumerate();
    let files = files.map(|(index, folder)| mount(&format!("files-{index}"), folder.inside));
    let state = mount("state", container::STATE);
    [state].into_iter().chain(key).chain(empty).chain(files).collect::<Vec<_>>().join("\n")
}

fn volumes(deployment: &Deployment, name: &str, empty: &[String]) -> String {
    let key = deployment.key.iter().map(|_| {
        // Readable for the pod's group, which is the worker's alone. The worker takes no offence at this mode.
        format!("        - {{name: key, secret: {{secretName: {name}-key, defaultMode: 0440}}}}")
    });
    let empty = (0..empty.len()).map(empty_volume);
    let files = (0..container::folders(deployment).count()).map(|index| format!("files-{index}"));
    let volume = |name: String| {
        format!("        - {{name: {name}, emptyDir: {{sizeLimit: {}Gi}}}}", container::EMPTY_GIB)
    };
    let state = format!("        - {{name: state, persistentVolumeClaim: {{claimName: {name}-state}}}}");
    [state].into_iter().chain(key).chain(empty.chain(files).map(volume)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_dns_label_and_no_two_are_one() {
        let long = "x".repeat(200);
        let names = ["bootstrap-a", "bootstrap-a_b", "bootstrap-a.b", "bootstrap-A", "bootstrap-a-", &long];
        let labels: Vec<_> = names.iter().map(|name| dns_label(name)).collect();
        for label in &labels {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(label.len() + ENDING <= LONGEST_LABEL && label.chars().all(good), "{label}");
            assert!(!label.starts_with('-') && !label.ends_with('-'), "{label}");
        }
        assert_eq!(labels[0], "bootstrap-a");
        let distinct: std::collections::BTreeSet<_> = labels.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
