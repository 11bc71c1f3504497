//! Presets that are part of Renovate, as far as they say what may move.
//!
//! Source: Renovate's documentation, "Default presets", "Docker presets", "Group presets", "Full config presets".

/// What a preset comes to.
pub(super) enum Preset {
    /// Configuration, as JSON5.
    Is(&'static str),
    /// Nothing that would change a plan.
    Nothing,
    /// Nothing that is known here.
    Unknown,
}

/// What [`Preset::Is`] of `config:recommended` leaves out.
const IGNORED: &str = "{ignorePaths: ['**/node_modules/**', '**/bower_components/**', '**/vendor/**', \
    '**/examples/**', '**/__tests__/**', '**/test/**', '**/tests/**', '**/__fixtures__/**']}";

/// The preset of a name.
pub(super) fn preset(name: &str) -> Preset {
    let name = name.strip_prefix("default:").map_or(name.to_owned(), |rest| format!(":{rest}"));
    Preset::Is(match name.as_str() {
        "config:recommended" | "config:base" | ":ignoreModulesAndTests" => IGNORED,
        "config:best-practices" => "{extends: ['config:recommended', 'docker:pinDigests']}",
        ":semanticCommits" => "{semanticCommits: 'enabled'}",
        ":semanticCommitsDisabled" => "{semanticCommits: 'disabled'}",
        ":semanticCommitScopeDisabled" => "{semanticCommitScope: null}",
        ":semanticPrefixFix" => "{semanticCommitType: 'fix'}",
        // The `fix` of the last is for managers that know what runs in production.
        ":semanticPrefixChore" | ":semanticPrefixFixDepsChoreOthers" => "{semanticCommitType: 'chore'}",
        ":disableRenovate" => "{enabled: false}",
        "schedule:daily" => "{schedule: ['* 0-3 * * *']}",
        "schedule:weekly" | "schedule:earlyMondays" => "{schedule: ['* 0-3 * * 1']}",
        "schedule:monthly" => "{schedule: ['* 0-3 1 * *']}",
        "schedule:weekends" => "{schedule: ['* * * * 0,6']}",
        "schedule:nonOfficeHours" => "{schedule: ['* 0-4,22-23 * * 1-5', '* * * * 0,6']}",
        ":disableMajorUpdates" => "{major: {enabled: false}}",
        ":disableDigestUpdates" => "{digest: {enabled: false}}",
        "docker:pinDigests" => "{packageRules: [{matchDatasources: ['docker'], pinDigests: true}]}",
        "docker:disableMajor" => {
            "{packageRules: [{matchDatasources: ['docker'], matchUpdateTypes: ['major'], enabled: false}]}"
        }
        "docker:enableMajor" => {
            "{packageRules: [{matchDatasources: ['docker'], matchUpdateTypes: ['major'], enabled: true}]}"
        }
        "group:all" => "{groupName: 'all dependencies'}",
        "group:allNonMajor" => {
            "{packageRules: [{matchPackageNames: ['*'], matchUpdateTypes: ['minor', 'patch'], \
             groupName: 'all non-major dependencies'}]}"
        }
        ":dependencyDashboard"
        | ":disableDependencyDashboard"
        | ":dependencyDashboardApproval"
        | ":configMigration"
        | ":pinDevDependencies"
        | ":enablePreCommit"
        | ":separateMajorReleases"
        | ":combinePatchMinorReleases"
        | ":enableRenovate"
        | "security:minimumReleaseAgeNpm"
        | "abandonments:recommended" => return Preset::Nothing,
        // What is about other ecosystems.
        name if [":maintainLockFiles", "mergeConfidence:", "npm:", "workarounds:", "customManagers:"]
            .iter()
            .any(|start| name.starts_with(start)) =>
        {
            return Preset::Nothing;
        }
        _ => return Preset::Unknown,
    })
}
