//! The promises, and the tests that prove them.

/// A promise of the guide on reliability.
#[derive(Debug)]
pub struct Promise {
    pub promise: &'static str,
    /// How it is put to the proof, and the figure that the tests demand.
    pub proof: &'static str,
    pub tests: &'static [Test],
}

/// A test by its target and its name there.
#[derive(Debug, PartialEq, Eq)]
pub struct Test(pub Target, pub &'static str);

/// Where tests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The real CLI against the emulator.
    Acceptance,
    /// SSH against servers that are emulated.
    Ssh,
    /// Inside the provider's library.
    Library,
    /// The provider's messages.
    Protocol,
}

impl Target {
    /// The arguments of `cargo test`.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Acceptance => &["-p", "acceptance-tests", "--test", "acceptance"],
            Self::Ssh => &["-p", "acceptance-tests", "--test", "ssh"],
            Self::Library => &["-p", "terraform-provider-pve", "--lib"],
            Self::Protocol => &["-p", "terraform-provider-pve", "--test", "protocol"],
        }
    }
}

const fn cli(name: &'static str) -> Test {
    Test(Target::Acceptance, name)
}

const fn ssh(name: &'static str) -> Test {
    Test(Target::Ssh, name)
}

const fn library(name: &'static str) -> Test {
    Test(Target::Library, name)
}

const LIVES: &[Test] = &[
    cli("backup_job::a_life_on_pve_9"),
    cli("cluster::lives::two_nodes_join_over_ssh_in_one_apply_on_pve_9"),
    cli("cluster::lives::a_node_joins_by_the_api_and_leaves_no_password"),
    cli("corosync_options::a_life_on_pve_9"),
    cli("datacenter_options::a_life_on_pve_9"),
    cli("ha_group::a_life_on_pve_8"),
    cli("ha_node_affinity_rule::a_life"),
    cli("ha_resource::a_life_on_pve_9"),
    cli("ha_resource_affinity_rule::a_life"),
    cli("notification_lives::matcher"),
    cli("notification_lives::webhook"),
    cli("replication_job::a_life_on_pve_9"),
];

/// All of them, in the order of their numbers.
pub const PROMISES: [Promise; 20] = [
    Promise {
        promise: "No object is lost or created twice.",
        proof: "Each write of each resource meets each fault: the proxy's 595 and 596, a reset before and after execution, a \
                timeout, a dead read-back, a lock timeout, no quorum, 401. The next apply converges.",
        tests: &[
            cli("nothing_is_lost::whatever_happens_to_any_write_of_any_resource"),
            cli("replacements::no_replacement_loses_an_object"),
        ],
    },
    Promise {
        promise: "A killed provider leaves nothing that the next apply does not heal or name.",
        proof: "`kill -9` at random instants of an apply of 20 resources: 10 kills in the suite, 100 with `--full`.",
        tests: &[cli("kills::the_next_apply_heals_or_names_what_was_made")],
    },
    Promise {
        promise: "An interrupt ends a hanging read within 1 s, and a write within 10 s.",
        proof: "Ctrl-C during a read, during a write and at random instants: 10 in the suite, 50 with `--full`. The written object is in \
                the state.",
        tests: &[
            cli("interrupts::a_read_that_hangs_is_given_up_at_once"),
            cli("interrupts::a_write_in_flight_is_settled_and_in_the_state"),
            cli("interrupts::whenever_it_comes_nothing_is_lost"),
        ],
    },
    Promise {
        promise: "The plan after an apply is empty.",
        proof: "Each step of the life of each resource type is followed by a plan. A plan that is not empty fails the test.",
        tests: LIVES,
    },
    Promise {
        promise: "An import equals a create.",
        proof: "Each life imports its objects with no ignored attribute. A whole cluster becomes configuration that plans empty.",
        tests: &[
            cli("import_config::a_pve_9_cluster_becomes_configuration_that_plans_empty"),
            cli("import_config::a_pve_8_cluster_becomes_configuration_that_plans_empty"),
            cli("cluster::lives::the_examples_can_be_applied_and_imported"),
            cli("ha_resource::a_life_on_pve_9"),
        ],
    },
    Promise {
        promise: "The plan names each drift, and nothing else.",
        proof: "Each life changes each attribute outside of Terraform, and removes the object: the plan names exactly that.",
        tests: LIVES,
    },
    Promise {
        promise: "What Proxmox VE cannot update is replaced.",
        proof: "Each life changes each attribute that forces a replacement.",
        tests: &[
            cli("ha_resource::a_life_on_pve_9"),
            cli("replication_job::a_life_on_pve_9"),
            cli("replacements::no_replacement_loses_an_object"),
        ],
    },
    Promise {
        promise: "Invalid input is refused before anything is sent.",
        proof: "Each documented constraint is violated: the plan fails on the attribute, and the emulator counts 0 writes.",
        tests: &[
            cli("constraints::each_is_an_error_of_the_plan_on_its_attribute"),
            cli("constraints::conflicts_with_the_cluster_are_reported_before_any_write"),
        ],
    },
    Promise {
        promise: "A resource of several steps continues where it failed.",
        proof: "Each step of fence devices, QDevice, node maintenance and watchdogs fails once; each step of a create, a join and a \
                removal of a cluster's node is interrupted, killed or loses its answer. The next apply does the rest, or names the \
                remedy.",
        tests: &[
            cli("broken_steps::whatever_happens_to_any_step"),
            cli("cluster::interrupted::a_create_is_completed"),
            cli("cluster::interrupted::a_join_by_the_api_is_completed_or_the_remedy_is_named"),
            cli("cluster::interrupted::a_join_over_ssh_is_completed_or_the_remedy_is_named"),
            cli("cluster::interrupted::a_removal_is_completed"),
        ],
    },
    Promise {
        promise: "Hostile input crashes no decoder.",
        proof: "10,000 damaged inputs for each decoder in the suite, from the corpora of the fuzz targets. Depth of 100,000 and \
                lengths of 2³² are refused.",
        tests: &[
            library("fuzz::tests::damaged_corpora_make_no_decoder_panic"),
            library("protocol::msgpack::tests::claimed_lengths_are_refused_before_anything_is_allocated"),
            library("protocol::msgpack::tests::depth_is_refused"),
            library("protocol::msgpack::tests::fuzzed_msgpack_never_panics_and_means_something_or_nothing"),
            library("protocol::msgpack::tests::fuzzed_json_never_panics_and_means_something_or_nothing"),
            library("client::answer::tests::depth_is_refused_not_followed"),
        ],
    },
    Promise {
        promise: "A bug in one call does not end the run.",
        proof: "A panic in a call becomes one diagnostic, and other calls are answered.",
        tests: &[Test(Target::Protocol, "objects::one_crash_among_many_calls_is_one_diagnostic")],
    },
    Promise {
        promise: "Parallel creates do not compete for the lock.",
        proof: "100 HA resources with `-parallelism=50`: 1 write in flight for each lock, no lock timeout, one list for ten creates.",
        tests: &[
            cli("parallel::a_hundred_resources_at_once_never_fight_for_the_lock"),
            library("client::tests::read_back::a_thousand_creates_are_read_back_by_a_hundred_lists"),
        ],
    },
    Promise {
        promise: "Concurrent edits are not overwritten.",
        proof: "20 edits between plan and apply are 20 errors. An edit between read and write is found by its digest.",
        tests: &[
            cli("parallel::a_hundred_resources_at_once_never_fight_for_the_lock"),
            cli("nothing_is_lost::what_another_client_writes_in_between_is_never_overwritten"),
        ],
    },
    Promise {
        promise: "A lost quorum is one clear error.",
        proof: "Without quorum the plan works, and the apply ends with one diagnostic that has the votes. Nothing is changed.",
        tests: &[cli("quorum::a_plan_works_and_an_apply_reports_it")],
    },
    Promise {
        promise: "Secrets never leak.",
        proof: "Traces, plans and errors of runs with marked secrets are searched for the marks: 0 found.",
        tests: &[
            cli("fence_device_write_only::a_write_only_secret_is_nowhere_but_in_the_file"),
            cli("fence_device_write_only::a_broken_update_brings_no_secret_into_the_state"),
            library("client::tests::secrets::secrets_stay_secret"),
        ],
    },
    Promise {
        promise: "TLS is verified.",
        proof: "Wrong host, expired certificate, unknown issuer and wrong fingerprint are refused: 4 of 4. `insecure` warns.",
        tests: &[
            cli("tls::wrong_host_expired_unknown_issuer_and_wrong_pin_are_refused"),
            cli("tls::whoever_checks_nothing_is_warned"),
        ],
    },
    Promise {
        promise: "The SSH host is the right one.",
        proof: "Unknown, changed and revoked keys are refused; `known_hosts` is never written. Files are edited under the lock.",
        tests: &[
            ssh("host_keys::an_unknown_key_is_refused_with_the_line_that_trusts_it"),
            ssh("host_keys::a_changed_key_is_refused"),
            ssh("host_keys::a_revoked_key_is_refused"),
            ssh("host_keys::a_file_of_known_hosts_with_hashed_names_is_read_and_never_written"),
            ssh("edits::written_under_the_lock_beside_and_renamed"),
        ],
    },
    Promise {
        promise: "The documented privileges suffice, and each is needed.",
        proof: "Each resource and action runs with exactly its privileges, and fails with a clear error without any one of them.",
        tests: &[
            cli("privileges::resources_on_pve_9"),
            cli("privileges::resources_on_pve_8"),
            cli("privileges::actions_on_pve_9"),
        ],
    },
    Promise {
        promise: "The supply chain is checked.",
        proof: "`cargo deny` checks bans, licenses and sources with each CI run; `unsafe` is forbidden in all crates.",
        tests: &[],
    },
    Promise {
        promise: "The suite does not flake.",
        proof: "`cargo xtask promises --repeat 20`: no failure, no rerun.",
        tests: &[],
    },
];
