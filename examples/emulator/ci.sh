#!/bin/sh
# Tests a module against an emulated cluster: apply, empty plan, a lost response, drift, the failure of a node.
# Needs pve-emulator in PATH, and the provider installed for `init`. PVE is the release to emulate, CLI the program.
set -eu
cli=${CLI:-terraform}
dir=$(mktemp -d)

pve-emulator --pve "${PVE:-9}" --seed seed.json > "$dir/cluster.json" 2> "$dir/emulator.log" &
emulator=$!
trap 'kill $emulator; rm -rf "$dir"' EXIT
while ! grep -q endpoint "$dir/cluster.json"; do kill -0 $emulator; done # until it answers

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$dir/cluster.json"; }
PROXMOX_VE_ENDPOINT=$(field endpoint)
PROXMOX_VE_API_TOKEN=$(field api_token)
PROXMOX_VE_CA_CERTIFICATE=$(field ca_certificate_file)
PVE_EMULATOR_ENDPOINT=$PROXMOX_VE_ENDPOINT
TF_DATA_DIR=$dir/data TF_IN_AUTOMATION=1 TF_INPUT=0
export PROXMOX_VE_ENDPOINT PROXMOX_VE_API_TOKEN PROXMOX_VE_CA_CERTIFICATE PVE_EMULATOR_ENDPOINT
export TF_DATA_DIR TF_IN_AUTOMATION TF_INPUT
run() { command=$1; shift; "$cli" "$command" -state="$dir/tfstate" "$@"; }
ctl() { pve-emulator ctl "$@" > "$dir/ctl.json"; }
planned() { # exit code 0: no changes, 2: changes
  code=0
  run plan -detailed-exitcode > "$dir/plan.txt" || code=$?
  test $code -eq "$1" || { cat "$dir/plan.txt"; exit 1; }
}

"$cli" init > "$dir/init.txt" || { cat "$dir/init.txt"; exit 1; }

echo "# apply, while the response of the first create is lost"
ctl fault --method POST --path /cluster/ha/resources reset-after
run apply -auto-approve > "$dir/apply.txt" || { cat "$dir/apply.txt"; exit 1; }
planned 0

echo "# drift: the configuration is restored"
ctl edit PUT /cluster/ha/resources/vm:100 max_relocate=5
planned 2
run apply -auto-approve > "$dir/apply.txt"
planned 0

echo "# pve1 fails: the guest is where it was predicted"
ctl advance 60
ctl fail pve1
ctl advance 240
run apply -refresh-only -auto-approve > "$dir/apply.txt"
where=$("$cli" output -state="$dir/tfstate" -json where)
predicted=$(echo 'jsonencode({ for sid, node in module.web.after_failure.pve1 : sid => node })' | run console | sed 's/^"//; s/"$//; s/\\//g')
test "$where" = "$predicted" || { echo "$where, but predicted: $predicted"; exit 1; }
echo "$where"
