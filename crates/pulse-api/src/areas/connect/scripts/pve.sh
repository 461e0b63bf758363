#!/bin/sh
# Connects this Proxmox VE node or cluster to Pulse.
#
#   sh pulse-setup-pve.sh            install, or ask what to do on a terminal
#   sh pulse-setup-pve.sh install    make a user that may only read, and a token; tell Pulse about them
#   sh pulse-setup-pve.sh remove     take all of it away again
#
# It may be run again at any time: the user and its role are brought up to date and the token is replaced.
set -eu

PULSE_URL=@PULSE_URL@
HOST_URL=@HOST_URL@
BACKUP_PERMS=@BACKUP_PERMS@
AUTH_TOKEN=@AUTH_TOKEN@

USER_ID='pulse-monitor@pam'
ROLE='PulseMonitor'
PLACEHOLDER='https://YOUR_PROXMOX_HOST:8006'

say() { printf '%s\n' "$*"; }
fail() { printf 'pulse: %s\n' "$*" >&2; exit 1; }

check_machine() {
    [ "$(id -u)" -eq 0 ] || fail "run this as root on the Proxmox VE host itself"
    if ! command -v pveum >/dev/null 2>&1; then
        if grep -qa 'container=lxc' /proc/1/environ 2>/dev/null; then
            fail "this is a container; run this on the Proxmox VE host itself, not inside a guest"
        fi
        fail "pveum is not here; run this on a Proxmox VE host"
    fi
}

# The number in front of the first dot of the version, 0 where it cannot be told.
major_version() {
    version=$(pveversion 2>/dev/null | sed -n 's|^pve-manager/\([0-9][0-9]*\)\..*|\1|p')
    say "${version:-0}"
}

# What the guest agent's figures need was renamed with Proxmox VE 9.
role_privileges() {
    if [ "$(major_version)" -ge 9 ]; then
        say 'Sys.Audit VM.GuestAgent.Audit'
    else
        say 'Sys.Audit VM.Monitor'
    fi
}

has_user() { pveum user list --output-format json 2>/dev/null | grep -q "\"userid\":\"$USER_ID\""; }
has_role() { pveum role list --output-format json 2>/dev/null | grep -q "\"roleid\":\"$ROLE\""; }

# Tokens of the user that belong to this Pulse, one a line.
own_tokens() {
    pveum user token list "$USER_ID" --output-format json 2>/dev/null |
        tr ',{}' '[\n*]' | sed -n "s/.*\"tokenid\":\"\($TOKEN_STEM-[0-9][0-9]*\)\".*/\1/p"
}

ask_for_setup_token() {
    [ -n "$AUTH_TOKEN" ] && return
    AUTH_TOKEN=${PULSE_SETUP_TOKEN:-}
    [ -n "$AUTH_TOKEN" ] && return
    if [ -r /dev/tty ] && [ -w /dev/tty ]; then
        printf 'Setup token shown by Pulse: ' >/dev/tty
        read -r AUTH_TOKEN </dev/tty || AUTH_TOKEN=''
    fi
    [ -n "$AUTH_TOKEN" ] || fail "no setup token: take the whole command from Pulse, or set PULSE_SETUP_TOKEN"
}

own_url() {
    if [ "$HOST_URL" != "$PLACEHOLDER" ]; then
        say "$HOST_URL"
        return
    fi
    address=$(hostname -I 2>/dev/null | awk '{print $1}')
    say "https://${address:-$(hostname)}:8006"
}

install_user() {
    privileges=$(role_privileges)
    if has_role; then
        pveum role modify "$ROLE" --privs "$privileges"
        say "Role $ROLE: $privileges (brought up to date)"
    else
        pveum role add "$ROLE" --privs "$privileges"
        say "Role $ROLE: $privileges (made)"
    fi
    if has_user; then
        say "User $USER_ID: is there already"
    else
        pveum user add "$USER_ID" --comment 'Monitoring by Pulse, read only'
        say "User $USER_ID: made"
    fi
    pveum acl modify / --users "$USER_ID" --roles "PVEAuditor,$ROLE"
    say "Rights on /: PVEAuditor, $ROLE"
    if [ "$BACKUP_PERMS" = true ]; then
        pveum acl modify /storage --users "$USER_ID" --roles PVEDatastoreAdmin
        say "Rights on /storage: PVEDatastoreAdmin (asked for: without it Proxmox VE does not list backups)"
    fi
}

# Makes TOKEN_NAME and sets TOKEN_VALUE.
make_token() {
    answer=$(pveum user token add "$USER_ID" "$TOKEN_NAME" --privsep 0 --comment "for $PULSE_URL" --output-format json)
    TOKEN_VALUE=$(printf '%s' "$answer" | tr ',{}' '[\n*]' | sed -n 's/.*"value" *: *"\([^"]*\)".*/\1/p')
    [ -n "$TOKEN_VALUE" ] || fail "Proxmox VE made the token $TOKEN_NAME but did not show its value; remove it and run this again"
    say "Token $USER_ID!$TOKEN_NAME: made"
}

register() {
    body=$(printf '{"type":"pve","host":"%s","serverName":"%s","tokenId":"%s","tokenValue":"%s","authToken":"%s","source":"script"}' \
        "$(own_url)" "$(hostname)" "$USER_ID!$TOKEN_NAME" "$TOKEN_VALUE" "$AUTH_TOKEN")
    reply=$(printf '%s' "$body" | curl -sS --max-time 60 -X POST -H 'Content-Type: application/json' \
        --data-binary @- -w '\n%{http_code}' "$PULSE_URL/api/auto-register") || return 1
    printf '%s\n' "$reply" | sed '$d'
    [ "$(printf '%s\n' "$reply" | sed -n '$p')" = 200 ]
}

install() {
    check_machine
    command -v curl >/dev/null 2>&1 || fail "curl is not here; install it with: apt-get install curl"
    ask_for_setup_token
    install_user
    old_tokens=$(own_tokens)
    make_token
    if answer=$(register); then
        say "Pulse at $PULSE_URL knows this host now: $answer"
    else
        pveum user token remove "$USER_ID" "$TOKEN_NAME" || true
        fail "Pulse at $PULSE_URL did not take it: ${answer:-no answer}. The new token was removed again; get a fresh command from Pulse and run it."
    fi
    for old in $old_tokens; do
        pveum user token remove "$USER_ID" "$old"
        say "Token $USER_ID!$old: removed, it was replaced"
    done
    say 'Done. To take all of it away again: run this script with the word remove.'
}

remove() {
    check_machine
    if has_user; then
        pveum acl delete / --users "$USER_ID" --roles "PVEAuditor,$ROLE" 2>/dev/null || true
        pveum acl delete /storage --users "$USER_ID" --roles PVEDatastoreAdmin 2>/dev/null || true
        pveum user delete "$USER_ID"
        say "User $USER_ID with its tokens and rights: removed"
    else
        say "User $USER_ID: is not there"
    fi
    if has_role; then
        pveum role delete "$ROLE"
        say "Role $ROLE: removed"
    else
        say "Role $ROLE: is not there"
    fi
    say "Done. Remove the host in Pulse at $PULSE_URL too: Settings, Nodes."
}

choose() {
    printf 'Pulse for Proxmox VE\n  1) install or bring up to date\n  2) remove\n  3) cancel\nYour choice [1]: '
    read -r choice || choice=3
    case ${choice:-1} in
        1) install ;;
        2) remove ;;
        *) say 'Nothing was changed.' ;;
    esac
}

server=$(printf '%s' "$PULSE_URL" | sed -e 's|^[a-z]*://||' -e 's|[:/].*||' -e 's|[^A-Za-z0-9]|-|g')
TOKEN_STEM="pulse-$server"
TOKEN_NAME="$TOKEN_STEM-$(date +%s)"
TOKEN_VALUE=''

case ${1:-} in
    install) install ;;
    remove) remove ;;
    '') if [ -t 0 ]; then choose; else install; fi ;;
    *) fail "unknown word '$1'; say install or remove" ;;
esac
