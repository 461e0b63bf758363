#!/bin/sh
# Connects this Proxmox Backup Server to Pulse.
#
#   sh pulse-setup-pbs.sh            install, or ask what to do on a terminal
#   sh pulse-setup-pbs.sh install    make a user that may only read, and a token; tell Pulse about them
#   sh pulse-setup-pbs.sh remove     take all of it away again
#
# It may be run again at any time: the token is replaced.
set -eu

PULSE_URL=@PULSE_URL@
HOST_URL=@HOST_URL@
AUTH_TOKEN=@AUTH_TOKEN@

USER_ID='pulse-monitor@pbs'
PLACEHOLDER='https://YOUR_PBS_HOST:8007'

say() { printf '%s\n' "$*"; }
fail() { printf 'pulse: %s\n' "$*" >&2; exit 1; }

check_machine() {
    [ "$(id -u)" -eq 0 ] || fail "run this as root on the backup server itself"
    command -v proxmox-backup-manager >/dev/null 2>&1 ||
        fail "proxmox-backup-manager is not here; run this on a Proxmox Backup Server"
}

has_user() {
    proxmox-backup-manager user list --output-format json 2>/dev/null | grep -q "\"userid\":\"$USER_ID\""
}

# Tokens of the user that belong to this Pulse, one a line.
own_tokens() {
    proxmox-backup-manager user list-tokens "$USER_ID" --output-format json 2>/dev/null |
        tr ',{}' '[\n*]' | sed -n "s/.*\"tokenid\":\"$USER_ID!\($TOKEN_STEM-[0-9][0-9]*\)\".*/\1/p"
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
    say "https://${address:-$(hostname)}:8007"
}

# The rights of a token are what it and its user have in common: both need them.
allow() {
    proxmox-backup-manager acl update / Audit --auth-id "$1"
    say "Rights on / for $1: Audit"
}

# Makes TOKEN_NAME and sets TOKEN_VALUE.
make_token() {
    answer=$(proxmox-backup-manager user generate-token "$USER_ID" "$TOKEN_NAME")
    TOKEN_VALUE=$(printf '%s' "$answer" | tr ',{}' '[\n*]' | sed -n 's/.*"value" *: *"\([^"]*\)".*/\1/p')
    [ -n "$TOKEN_VALUE" ] || fail "the token $TOKEN_NAME was made but its value not shown; remove it and run this again"
    say "Token $USER_ID!$TOKEN_NAME: made"
}

register() {
    body=$(printf '{"type":"pbs","host":"%s","serverName":"%s","tokenId":"%s","tokenValue":"%s","authToken":"%s","source":"script"}' \
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
    if has_user; then
        say "User $USER_ID: is there already"
    else
        proxmox-backup-manager user create "$USER_ID" --comment 'Monitoring by Pulse, read only'
        say "User $USER_ID: made"
    fi
    allow "$USER_ID"
    old_tokens=$(own_tokens)
    make_token
    allow "$USER_ID!$TOKEN_NAME"
    if answer=$(register); then
        say "Pulse at $PULSE_URL knows this server now: $answer"
    else
        proxmox-backup-manager user delete-token "$USER_ID" "$TOKEN_NAME" || true
        fail "Pulse at $PULSE_URL did not take it: ${answer:-no answer}. The new token was removed again; get a fresh command from Pulse and run it."
    fi
    for old in $old_tokens; do
        proxmox-backup-manager user delete-token "$USER_ID" "$old"
        say "Token $USER_ID!$old: removed, it was replaced"
    done
    say 'Done. To take all of it away again: run this script with the word remove.'
}

remove() {
    check_machine
    if has_user; then
        for old in $(own_tokens); do
            proxmox-backup-manager user delete-token "$USER_ID" "$old"
            say "Token $USER_ID!$old: removed"
        done
        proxmox-backup-manager acl update / Audit --auth-id "$USER_ID" --delete 2>/dev/null || true
        proxmox-backup-manager user remove "$USER_ID"
        say "User $USER_ID with its rights: removed"
    else
        say "User $USER_ID: is not there"
    fi
    say "Done. Remove the server in Pulse at $PULSE_URL too: Settings, Nodes."
}

choose() {
    printf 'Pulse for Proxmox Backup Server\n  1) install or bring up to date\n  2) remove\n  3) cancel\nYour choice [1]: '
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
