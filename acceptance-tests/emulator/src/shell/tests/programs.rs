//! How Proxmox's own programs take their arguments.

use super::*;

#[test]
fn commands_may_be_abbreviated_but_not_left_open() {
    let rig = rig(3);
    assert_eq!(rig.out("ha-manager stat"), rig.out("ha-manager status"));
    assert_eq!(
        rig.fails("pvecm qdevice").1,
        "ERROR: incomplete command 'pvecm qdevice'\nUSAGE: pvecm <COMMAND> [ARGS] [OPTIONS]\n\n       \
         pvecm qdevice remove \n       pvecm qdevice setup <address> [OPTIONS]\n"
    );
    assert!(rig.fails("pvecm").1.starts_with("ERROR: no command specified\nUSAGE: pvecm "));
    let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100 --bogus 1");
    assert_eq!(error, "Unknown option: bogus\n400 unable to parse option\npvecm qdevice setup <address> [OPTIONS]\n");
    let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100 --force maybe");
    assert_eq!(error, "400 unable to parse boolean option\npvecm qdevice setup <address> [OPTIONS]\n");
    assert_eq!(rig.run_as("terraform", "pvecm status", "").stderr, "please run as root\n");
}

#[test]
fn commands_of_their_own_check_their_arguments_as_the_api_does() {
    let rig = rig(3);
    let usage = "pvesr enable <id>\n";
    let text = "400 Parameter verification failed.\nid: invalid format - invalid replication job id 'bogus'\n\n";
    assert_eq!(rig.fails("pvesr enable bogus").1, format!("{text}{usage}"));
    assert!(rig.fails("pvesr run --id bogus").1.starts_with(text));
    let text =
        "400 Parameter verification failed.\nsid: invalid format - value does not look like a valid ha resource id";
    assert!(rig.fails("ha-manager crm-command stop bogus 0").1.starts_with(text));
    let missing = "unable to detect SID from VMID - VM/CT 777 does not exist\n";
    assert_eq!(rig.fails("ha-manager crm-command stop 777 0").1, missing);
}

#[test]
fn a_bare_number_is_a_guest_for_every_command() {
    let seed = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1_795_395_964.0));
    let rig = Rig { cluster: Cluster::new(seed), commands: Commands::default() };
    rig.out("ha-manager add 101 --state started");
    rig.out("ha-manager crm-command stop 101 0");
    assert_eq!(rig.out("cat /etc/pve/ha/crm_commands"), "stop vm:101 0\n");
}

#[test]
fn expected_votes_are_taken_only_if_they_can_be_had() {
    let rig = rig(3);
    rig.world(|world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
    });
    assert!(!rig.world(|world| world.is_quorate()));
    rig.out("pvecm expected 1");
    assert!(rig.world(|world| world.is_quorate()));
    rig.world(|world| world.power("pve2", true));
    assert_eq!(rig.world(|world| (world.expected_votes(), world.votes())), (2, (2, 2)));
    assert_eq!(rig.fails("pvecm expected 5"), (1, "Unable to set expected votes: CS_ERR_INVALID_PARAM\n".into()));
}
