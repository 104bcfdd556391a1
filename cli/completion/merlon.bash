# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2207
# Written by `merlon help --completion bash`: do not edit.
_merlon() {
    local word=${COMP_WORDS[COMP_CWORD]} noun='' verb='' words='' at
    local before=${COMP_WORDS[COMP_CWORD - 1]} options=' --output --server --cert --key --root --help --version'
    for ((at = 1; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[at]} == -* ]]; then
            break
        elif [[ -z $noun ]]; then
            noun=${COMP_WORDS[at]}
        elif [[ -z $verb ]]; then
            verb=${COMP_WORDS[at]}
        fi
    done
    case $noun in
    ca) words="show list activate rollover retire reload renew-now renewals renewal-show renewal-cancel renewal-resume" ;;
    device) words="add import list show edit set suspend resume quarantine release revoke verify-log retire history receipt lift" ;;
    token) words="create list cancel" ;;
    psk) words="add list revoke" ;;
    cert) words="list" ;;
    claim) words="create list show revoke" ;;
    template) words="set list show delete" ;;
    maker) words="add list show crl remove" ;;
    approval) words="list approve refuse" ;;
    hardware) words="list lift" ;;
    app) words="add list show disable enable revoke renew" ;;
    operator) words="add list show roles disable enable revoke renew" ;;
    role) words="create list show set delete assign unassign" ;;
    policy) words="explain test lint" ;;
    quota) words="list show set unset blocked lift" ;;
    audit) words="list tail show export prove verify key witness erase prune" ;;
    export) words="list" ;;
    key) words="deny denied allow" ;;
    keys) words="status rotate rewrap" ;;
    backup) words="keygen create verify restore" ;;
    '') words="status metrics ca device token psk cert claim template maker approval hardware app operator role grant policy quota audit export key keys backup watch help" ;;
    esac
    if [[ -n $verb ]]; then
        words=''
    fi
    case "$noun $verb" in
    "ca show") options+=" --pem" ;;
    "ca activate") options+=" --reason" ;;
    "ca rollover") options+=" --dry-run --kind --number --force --reason" ;;
    "ca retire") options+=" --force --reason" ;;
    "ca renew-now") options+=" --rate --group --all --detach" ;;
    "ca renewal-show") options+=" --follow" ;;
    "device add") options+=" --group --note --device-key --serial --ek" ;;
    "device import") options+=" --format --batch --dry-run" ;;
    "device list") options+=" --state --group" ;;
    "device edit") options+=" --group --note" ;;
    "device suspend") options+=" --reason" ;;
    "device resume") options+=" --reason" ;;
    "device quarantine") options+=" --reason" ;;
    "device release") options+=" --reason" ;;
    "device revoke") options+=" --group --from-file --reason" ;;
    "device retire") options+=" --reason --wipe" ;;
    "device history") options+=" --all" ;;
    "device receipt") options+=" --out" ;;
    "device lift") options+=" --reason" ;;
    "token create") options+=" --device --group --life --uses --approval --token-only" ;;
    "psk add") options+=" --identity --key-file --life --key-only" ;;
    "psk revoke") options+=" --reason" ;;
    "cert list") options+=" --expires-within --kind --state --group" ;;
    "claim create") options+=" --template --uses --expires --csr --out" ;;
    "claim revoke") options+=" --reason" ;;
    "maker add") options+=" --ca --crl --group --prefix --id-from --approve --jitp --rate --devices" ;;
    "maker crl") options+=" --file --none" ;;
    "approval list") options+=" --state" ;;
    "approval approve") options+=" --reason" ;;
    "approval refuse") options+=" --reason" ;;
    "hardware lift") options+=" --reason" ;;
    "app add") options+=" --role --note --out" ;;
    "app disable") options+=" --reason" ;;
    "app revoke") options+=" --reason" ;;
    "app renew") options+=" --out" ;;
    "operator add") options+=" --role --note --out" ;;
    "operator roles") options+=" --role" ;;
    "operator disable") options+=" --reason" ;;
    "operator revoke") options+=" --reason" ;;
    "operator renew") options+=" --out" ;;
    "role create") options+=" --publish --subscribe --rule --text" ;;
    "role set") options+=" --publish --subscribe --rule" ;;
    "role assign") options+=" --device --group --app" ;;
    "role unassign") options+=" --device --group --app" ;;
    "grant ") options+=" --device --group --app --publish --subscribe --rule" ;;
    "policy explain") options+=" --device --app --publish --subscribe" ;;
    "policy test") options+=" --qos --retain --clear --hardware-held" ;;
    "policy lint") options+=" --role --file" ;;
    "quota show") options+=" --device --group --app" ;;
    "quota set") options+=" --device --group --app --connects --messages --bytes --in-flight --queue --queue-bytes --subscriptions --retained --retained-bytes --packet --sessions" ;;
    "quota unset") options+=" --device --group --app --limit" ;;
    "audit list") options+=" --action --actor --target --outcome --since --limit" ;;
    "audit tail") options+=" --action --actor --target --outcome --limit" ;;
    "audit show") options+=" --text" ;;
    "audit export") options+=" --tiles --log-key" ;;
    "audit prove") options+=" --reveal --log-key --witness" ;;
    "audit verify") options+=" --log-key --checkpoint --witness --save-checkpoint --dir --proof --entry --server-side" ;;
    "audit key") options+=" --vkey --pem" ;;
    "audit erase") options+=" --reason" ;;
    "audit prune") options+=" --before --reason --force" ;;
    "key deny") options+=" --reason --hash --from --file" ;;
    "key allow") options+=" --reason" ;;
    "backup create") options+=" --recipient" ;;
    "backup verify") options+=" --identity" ;;
    "backup restore") options+=" --identity --to --owner" ;;
    "watch ") options+=" --count" ;;
    "help ") options+=" --completion --markdown" ;;
    esac
    case "$noun $verb $before" in
    "ca rollover --kind") words="root issuing" ;;
    "device import --format") words="csv json" ;;
    "device list --state") words="expected active quarantined suspended retired" ;;
    "cert list --kind") words="device application operator" ;;
    "cert list --state") words="active superseded revoked" ;;
    "maker add --id-from") words="serialNumber cn hardware" ;;
    "maker add --approve") words="all listed manual" ;;
    "approval list --state") words="pending approved refused used" ;;
    "operator add --role") words="viewer operator security auditor admin" ;;
    "operator roles --role") words="viewer operator security auditor admin" ;;
    "policy test --qos") words="0 1 2" ;;
    "audit list --outcome") words="ok denied failed" ;;
    "audit tail --outcome") words="ok denied failed" ;;
    *" --output" | *" -o") words="table json" ;;
    *" --cert" | *" --key" | *" --root" | *" --out")
        COMPREPLY=($(compgen -f -- "$word"))
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        words=$options
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _merlon merlon
