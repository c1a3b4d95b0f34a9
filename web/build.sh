#!/usr/bin/env bash
# Builds the pages into web/dist: dependencies when the lock file has changed, the
# pages when a source is newer than they are.
#
# With --if-possible it is no error that Node is missing or that the packages
# cannot be had: it says so, and nginx serves the notice of web/unbuilt. Without,
# that is exit status 3. A source that does not build is always an error.
set -euo pipefail
cd "$(dirname "$0")"
optional=${1:-}

without() { # without REASON: there will be no new pages
  echo "web: $1" >&2
  if [ -f dist/index.html ]; then
    echo "web: the pages stay as they were built before" >&2
  else
    echo "web: the shop's pages are not built; a notice stands in their place, and the API is whole" >&2
  fi
  [ "$optional" = --if-possible ] && exit 0
  exit 3
}

command -v node >/dev/null && command -v npm >/dev/null ||
  without "Node is missing. Install Node 20.19 or newer (https://nodejs.org), then: make web"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' ||
  without "Node $(node --version) is too old. Install Node 20.19 or newer, or 22.12 or newer (https://nodejs.org), then: make web"

# npm's own note of what it has installed does not say which lock file that was.
installed=node_modules/.lock-installed
if ! cmp -s package-lock.json "$installed"; then
  echo "web: installing the packages of package-lock.json" >&2
  said=$(npm ci --loglevel=error 2>&1) || {
    head -n 8 <<<"$said" >&2
    without "the packages cannot be installed (is there a network?)"
  }
  cp package-lock.json "$installed"
fi

# Directories count, too: one that is newer has lost or gained a file.
if [ -f dist/index.html ] && [ -z "$(find index.html package-lock.json vite.config.js src public -newer dist/index.html -print -quit)" ]; then
  exit 0
fi
npx --no-install vite build --logLevel warn
