#!/bin/sh
# Installs, updates or removes the Pulse agent on this machine. It may be run again at any time: what is not given then
# stays as it was.
#
#   curl -fsSL URL/install.sh | sh -s -- --url URL --token TOKEN [--enable-docker] [--interval 30s]
#   curl -fsSL URL/install.sh | sh -s -- --uninstall
#
# PULSE_INSTALL_ROOT=/some/folder puts everything below that folder and starts nothing (images, tests).
#
# Until its last line this script only says what is to be done: of one that is cut off on its way, nothing is run.
set -eu

# The server sets these three for the addresses that older one-line commands use.
ACTION="install"
ENABLE_HOST=""
ENABLE_DOCKER=""

ROOT=${PULSE_INSTALL_ROOT:-}
URL=${PULSE_URL:-}
TOKEN=${PULSE_TOKEN:-}
INTERVAL=""
ENABLE_KUBERNETES=""
ENABLE_PROXMOX=""
PROXMOX_TYPE=""
ENABLE_COMMANDS=""
HOSTNAME_SHOWN=""
AGENT_ID=""
KUBECONFIG_PATH=""
INSECURE=""
IS_HOST_GIVEN=""
IS_RESET=""
OLD=""
WORK=""

# Where the program lies on the machine: in the second place where /usr cannot be written to.
USUAL_PROGRAM=/usr/local/bin/pulse-agent
OTHER_PROGRAM=/var/lib/pulse-agent/bin/pulse-agent
PROGRAM=$USUAL_PROGRAM
BINARY="$ROOT$PROGRAM"
STATE="$ROOT/var/lib/pulse-agent"
UNIT="$ROOT/etc/systemd/system/pulse-agent.service"
ENV_FILE="$ROOT/etc/pulse-agent.env"
OPENRC="$ROOT/etc/init.d/pulse-agent"
OPENRC_CONF="$ROOT/etc/conf.d/pulse-agent"
RCD="$ROOT/usr/local/etc/rc.d/pulse_agent"
PLIST="$ROOT/Library/LaunchDaemons/com.pulse.agent.plist"
LOG="$ROOT/var/log/pulse-agent.log"
SERVICE="system/com.pulse.agent"

say() { printf 'pulse-agent: %s\n' "$*"; }
die() {
	printf 'pulse-agent: error: %s\n' "$*" >&2
	exit 1
}
clean() { [ -z "$WORK" ] || rm -rf "$WORK" "$BINARY.new"; }

usage() {
	cat <<'EOF'
Usage: install.sh --url URL --token TOKEN [options]
  --url URL                address of the Pulse server
  --token TOKEN            API token
  --interval 30s           time between two reports
  --enable-host[=false]    report this machine (default)
  --enable-docker[=false]  report containers (default: when Docker or Podman is found)
  --enable-kubernetes      report the Kubernetes cluster
  --kubeconfig FILE        kubeconfig to use
  --enable-proxmox         register this Proxmox machine with the server
  --proxmox-type TYPE      auto, pve or pbs
  --enable-commands        let the server run commands of the allow list
  --hostname NAME          name to report
  --agent-id ID            identity to report
  --insecure               do not check the server's certificate
  --reset                  forget the settings of earlier runs; the token stays
  --uninstall              remove the agent, its settings and its token
Run again, it keeps the address, the token and all settings that are not given anew.
EOF
}

# Values go into files that a service manager reads: nothing there may have a meaning of its own.
plain() {
	case $2 in
	*[!A-Za-z0-9._:/@%+=,~\ \[\]-]*) die "$1 has a character that cannot be used there" ;;
	esac
}

# switch OPTION: what a switch means.
switch() {
	case $1 in
	*=true | *=1) echo true ;;
	*=false | *=0) echo false ;;
	*=*) die "$1: write true or false after the sign" ;;
	--disable-*) echo false ;;
	*) echo true ;;
	esac
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--url | --token | --interval | --hostname | --agent-id | --kubeconfig | --proxmox-type)
			[ $# -ge 2 ] || die "$1 needs a value"
			name=$1
			value=$2
			shift 2
			;;
		--url=* | --token=* | --interval=* | --hostname=* | --agent-id=* | --kubeconfig=* | --proxmox-type=*)
			name=${1%%=*}
			value=${1#*=}
			shift
			;;
		--enable-host | --enable-host=* | --disable-host) ENABLE_HOST=$(switch "$1"); IS_HOST_GIVEN=true; shift; continue ;;
		--enable-docker | --enable-docker=* | --disable-docker) ENABLE_DOCKER=$(switch "$1"); shift; continue ;;
		--enable-kubernetes | --enable-kubernetes=* | --disable-kubernetes) ENABLE_KUBERNETES=$(switch "$1"); shift; continue ;;
		--enable-proxmox | --enable-proxmox=* | --disable-proxmox) ENABLE_PROXMOX=$(switch "$1"); shift; continue ;;
		--enable-commands | --enable-commands=*) ENABLE_COMMANDS=$(switch "$1"); shift; continue ;;
		--insecure | --insecure=*) INSECURE=$(switch "$1"); shift; continue ;;
		--reset) IS_RESET=true; shift; continue ;;
		--uninstall) ACTION=uninstall; shift; continue ;;
		--help | -h) usage; exit 0 ;;
		*) usage >&2; die "unknown option $1" ;;
		esac
		plain "$name" "$value"
		case $name in
		--url) URL=$value ;;
		--token) TOKEN=$value ;;
		--interval) INTERVAL=$value ;;
		--hostname) HOSTNAME_SHOWN=$value ;;
		--agent-id) AGENT_ID=$value ;;
		--kubeconfig) KUBECONFIG_PATH=$value ;;
		--proxmox-type) PROXMOX_TYPE=$value ;;
		esac
	done
}

manager() {
	if [ -n "${PULSE_SERVICE_MANAGER:-}" ]; then
		echo "$PULSE_SERVICE_MANAGER"
	elif [ "$(uname -s)" = FreeBSD ]; then
		echo rcd
	elif [ "$(uname -s)" = Darwin ]; then
		echo launchd
	elif [ -d /run/systemd/system ] || command -v systemctl >/dev/null 2>&1; then
		echo systemd
	elif command -v rc-update >/dev/null 2>&1; then
		echo openrc
	else
		echo none
	fi
}

# Runs a command of the service manager, unless this is not the running system.
control() { [ -n "$ROOT" ] || "$@"; }

# In an image that is being made systemd is there but does not run: it can note what starts with it, and no more.
is_running() { [ "$MANAGER" != systemd ] || [ -d /run/systemd/system ]; }

uninstall() {
	case $MANAGER in
	systemd)
		now=--now
		is_running || now=""
		# shellcheck disable=SC2086 # without a word where nothing runs
		[ ! -e "$UNIT" ] || control systemctl disable $now pulse-agent.service || true
		;;
	openrc)
		[ ! -e "$OPENRC" ] || control rc-service pulse-agent stop || true
		[ ! -e "$OPENRC" ] || control rc-update del pulse-agent default || true
		;;
	rcd)
		[ ! -e "$RCD" ] || control service pulse_agent onestop || true
		[ -n "$ROOT" ] || sysrc -x pulse_agent_enable >/dev/null 2>&1 || true
		;;
	launchd)
		[ ! -e "$PLIST" ] || control launchctl bootout "$SERVICE" || true
		;;
	esac
	removed=0
	forget_updates "$BINARY"
	for file in "$BINARY" "$UNIT" "$ENV_FILE" "$OPENRC" "$OPENRC_CONF" "$RCD" "$PLIST" "$LOG"; do
		[ -e "$file" ] || continue
		rm -f "$file"
		say "removed $file"
		removed=1
	done
	if [ -d "$STATE" ]; then
		rm -rf "$STATE"
		say "removed $STATE"
		removed=1
	fi
	if [ "$MANAGER" = systemd ] && is_running; then
		control systemctl daemon-reload || true
		# One that failed would be listed until the machine starts anew.
		control systemctl reset-failed pulse-agent.service 2>/dev/null || true
	fi
	[ "$removed" = 1 ] || say "there was nothing to remove"
	say "the agent is not installed any more"
}

# The settings as an earlier run, or a person since then, left them: a line each.
old_settings() {
	case $MANAGER in
	openrc) cat "$OPENRC_CONF" 2>/dev/null || true ;;
	*) cat "$ENV_FILE" 2>/dev/null || true ;;
	esac
}

# before NAME: the line of a setting as it was.
before() { printf '%s\n' "$OLD" | grep -E "^(export )?$1=" | tail -n 1 || true; }
# value_before NAME: its value.
value_before() { before "$1" | sed -e 's/^[^=]*=//' -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"; }

architecture() {
	case $(uname -s) in
	Linux) system=linux ;;
	FreeBSD) system=freebsd ;;
	Darwin) system=darwin ;;
	*) die "$(uname -s) is not handled by this script; see the documentation on installing by hand" ;;
	esac
	case $(uname -m) in
	x86_64 | amd64) echo "$system-amd64" ;;
	aarch64 | arm64) echo "$system-arm64" ;;
	armv7* | armv8l) echo "$system-armv7" ;;
	armv6*) echo "$system-armv6" ;;
	i?86) echo "$system-386" ;;
	*) die "there is no agent for the processor $(uname -m)" ;;
	esac
}

# fetch ADDRESS FILE HEADERS
fetch() {
	if command -v curl >/dev/null 2>&1; then
		if [ "$INSECURE" = true ]; then set -- "$@" -k; fi
		address=$1 file=$2 headers=$3
		shift 3
		status=$(curl -sSL "$@" --connect-timeout 15 --max-time 600 -D "$headers" -o "$file" -w '%{http_code}' "$address") ||
			die "cannot reach $address"
		[ "$status" = 200 ] || die "the server answered $status: $(head -c 600 "$file")"
	elif command -v wget >/dev/null 2>&1; then
		if [ "$INSECURE" = true ]; then set -- "$@" --no-check-certificate; fi
		# Some builds of busybox crash at an option that they do not know.
		if wget --help 2>&1 | grep -q -e ' -T'; then set -- "$@" -T 60; fi
		address=$1 file=$2 headers=$3
		shift 3
		wget -q -S "$@" -O "$file" "$address" 2>"$headers" ||
			die "cannot fetch $address: $(grep -i 'HTTP/' "$headers" | tail -n 1)"
	else
		die "neither curl nor wget is here: install one"
	fi
}

checksum() {
	if command -v sha256sum >/dev/null 2>&1; then
		sha256sum "$1" | cut -d ' ' -f 1
	elif command -v sha256 >/dev/null 2>&1; then
		sha256 -q "$1"
	elif command -v shasum >/dev/null 2>&1; then
		shasum -a 256 "$1" | cut -d ' ' -f 1
	else
		die "there is no program for SHA-256 sums here (sha256sum, sha256 or shasum)"
	fi
}

# secret FILE: standard input into a file that only root reads.
secret() {
	mkdir -p "$(dirname "$1")"
	(umask 077 && cat >"$1.new")
	mv -f "$1.new" "$1"
}

KNOWN=""
# setting PREFIX NAME VALUE: a setting as it is given now, or else as it was.
setting() {
	KNOWN="$KNOWN|$2"
	if [ -n "$3" ]; then printf '%s%s="%s"\n' "$1" "$2" "$3"; else before "$2"; fi
}
settings() {
	setting "$1" PULSE_URL "$URL"
	setting "$1" PULSE_INTERVAL "$INTERVAL"
	setting "$1" PULSE_ENABLE_HOST "$ENABLE_HOST"
	setting "$1" PULSE_ENABLE_DOCKER "$ENABLE_DOCKER"
	setting "$1" PULSE_ENABLE_KUBERNETES "$ENABLE_KUBERNETES"
	setting "$1" PULSE_KUBECONFIG "$KUBECONFIG_PATH"
	setting "$1" PULSE_ENABLE_PROXMOX "$ENABLE_PROXMOX"
	setting "$1" PULSE_PROXMOX_TYPE "$PROXMOX_TYPE"
	setting "$1" PULSE_ENABLE_COMMANDS "$ENABLE_COMMANDS"
	setting "$1" PULSE_HOSTNAME "$HOSTNAME_SHOWN"
	setting "$1" PULSE_AGENT_ID "$AGENT_ID"
	setting "$1" PULSE_INSECURE_SKIP_VERIFY "$INSECURE"
	# A token among the settings goes before the one in its file, and is an old one where a new one is given.
	[ -z "$TOKEN" ] || KNOWN="$KNOWN|PULSE_TOKEN"
	# What this script has no option for was written by a person.
	[ -z "$OLD" ] || printf '%s\n' "$OLD" | grep -v -E "^(export )?(${KNOWN#|})=" || true
}

# launch: has launchd run what $PLIST.new describes, as it is from now on.
launch() {
	if control launchctl print "$SERVICE" >/dev/null 2>&1 && cmp -s "$PLIST.new" "$PLIST"; then
		rm -f "$PLIST.new"
		control launchctl kickstart -k "$SERVICE"
		return
	fi
	control launchctl bootout "$SERVICE" 2>/dev/null || true
	mv -f "$PLIST.new" "$PLIST"
	# Switched off by hand, it would be switched off for ever.
	control launchctl enable "$SERVICE"
	# What was booted out is not gone at once, and launchd refuses its successor until then.
	tries=0
	until control launchctl bootstrap system "$PLIST"; do
		tries=$((tries + 1))
		[ "$tries" -lt 10 ] || die "launchd does not take $PLIST"
		sleep 1
	done
}

# described: the description of a service, with the program where it lies here.
described() { sed "s|$USUAL_PROGRAM|$PROGRAM|g"; }

start() {
	case $MANAGER in
	systemd)
		settings "" | secret "$ENV_FILE"
		mkdir -p "$(dirname "$UNIT")"
		described >"$UNIT" <<'PULSE_UNIT'
@SYSTEMD_UNIT@
PULSE_UNIT
		control systemctl enable pulse-agent.service
		say "settings in $ENV_FILE, systemd unit in $UNIT"
		if is_running; then
			control systemctl daemon-reload
			control systemctl restart pulse-agent.service
		else
			say "systemd does not run here: the agent starts when it does"
		fi
		;;
	openrc)
		settings "export " | secret "$OPENRC_CONF"
		mkdir -p "$(dirname "$OPENRC")"
		described >"$OPENRC" <<'PULSE_UNIT'
@OPENRC_SERVICE@
PULSE_UNIT
		chmod 0755 "$OPENRC"
		control rc-update add pulse-agent default
		control rc-service pulse-agent restart
		say "settings in $OPENRC_CONF, OpenRC service in $OPENRC"
		;;
	rcd)
		mkdir -p "$(dirname "$RCD")"
		described >"$RCD" <<'PULSE_UNIT'
@RCD_SERVICE@
PULSE_UNIT
		chmod 0755 "$RCD"
		settings "" | secret "$ENV_FILE"
		control sysrc pulse_agent_enable=YES >/dev/null
		control service pulse_agent restart
		say "settings in $ENV_FILE, service in $RCD"
		;;
	launchd)
		settings "" | secret "$ENV_FILE"
		mkdir -p "$(dirname "$PLIST")"
		described >"$PLIST.new" <<'PULSE_UNIT'
@LAUNCHD_SERVICE@
PULSE_UNIT
		# launchd takes no description that others than root may write.
		chmod 0644 "$PLIST.new"
		launch
		say "settings in $ENV_FILE, launchd service in $PLIST"
		;;
	*)
		settings "" | secret "$ENV_FILE"
		say "no service manager was found: start it yourself with the settings in $ENV_FILE"
		;;
	esac
}

# is_writable FOLDER
is_writable() { mkdir -p "$1" 2>/dev/null && [ -w "$1" ]; }

put_program() {
	is_writable "$(dirname "$BINARY")" || PROGRAM=$OTHER_PROGRAM
	BINARY="$ROOT$PROGRAM"
	mkdir -p "$STATE"
	chmod 0700 "$STATE"
	mkdir -p "$(dirname "$BINARY")"
	# In place at once: a running agent keeps its old file.
	cp "$WORK/pulse-agent" "$BINARY.new" || die "$BINARY cannot be written; nothing was changed"
	chmod 0755 "$BINARY.new"
	mv -f "$BINARY.new" "$BINARY"
	# What the agent noted about its own last update is not about this program.
	forget_updates "$BINARY"
	if [ "$PROGRAM" = "$USUAL_PROGRAM" ]; then
		# From the time when the usual place could not be written to.
		forget_updates "$ROOT$OTHER_PROGRAM"
		rm -f "$ROOT$OTHER_PROGRAM"
	fi
	say "installed $BINARY"
}

# forget_updates PROGRAM: removes what the agent leaves beside its program when it replaces itself.
forget_updates() {
	beside=$(dirname "$1")
	rm -f "$beside/.pulse-update-info" "$beside/.pulse-update-info.part" \
		"$beside/.pulse-agent.backup" "$beside/.pulse-agent.new"
}

install_agent() {
	[ "$IS_RESET" = true ] || OLD=$(old_settings)
	# An older one-line command for containers adds them to what a machine reports already.
	if [ -n "$OLD" ] && [ -z "$IS_HOST_GIVEN" ]; then ENABLE_HOST=""; fi
	[ -n "$URL" ] || URL=$(value_before PULSE_URL)
	[ -n "$INSECURE" ] || INSECURE=$(value_before PULSE_INSECURE_SKIP_VERIFY)
	[ -n "$URL" ] || die "--url is missing: give the address of the Pulse server"
	case $URL in
	http://* | https://*) ;;
	*) die "--url must begin with http:// or https://" ;;
	esac
	URL=${URL%/}
	plain --url "$URL"
	plain --token "$TOKEN"
	[ -n "$TOKEN" ] || [ -s "$STATE/token" ] || die "--token is missing: make one in the server's settings"

	ARCH=$(architecture)
	WORK=$(mktemp -d)
	say "fetching the agent for $ARCH from $URL"
	fetch "$URL/download/pulse-agent?arch=$ARCH" "$WORK/pulse-agent" "$WORK/headers"
	wanted=$(tr -d '\r' <"$WORK/headers" | awk 'tolower($1) == "x-checksum-sha256:" { sum = $2 } END { print sum }')
	[ -n "$wanted" ] || die "the server sent no checksum; nothing was changed"
	found=$(checksum "$WORK/pulse-agent")
	[ "$wanted" = "$found" ] || die "the checksum does not match (wanted $wanted, found $found); nothing was changed"
	say "checksum verified: $found"

	put_program
	if [ -n "$TOKEN" ]; then
		printf '%s\n' "$TOKEN" | secret "$STATE/token"
		say "token stored in $STATE/token, for root only"
	fi
	start
	say "done: the agent reports to $URL"
}

main() {
	trap clean EXIT
	trap 'exit 130' INT TERM
	parse "$@"
	[ -n "$ROOT" ] || [ "$(id -u)" = 0 ] || die "must run as root: put sudo before sh"
	MANAGER=$(manager)
	# FreeBSD keeps everything that did not come with the system below /usr/local.
	[ "$MANAGER" != rcd ] || ENV_FILE="$ROOT/usr/local/etc/pulse-agent.env"
	if [ "$ACTION" = uninstall ]; then uninstall; else install_agent; fi
}

# In braces, so that half of this line is nothing that could be run either.
{ main "$@"; }
