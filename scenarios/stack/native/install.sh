#!/usr/bin/env bash
# Installs the servers that the native stack runs: PostgreSQL, Redis, RabbitMQ,
# nginx, Prometheus. Starts none of them: the stack runs its own, on ports of its
# own. (Where systemd rules, the packages start at the next boot, as after any
# installation; the stack does not mind.)
#
# With --with-compiler also a C compiler: Go's race detector needs one. With
# --with-browser also Chromium, for the tests of the pages; they can be skipped, so
# where it cannot be installed it is only asked for.
#
# Does nothing if they are all there. Without root or without apt it says what to
# type and exits with status 3.
set -euo pipefail

have() { # have NAME GLOB...: is the program on the PATH or where a package puts it?
  local name=$1 glob
  shift
  command -v "$name" >/dev/null 2>&1 && return
  for glob in "$@"; do
    compgen -G "$glob" >/dev/null && return
  done
  return 1
}

brew=/opt/homebrew/opt
[ -d "$brew" ] || brew=/usr/local/opt

missing=()
have postgres '/usr/lib/postgresql/*/bin/postgres' '/usr/pgsql-*/bin/postgres' "$brew/postgresql*/bin/postgres" || missing+=(postgresql)
have redis-server "$brew/redis/bin/redis-server" || missing+=(redis-server)
have rabbitmq-server '/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins' '/opt/rabbitmq/plugins' "$brew/rabbitmq/plugins" || missing+=(rabbitmq-server)
have nginx /usr/sbin/nginx "$brew/nginx/bin/nginx" || missing+=(nginx)
have prometheus "$brew/prometheus/bin/prometheus" || missing+=(prometheus)
optional=()
for wish in "$@"; do
  case $wish in
    --with-compiler) have cc || missing+=(gcc libc6-dev) ;;
    --with-browser) have chromium || have chromium-browser || have google-chrome "/Applications/Google Chrome.app" || optional+=(chromium) ;;
    *)
      echo "$0: $wish is not known" >&2
      exit 64
      ;;
  esac
done

[ ${#missing[@]} -eq 0 ] && [ ${#optional[@]} -eq 0 ] && exit 0

can=yes
[ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || can=
if [ -z "$can" ] && [ ${#missing[@]} -eq 0 ]; then
  echo "missing: ${optional[*]}; the tests in a browser are skipped. Install it with your package manager (Debian: sudo apt-get install chromium)" >&2
  exit 0
fi
if [ -z "$can" ]; then
  cat >&2 <<HELP
missing: ${missing[*]}
Install with:
  Debian, Ubuntu  sudo bash $0
  Fedora          sudo dnf install -y postgresql-server postgresql redis rabbitmq-server nginx prometheus
  macOS           brew install postgresql@15 redis rabbitmq nginx prometheus
and, for the race detector of \`make test\`, a C compiler: gcc (Debian: gcc libc6-dev; Fedora: gcc; macOS: xcode-select --install)
HELP
  exit 3
fi

# policy-rc.d with status 101 keeps every package from starting its service. An
# image may have one of its own: that one stays as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

log=$(mktemp)
step() { # step TEXT COMMAND...: one line of progress; the command's own words only if it fails
  local text=$1 begun=$SECONDS
  shift
  printf '%s ... ' "$text" >&2
  if "$@" >"$log" 2>&1; then
    printf '%ds\n' $((SECONDS - begun)) >&2
    return
  fi
  printf 'failed\n' >&2
  tail -n 30 "$log" >&2
  exit 3
}

# NEEDRESTART_SUSPEND: some images restart services after every installation.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
if [ ${#missing[@]} -gt 0 ]; then
  step 'reading the package lists' "${apt[@]}" update
  step "installing ${missing[*]}" "${apt[@]}" install --no-install-recommends "${missing[@]}"
fi
if [ ${#optional[@]} -gt 0 ]; then
  (step 'reading the package lists' "${apt[@]}" update && step "installing ${optional[*]}" "${apt[@]}" install --no-install-recommends "${optional[@]}") ||
    echo "${optional[*]} is not installed: the tests in a browser are skipped" >&2
fi
rm -f "$log"
