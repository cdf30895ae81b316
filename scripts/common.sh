# What several scripts need; sourced, never run.  Sets $root, and the help
# text of a script is the comment at its top.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=${BUILD:-$root/build}

# In the environment of an nginx, NGINX names inherited sockets; so it goes by
# another name from here on.
export NGINX_BINARY=${NGINX_BINARY:-${NGINX-}}
unset NGINX

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# help_if_asked "$@": prints the first comment block of the calling script.
help_if_asked() {
    case ${1-} in
    -h|--help)
        sed -n '2,/^$/ { s/^# \{0,1\}//p }' "$0"
        exit 0
    esac
}

# The nginx to build for, test and run: NGINX=, or the one built from
# NGINX_SRC, or the one on PATH (a plain user's PATH lacks /usr/sbin).
find_nginx() {
    if [[ -n $NGINX_BINARY ]]; then
        command -v -- "$NGINX_BINARY" || die "no nginx at $NGINX_BINARY"

    elif [[ -n ${NGINX_SRC-} ]]; then
        printf '%s\n' "$build/vanilla/objs/nginx"

    else
        PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v nginx ||
            die "no nginx on PATH (scripts/install-deps build)"
    fi
}

# nginx_option NAME: the value of --NAME= that nginx was configured with.
nginx_option() {
    "$(find_nginx)" -V 2>&1 | tr ' ' '\n' | sed -n "s/^--$1=//p" | tail -n 1
}
