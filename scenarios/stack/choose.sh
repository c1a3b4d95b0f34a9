#!/usr/bin/env bash
# Which stack `make` takes when nobody says: prints docker where a container engine
# and docker compose answer, native otherwise, and to stderr why, in one line. Native
# needs no engine, so that nothing here is an error.
#
# `lab doctor` explains the same at length, and a test holds the two together.
set -euo pipefail

engine_needed=25 # the first that knows start_interval of a health check
compose_needed=2 # the first that knows conditions and profiles together

native() {
  echo "stack: native, since $1 (lab doctor says more; STACK=docker insists)" >&2
  echo native
  exit 0
}

ask() { # ask COMMAND...: its answer; none if it does not come soon, as from an engine that hangs
  if command -v timeout >/dev/null; then
    timeout 5 "$@" 2>/dev/null || true
  else
    "$@" 2>/dev/null || true
  fi
}

major() { # major VERSION: its first number; 0: there is none
  local n=${1#v}
  n=${n%%.*}
  [[ $n =~ ^[0-9]+$ ]] && echo "$n" || echo 0
}

command -v docker >/dev/null || native "there is no docker command"
engine=$(ask docker version --format '{{.Server.Version}}')
[ -n "$engine" ] || native "no container engine answers"
[ "$(major "$engine")" -ge $engine_needed ] || native "container engine $engine is older than $engine_needed"
compose=$(ask docker compose version --short)
[ "$(major "$compose")" -ge $compose_needed ] || native "docker compose is missing or older than $compose_needed"

echo "stack: docker, since container engine $engine answers, and compose $compose (STACK=native takes this machine's own servers)" >&2
echo docker
