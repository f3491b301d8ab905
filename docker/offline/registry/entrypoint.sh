#!/bin/sh
# A configuration file, a sub-command or an option goes to the registry; anything else runs as it stands.
set -e
case "$1" in
    *.yaml | *.yml) set -- registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- registry "$@" ;;
esac
exec "$@"
