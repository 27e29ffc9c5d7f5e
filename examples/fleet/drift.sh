#!/bin/sh
# Plans each cluster, without changing it. The token of each is in secrets/CLUSTER.readonly.
# Exit status: 0 if no cluster differs, 2 if one does, 1 if one could not be planned.
worst=0
for file in clusters/*.tfvars; do
  cluster=$(basename "$file" .tfvars)
  code=0
  TF_WORKSPACE=$cluster PROXMOX_VE_API_TOKEN=$(cat "secrets/$cluster.readonly") "${CLI:-terraform}" \
    plan -detailed-exitcode -input=false -lock=false -var-file="$file" > "$cluster.txt" 2>&1 || code=$?
  echo "$cluster: $code"
  case $code in
    1) worst=1 ;;
    2) test $worst -eq 1 || worst=2 ;;
  esac
done
exit $worst
