//! A made-up release: the files have the shape of a real one and a fraction of its size.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use flux_upgrade_core::flux::{Component, Options, Release, render};

/// What differs between the two releases that are made up.
struct Spec {
    version: &'static str,
    tag: &'static str,
    /// Versions of the kind of each component: name, served, stored.
    kinds: &'static [(&'static str, bool, bool)],
    memory: &'static str,
    /// An argument that only this release has.
    extra: Option<&'static str>,
    port: bool,
}

const OLD: Spec = Spec {
    version: "v2.8.1",
    tag: "v1.4.0",
    kinds: &[("v1", true, true), ("v1beta2", true, false)],
    memory: "1Gi",
    extra: None,
    port: false,
};

const NEW: Spec = Spec {
    version: "v2.9.0",
    tag: "v1.5.0",
    kinds: &[("v1", true, true)],
    memory: "1Gi",
    extra: Some("--graceful"),
    port: true,
};

/// The older release.
pub(crate) fn old() -> Release {
    of(&OLD)
}

/// The newer release: other images, a version of a kind less, an argument and a port more.
pub(crate) fn new() -> Release {
    of(&NEW)
}

fn of(spec: &Spec) -> Release {
    Release::read(spec.version, &archive(&files_of(spec))).expect("a release")
}

/// The files of the older release.
pub(crate) fn files() -> Vec<(String, String)> {
    files_of(&OLD)
}

/// The files of the newer release.
pub(crate) fn new_files() -> Vec<(String, String)> {
    files_of(&NEW)
}

/// The older release with these options.
pub(crate) fn rendered(flags: &[(&str, &str)]) -> String {
    render(&old(), &options(flags)).expect("a text")
}

/// The newer release with these options.
pub(crate) fn rendered_new(flags: &[(&str, &str)]) -> String {
    render(&new(), &options(flags)).expect("a text")
}

pub(crate) fn options(flags: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (flag, value) in flags {
        options.set(flag, value).expect("an option");
    }
    options
}

/// Files as `manifests.tar.gz`.
pub(crate) fn archive(files: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        // Written by hand, since the library refuses the names that the tests are about.
        header.as_gnu_mut().expect("a header").name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, text.as_bytes()).expect("an entry");
    }
    gzipped(&tar.into_inner().expect("a tar"))
}

pub(crate) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

fn files_of(spec: &Spec) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> =
        Component::ALL.iter().map(|one| (format!("{one}.yaml"), component(*one, spec))).collect();
    files.push(("rbac.yaml".to_owned(), RBAC.to_owned()));
    let port = if spec.port { "    ports:\n    - port: 9292\n      protocol: TCP\n" } else { "" };
    files.push((
        "policies.yaml".to_owned(),
        format!("{POLICY}{port}  podSelector: {{}}\n  policyTypes:\n  - Ingress\n"),
    ));
    files
}

const POLICY: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-webhooks
spec:
  ingress:
  - from:
    - namespaceSelector: {}
";

const RBAC: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: crd-controller
rules:
- apiGroups:
  - source.toolkit.fluxcd.io
  resources:
  - '*'
  verbs:
  - get
  - list
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  labels:
    app: flux
  name: cluster-reconciler
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cluster-admin
subjects:
- kind: ServiceAccount
  name: kustomize-controller
  namespace: flux-system
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: crd-controller
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: crd-controller
subjects:
- kind: ServiceAccount
  name: source-controller
  namespace: flux-system
";

fn component(component: Component, spec: &Spec) -> String {
    let served = |(name, served, stored): &(&str, bool, bool)| {
        format!("  - name: {name}\n    served: {served}\n    storage: {stored}\n")
    };
    let versions: String = spec.kinds.iter().map(served).collect();
    let events = "        - --events-addr=http://notification-controller.flux-system.svc.cluster.local./\n";
    let events = if component == Component::NotificationController { "" } else { events };
    let storage = match component {
        Component::SourceController | Component::SourceWatcher => {
            format!(
                "        - --storage-path=/data\n        - --storage-adv-addr={component}.x.svc.cluster.local.\n"
            )
        }
        _ => String::new(),
    };
    let extra = spec.extra.map(|text| format!("        - {text}\n")).unwrap_or_default();
    let (tag, memory) = (spec.tag, spec.memory);
    format!(
        "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  labels:
    app.kubernetes.io/component: {component}
  name: things.{component}.toolkit.fluxcd.io
spec:
  group: {component}.toolkit.fluxcd.io
  names:
    kind: Thing
  versions:
{versions}---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {component}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    app.kubernetes.io/component: {component}
    control-plane: controller
  name: {component}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: {component}
  template:
    metadata:
      labels:
        app: {component}
    spec:
      containers:
      - args:
{events}        - --watch-all-namespaces
        - --log-level=info
        - --log-encoding=json
        - --enable-leader-election
{storage}{extra}        env:
        - name: RUNTIME_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        image: fluxcd/{component}:{tag}
        name: manager
        resources:
          limits:
            cpu: 1000m
            memory: {memory}
        volumeMounts:
        - mountPath: /tmp
          name: temp
      serviceAccountName: {component}
      volumes:
      - emptyDir: {{}}
        name: temp
"
    )
}
