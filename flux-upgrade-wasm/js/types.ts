// What goes in and what comes out. A missing value is an absent key, never `null`; lines and columns count from 1,
// columns in code points. What a plan says beyond these types is passed on as it is.

/**
 * Files by their path inside the repository: relative, with `/` between its parts. Bytes are read as UTF-8; where they are none, the
 * plan has the finding `yaml.not-utf8`.
 */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** How far a change moves. */
export type Level = "digest" | "patch" | "minor" | "major";

// The host's own `fetch` and `AbortSignal`, without a need for its type library.
type Host<Name extends string, Else> = typeof globalThis extends Record<Name, infer Value> ? Value : Else;
type AnyFetch = (url: string, init?: any) => Promise<any>;
type HostFetch = Extract<Host<"fetch", AnyFetch>, (...parameters: never[]) => unknown>;
type HostSignal = Host<"AbortSignal", { prototype: any }> extends { prototype: infer Signal } ? Signal : never;

/** What sends a request: the `fetch` of browsers and Node, or a function of its shape. */
export type Fetch = (url: string, init: NonNullable<Parameters<HostFetch>[1]>) => ReturnType<HostFetch>;

/** A login of a source. */
export type Credential = { readonly username: string; readonly password: string } | { readonly token: string };

/** How far the questions are. */
export interface Progress {
  /** Questions so far; later rounds add to it. */
  readonly asked: number;
  readonly done: number;
  readonly failed: number;
  /** Whom the latest question goes to. */
  readonly host: string;
}

/** How sources are asked. */
export interface LiveOptions {
  /** Asks the sources with this function, such as `fetch` itself; without it nothing is asked. */
  fetch?: Fetch;
  /**
   * The address to ask in place of one, for registries that browsers may not read (CORS); what answers there must pass requests
   * and responses on with their headers.
   */
  proxy?: (url: string) => string;
  /** The login of a source that asks for one: `oci://host/path`, or the URL of a chart or git repository. */
  credentials?: (wanted: {
    readonly source: string;
    readonly url: string;
  }) => Credential | undefined | Promise<Credential | undefined>;
  /** Ends the plan; it rejects with the signal's reason. */
  signal?: HostSignal;
  onProgress?: (progress: Progress) => void;
  /** Milliseconds for one request; 60,000 if left out. */
  timeoutMs?: number;
  /** Questions that are asked at once; 16 if left out. */
  concurrency?: number;
  /** Of these, of one host; 6 if left out. */
  perHost?: number;
  /** How often a request is sent again after a failure that may pass; 2 if left out. */
  retries?: number;
  /** Hosts and networks (`registry.internal`, `10.0.0.0/8`) that are asked although they are private or of this machine. */
  allowHosts?: readonly string[];
  /** Bytes of a chart index at most; 50 MiB if left out. */
  maxIndexBytes?: number;
}

/** What is allowed and asked for; an option left out is what `.flux-upgrade.yaml` says, else the command's default. */
export interface PlanOptions extends LiveOptions {
  /** What registries offer, a parsed registry snapshot; a source that it lacks is held as unanswered. */
  snapshot?: object;
  /** The largest step. */
  allow?: "patch" | "minor" | "major" | "none";
  /** Whether pre-releases are candidates. */
  prerelease?: boolean;
  /** Whether a range stays, moves forward or is pinned to one version. */
  ranges?: "keep" | "move" | "pin";
  /** Whether a digest stays, moves with its tag, or is added where there is none. */
  digests?: "keep" | "update" | "pin";
  /** How long a version must have been published, such as `3d`. */
  minAge?: string;
  /** The date or RFC 3339 time that counts as now; nothing published later is a candidate. */
  asOf?: string;
  /** The version of Flux in the clusters, such as `2.9`. */
  fluxVersion?: string;
  /** Globs of the paths that may change. */
  only?: readonly string[];
  /** Text of a `.flux-upgrade.yaml` to use in place of the one among the files. */
  config?: string;
  /** Plan the fields with a `$imagepolicy` marker and no others: what image policies elect. */
  marked?: boolean;
  /** `false` leaves Renovate's configuration among the files alone. */
  renovate?: boolean;
}

/** The object that holds a site; its kind is in Flux's spelling. */
export interface Owner {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** A place in a file that pins or constrains a version. */
export interface Site {
  readonly id: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly owner: Owner;
  /** Dotted from the object's root. */
  readonly field: string;
  readonly [more: string]: unknown;
}

/** A site that moves, with its value before and after. */
export interface Change extends Site {
  readonly from: string;
  readonly to: string;
  readonly level?: Level;
  /** Id of its group. */
  readonly group?: string;
  /** What is newer and not allowed. */
  readonly beyond?: { readonly newest: string; readonly level: Level };
}

/** A site that stays as it is, with its value and the reason. */
export interface Held extends Site {
  readonly written: string;
  readonly reason: Reason;
}

/** Why a site stays as it is. */
export type Reason =
  | { readonly kind: "upToDate" }
  | { readonly kind: "beyondRules"; readonly newest: string; readonly level: Level; readonly rule: string }
  | { readonly kind: "noCandidate"; readonly detail: string }
  | { readonly kind: "sourceNotFound"; readonly source: string }
  | { readonly kind: "sourceUnsupported"; readonly detail: string }
  | { readonly kind: "unanswered"; readonly source: string; readonly failure: Failure }
  | { readonly kind: "currentVanished"; readonly newest?: string | null }
  | { readonly kind: "noDate"; readonly newest: string }
  | { readonly kind: "ambiguous"; readonly sources: readonly string[] }
  | { readonly kind: "disagree"; readonly wishes: readonly string[] }
  | { readonly kind: "floating"; readonly resolvesTo: string }
  | { readonly kind: "substituted"; readonly variable: string }
  | { readonly kind: "overridden" }
  | { readonly kind: "aliased" }
  | { readonly kind: "multiLine" }
  | { readonly kind: "templated" }
  | { readonly kind: "encrypted" }
  | { readonly kind: "generated" }
  | { readonly kind: "marked"; readonly policy: string }
  | { readonly kind: "requires"; readonly detail: string }
  | { readonly kind: "nextStep"; readonly after: string }
  | { readonly kind: "cannotPin"; readonly detail: string }
  | { readonly kind: "ignored"; readonly by: string };

/** Why a source has no usable answer. */
export interface Failure {
  readonly kind: string;
  readonly [more: string]: unknown;
}

/** A place in a file. */
export interface Location {
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
}

/** A finding about a file, which stops nothing. */
export interface Diagnostic {
  /** Stable and never reworded. */
  readonly code: string;
  readonly severity: "error" | "warning" | "note";
  readonly message: string;
  readonly help?: string;
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  readonly [more: string]: unknown;
}

/** A move of Flux that is safe once the steps before it run in the cluster, and what belongs to it. */
export interface Step {
  readonly from: string;
  readonly to: string;
  /** The group that has its changes; absent for a step that is held or comes later. */
  readonly group?: string;
  /** The `id` of each change of this plan that belongs to it. */
  readonly changes: readonly string[];
  /** Objects that move to other API versions; places are those of the files as the step before leaves them. */
  readonly migrations: readonly Migrated[];
  /** What to look at before it; an error holds it. */
  readonly preflight: readonly Diagnostic[];
  /** Commands to run against the cluster before it is merged. */
  readonly inCluster: readonly string[];
}

/** The steps of one place that installs Flux; the first is what the plan does. */
export interface Series extends Location {
  /** The `id` of its change, or of what is held. */
  readonly id: string;
  readonly owner: Owner;
  readonly clusters: readonly string[];
  readonly steps: readonly Step[];
}

/** A changed file. */
export interface FilePatch {
  /** Its whole new text. */
  readonly text: string;
}

/** An operation of a JSON Patch (RFC 6902). */
export type JsonPatchOperation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** JSON Patches for documents as a YAML reader loads them; each tests what it replaces or removes. */
export interface JsonPatches {
  readonly schema: string;
  readonly documents: readonly {
    readonly path: string;
    /** From 0 in its file; absent where the patch is for the list of all its documents, since some come or go. */
    readonly document?: number;
    readonly patch: readonly JsonPatchOperation[];
  }[];
  /** Files of which something changes that no loaded document shows: comments, Terraform, lists of words. */
  readonly texts?: readonly string[];
}

/** Changes that are delivered together. */
export interface Group {
  readonly id: string;
  readonly title: string;
  /** The highest of its changes. */
  readonly level: Level;
  readonly delivery: "pull-request" | "commit" | "inline";
  /** When it may be delivered, as the rules say it; absent where none does. */
  readonly schedule?: readonly string[];
  /** Ids of its changes. */
  readonly changes: readonly string[];
  /** Ids of the groups before it. */
  readonly after: readonly string[];
  /** Ids of groups that it needs and that the plan knows nothing of; absent where there is none. */
  readonly awaits?: readonly string[];
}

/** What one ImageUpdateAutomation would commit. */
export interface Commit {
  /** Of the automation, as far as the files say it. */
  readonly namespace?: string;
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** By `spec.git.commit.messageTemplate`. */
  readonly message: string;
  /** Ids of its changes. */
  readonly changes: readonly string[];
}

/** What is done with each site of some files: each is in `changes` or in `held`. */
export interface Plan {
  readonly schema: string;
  readonly changes: readonly Change[];
  readonly held: readonly Held[];
  /** What is delivered together, in order; each change is in one. */
  readonly groups: readonly Group[];
  /** For each place where Flux moves to another minor, its steps up to the newest release. */
  readonly series: readonly Series[];
  /** What image automation would commit of the changes, by automation; absent where there is nothing. */
  readonly commits?: readonly Commit[];
  readonly diagnostics: readonly Diagnostic[];
  readonly summary: Readonly<Record<string, unknown>>;
  /** The changed files by path, and no others. */
  readonly patches: Readonly<Record<string, FilePatch>>;
  /** The changes as a unified diff; empty when there are none. */
  readonly diff: string;
  /** The plan as the text of a pull request. */
  readonly markdown: string;
  /** A JSON Patch for each document that changes. */
  readonly jsonPatch: JsonPatches;
  readonly [more: string]: unknown;
}

/**
 * Plans upgrades of the files. Nothing is written, and nothing is fetched unless `fetch` is given. A source that fails holds its
 * own sites as `unanswered`; the others are planned.
 *
 * Rejects with a `FluxUpgradeError` when the request cannot be planned.
 */
export type PlanUpgrade = (files: Files, options?: PlanOptions) => Promise<Plan>;

/**
 * Asks what a plan with these options needs, and `surveyRanges`, `lockRanges` and `convertSites`, and gives it as a registry
 * snapshot: with it they all work without a network.
 */
export type TakeSnapshot = (files: Files, options: PlanOptions & { fetch: Fetch }) => Promise<object>;

/** The options of `flux install` that change what it prints; one left out has Flux's own default. */
export interface FluxOptions {
  /** Controllers, in the order of their documents. */
  components?: readonly string[];
  /** Controllers after those. */
  componentsExtra?: readonly string[];
  namespace?: string;
  /** Where the images come from. */
  registry?: string;
  imagePullSecret?: string;
  watchAllNamespaces?: boolean;
  networkPolicy?: boolean;
  logLevel?: "debug" | "info" | "error";
  clusterDomain?: string;
  /** Keys of taints that the controllers tolerate. */
  tolerationKeys?: readonly string[];
}

/**
 * Renders what `flux install --export` of a release writes, byte for byte. `archive` is the release's
 * `manifests.tar.gz`, `version` is `v2.9.4` or `2.9.4`. Rejects with a `FluxUpgradeError`.
 */
export type RenderFlux = (archive: Uint8Array, version: string, options?: FluxOptions) => Promise<string>;

/** Which release the manifests shall be ready for. */
export interface MigrateOptions {
  /** A Flux release such as `2.9` or `v2.9.4`; the newest known if left out. */
  to?: string;
  /** Move only to versions that this Flux serves as well, so that it can still apply them. */
  from?: string;
  /** The Kubernetes version of the clusters, to say whether it suffices. */
  kubernetes?: string;
}

/** An object, or a reference to one, that changes. */
export interface Migrated extends Location {
  /** Kind, namespace and name as written. */
  readonly object: string;
  /** `apiVersion` before. */
  readonly from: string;
  /** `apiVersion` after. */
  readonly to: string;
  /** What happens to its fields, in words. */
  readonly fields: readonly string[];
}

/** Manifests of Flux in the API versions of another release. */
export interface Migration {
  readonly schema: string;
  readonly to: string;
  readonly changes: readonly Migrated[];
  /** What cannot be converted. */
  readonly diagnostics: readonly Diagnostic[];
  /** What else stands in the way of the release. */
  readonly preflight: readonly Diagnostic[];
  /** The changed files by path, and no others. */
  readonly patches: Readonly<Record<string, FilePatch>>;
  /** The changes as a unified diff; empty when there are none. */
  readonly diff: string;
  readonly [more: string]: unknown;
}

/**
 * Moves manifests of Flux to the API versions of a release. Nothing is written and nothing is fetched.
 *
 * Rejects with a `FluxUpgradeError` when an option has a value that it does not take.
 */
export type MigrateManifests = (files: Files, options?: MigrateOptions) => Promise<Migration>;

/** Where the answers about ranges come from, and how ranges are read. */
export interface RangeOptions {
  /** What registries offer, a parsed registry snapshot; a source that it lacks is unanswered. */
  snapshot?: object;
  /** The version of Flux in the clusters, such as `2.9`. */
  fluxVersion?: string;
  /** The RFC 3339 time that counts as now; the snapshot's if left out. */
  now?: string;
  /** Globs of the paths that count. */
  only?: readonly string[];
  /** Text of a `.flux-upgrade.yaml` to use in place of the one among the files. */
  config?: string;
}

/** What is wrong, or worth knowing, about a range. */
export interface Flag {
  /** Stable and never reworded, such as `exact-version`. */
  readonly code: string;
  readonly message: string;
}

/** A range, floating tag or branch, and where it stands; `reason` says why where nothing can be said. */
export interface Range extends Site {
  readonly follows: "range" | "tag" | "branch" | "policy";
  readonly written: string;
  readonly resolved?: string;
  readonly digest?: string;
  readonly published?: string;
  /** What a range would resolve to without an upper bound. */
  readonly newest?: string;
  /** How often Flux looks again, as the objects write it. */
  readonly every?: string;
  readonly flags: readonly Flag[];
  readonly reason?: Reason;
}

/** Everything that floats in some files. */
export interface Survey {
  readonly schema: string;
  readonly ranges: readonly Range[];
  readonly diagnostics: readonly Diagnostic[];
  readonly [more: string]: unknown;
}

/** Says what each range and floating tag resolves to, since when, and what is wrong with it. */
export type SurveyRanges = (files: Files, options?: RangeOptions) => Promise<Survey>;

/** What an entry of a lock says. */
export interface LockEntry {
  readonly source: string;
  readonly written: string;
  readonly resolved: string;
  readonly digest?: string;
  readonly published?: string;
}

/** A difference between a lock and what is so. */
export interface Drift {
  readonly kind: "moved" | "rewritten" | "added" | "gone" | "stale" | "kept" | "unlocked";
  readonly file: string;
  readonly object: string;
  readonly field: string;
  readonly from?: LockEntry;
  readonly to?: LockEntry;
  readonly reason?: Reason;
  readonly [more: string]: unknown;
}

/** A lock brought up to date. */
export interface RangeLock {
  /** The text of the `flux-upgrade.lock`. */
  readonly text: string;
  /** Whether the lock that was given no longer says what is so; what nobody answered is no drift. */
  readonly drift: boolean;
  readonly unchanged: number;
  readonly differences: readonly Drift[];
  readonly [more: string]: unknown;
}

/** Brings the text of a `flux-upgrade.lock` up to date; `lock` is the text as it is. Rejects when that is damaged. */
export type LockRanges = (files: Files, options?: RangeOptions & { lock?: string }) => Promise<RangeLock>;

/** Plans to pin everything where a lock, given as its text, says that it stood; `today` is the text of the lock of today. */
export type RollBack = (files: Files, lock: string, options?: { today?: string; only?: readonly string[] }) => Promise<Plan>;

/** What is converted to what. */
export interface ConvertOptions extends RangeOptions {
  /** `PATH:LINE`, `Kind/namespace/name`, `Kind/name` or `all`. */
  sites: readonly string[];
  to: "pin" | "range" | "automation" | "oci";
  /** For `range` and `automation`: the text to write. */
  range?: string;
  /** For `oci`: where a chart of an HTTP repository is published as an artifact. */
  home?: string;
  /** For `oci`: remove HelmRepositories that nothing refers to after that. */
  removeOrphans?: boolean;
  /** For `automation`: the policy may elect something newer than what runs, as `flux-upgrade automate init` lets it. */
  begin?: boolean;
}

/** Plans to convert sites, where what runs stays the same. */
export type ConvertSites = (files: Files, options: ConvertOptions) => Promise<Plan>;
