#!/bin/sh
# Prepares the image in which Gradescope grades: @tasks@.
# Written by `harness package gradescope`. Gradescope runs it once, as root, when the autograder is built.
# It installs what submissions are built and run with, as far as it is missing, and tries the harness.
set -u
here=${AUTOGRADER:-/autograder}/source
wanted=

# need TOOL PACKAGE...: a tool, and the packages that bring it.
need() {
    if command -v "$1" >/dev/null 2>&1; then
        echo "setup: $1 is there"
    else
        echo "setup: $1 is missing"
        shift
        wanted="$wanted $*"
    fi
}

@needs@

if [ -n "$wanted" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        why="there is no apt-get in this image"
    elif apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $wanted; then
        why=
    else
        why="apt-get failed; is there a network?"
    fi
    if [ -n "$why" ]; then
        echo "setup: not installed:$wanted ($why)"
        echo "setup: submissions that need them will be reported as not gradable, with that reason"
    fi
fi

chmod +x "$here/harness" "$here/run_autograder"
if ! "$here/harness" --version; then
    echo "setup: the harness does not run in this image. Build it on an image that is as old as this one, or for"
    echo "setup: the target x86_64-unknown-linux-musl, and make the package again with --harness FILE."
    exit 1
fi
"$here/harness" doctor
exit 0
