"""The shell: it does what bash and dash do, ends what does not end by itself, and names what it leaves to others."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from autograder.domain.metadata_action import Run
from autograder.pipelines import github, gitlab
from autograder.pipelines import shell as shells
from autograder.pipelines.job_state import NotDecided, Unsupported
from autograder.pipelines.shell import BASH_ONLY, NOT_IN_DASH, Answer, Call, Ended, Shell, adapted, joined, not_posix
from autograder.quality.steps import in_ci

ENV = {"TAGS": "r/a:1\nr/a:2", "TAG": "v1.2.3", "REF": "refs/tags/v1.2.3", "LIST": "p,q"}
Calls = list[list[str]]

# Forms that any shell knows ...
POSIX = r"""
docker push a b 'c d' "e $TAG" f\ g
docker push "$UNSET" ${UNSET:-x} "${TAG#v}" "${TAG%.*}" "${REF##*/}" "${REF%%/*}" "${TAG:+set}" "${#TAG}"
docker fail || { docker no; exit 1; }
if ! docker fail; then docker no; exit 3; fi
if docker fail; then docker yes; elif docker ok; then docker else; fi
set +e; docker fail; code=$?; docker push $code; exit $code
docker fail; docker after
docker fail && docker after; docker then
docker fail || true; docker after
! docker fail && docker after
x=$(docker fail); docker after
export V=$(docker fail); docker after
publish() { docker tag b "$1"; docker push "$1"; }; for t in a:1 a:2; do publish "$t"; done
[ "$TAG" = push ] || exit 0; docker after
[ -n "$TAG" ] && docker set
test -f nofile && docker push a; docker push b
V=$(echo "$TAG" | sed 's/^v//'); docker push "a:$V"
docker push "a:$(echo "$TAG" | cut -c2-)"
docker push "a:$(echo "$TAG" | awk -F. '{print $1"."$2}' | tr -d v)"
echo "$TAGS" | while read -r name; do docker push "$name"; done
echo "$TAGS" | while IFS=: read -r n t; do docker push "$n" "$t"; done
echo "$TAGS" | xargs -n 1 docker push
printf '%s\n' a b | xargs -I{} docker push {}
for t in $TAGS; do docker push "$t" || exit 1; done
IFS=,; for t in $LIST; do docker push "$t"; done
case "$TAG" in v*) docker push "${TAG#v}";; *) exit 3;; esac
case $TAG in v[0-9]*.[0-9]*.[0-9]*-*) docker pre;; v[0-9]*) docker release;; esac
i=0; while [ $i -lt 3 ]; do docker push $i; i=$((i+1)); done
n=0; until docker fail; do n=$((n+1)); [ $n -ge 3 ] && break; done; docker end
cat > f <<EOF; docker push "$(cat f)"
a: $TAG
EOF
cat > f <<'EOF'; docker push "$(cat f)"
a: $TAG
EOF
cat <<-EOF | docker login
	secret
	EOF
docker push a > out.txt 2>&1; cat out.txt; docker push b >> out.txt; cat < out.txt
(cd /tmp && docker build .); docker push a
{ docker push a; docker push b; } | cat
trap 'docker logout' EXIT; docker fail; docker after
trap 'docker bye' EXIT; docker push a
docker push a & wait; docker push b
docker push a \
  --all-tags
docker push a # comment
docker push "$(docker out)" `docker out`
echo 'Y=2' > v.env; . ./v.env; docker push "$Y"
eval "docker push $TAG"
set -u; docker push "${UNSET-}"; docker push $UNSET; docker after
: "${UNSET:?must be set}"; docker after
X=1 docker env; docker env
export X=1; docker env
unset TAG; docker push "${TAG-none}"
set -- a b c; docker push "$2" "$#" "$@"; shift; docker push "$*"
f() { return 3; }; f || docker push $?
exit 5; docker after
exec docker push a; docker after
command docker push a; docker push b
docker push "$((2 * 3 + 0x10))"
mkdir -p d/e; echo hi > d/e/f; docker push "$(cat d/e/f)"; ls d
echo abc | grep -q b && docker found; echo abc | grep -q z || docker missing
docker push "$(printf '%s-%03d' v 7)"
docker push "$(basename "$REF")" "$(dirname "$REF")"
docker out | tee log; cat log
docker push "$(printf 'b\na\nb\n' | sort -u | paste -sd, -)"
docker push "$(seq 1 3 | tr '\n' ' ')"
nosuchprogram; docker after
nosuchprogram || docker after
while true; do docker once; break; done; for t in a b; do [ $t = a ] && continue; docker push $t; done
docker push * ; touch x.tar; docker push *.tar
cat nofile; docker after
cat nofile || docker after
true && false; docker after
if [ "$TAG" = "v1.2.3" ] && [ -z "$UNSET" ]; then docker both; fi
(exit 3); docker after
(exit 3) || docker push $?
docker fail | cat; docker after
""".strip()

# ... and those of bash.
BASH = r"""
[[ "$TAG" == v* && -n $LIST ]] && docker push ok
[[ "$REF" =~ ^refs/tags/v([0-9]+)\.([0-9]+) ]] && docker push "${BASH_REMATCH[1]}.${BASH_REMATCH[2]}"
a=(x y z); for i in "${a[@]}"; do docker push "$i"; done; docker push "${#a[@]}" "${a[-1]}"
T=(a b); docker push "${T[@]/#/p-}" ${T[@]/%/:1}
declare -A M=([a]=1 [b]=2); docker push "${M[b]}"
mapfile -t L <<< "$TAGS"; for t in "${L[@]}"; do docker push "$t"; done
mapfile -t L < <(echo "$TAGS"); docker push "${L[1]}"
read -ra A <<< "a b c"; docker push "${A[1]}"
IFS=',' read -r a b <<< "x,y"; docker push "$a-$b"
docker login <<< "secret"
for ((i=0;i<3;i++)); do docker push "$i"; done
docker push "${TAG^^}" "${TAG/v/V}" "${TAG//./-}" "${TAG:1:3}" "${TAG:1}"
set -o pipefail; docker fail | cat; docker after
set -euo pipefail; docker fail | tee log; docker after
docker push a |& cat
docker push a &> out; cat out
source <(echo 'X=1'); docker push "$X"
trap 'docker rollback' ERR; docker fail; docker after
function f { docker push "$1"; }; f a
f() { local y=$1; shift; docker push "$y" "$@"; }; f a --quiet
printf -v T '%s-%03d' v 7; docker push "$T"
docker push {a,b}:1 {1..3}
docker push $'a\nb'
((1 > 2)) || docker push no
(( i = 3 )); docker push $i
docker push "${LIST%,*}" "${LIST##*,}" "${!TAG*}"
while IFS= read -r l; do docker push "$l"; done <<< "$TAGS"
select_one() { case $1 in a|b) docker push "$1" ;;& *) docker all ;; esac; }; select_one a
coproc true; docker after
time docker push a
""".strip()
# ... and those of BusyBox's shell, which is that of Alpine's images; bash has nearly all of them.
ASH = r"""
cat <(docker out)
echo -e "a\tb"; echo "a\tb"; echo -n x; docker push "$(echo -e 'a\nb' | tail -n 1)"
f() { local x=1 y=2; docker push $x$y; }; f
set -o pipefail; docker fail | cat; docker after
set -euo pipefail; docker push a | cat; docker push $UNSET
[[ $TAG == v* ]] && docker push ok; [[ $TAG != v* ]] || docker push too
[[ $TAG =~ ^v[0-9] ]] && docker push ok
r='^v([0-9]+)'; [[ $TAG =~ $r ]] && docker push ok
[[ $TAG =~ "^v([0-9]+)" ]] || docker push no
[[ -n $TAG && -z $UNSET || $TAG = x ]] && docker push ok
if [[ ! -f nofile ]]; then docker push ok; fi
[[ -n $UNSET ]] && docker push "a variable that is empty is no word"
[[ -z $UNSET ]] && docker push ok
if [[ -n "$UNSET" ]]; then docker push no; elif [[ -n $TAG || -n "$UNSET" ]]; then docker push yes; fi
[[ $UNSET == main ]] || docker push ok
[[ $TAG == 'v1.2.3' && ! -f nofile ]] && docker push ok
[[ $TAG =~ '^v[0-9]+' ]] && docker push ok
[ "$TAG" == v1.2.3 ] && docker push ok
docker push a &> o; cat o
let i=1+1; docker push $i
i=1; docker push $((i++)) $i $((2**3))
source /dev/null; docker push ok
function f { docker push "$1"; }; f a
trap 'docker rollback' ERR; docker fail
docker push "$(printf '1.10\n1.9\n' | sort -V | tail -n1)"
docker push "$(echo "$TAG" | grep -oE '[0-9]+' | head -n 1)"
docker push "$(echo "$TAG" | sed -E 's/v([0-9]+).*/\1/')" "$(echo "$TAG" | sed -n 's/^v//p')"
docker push "$(echo u:p | base64 -w0)" "$(echo dTpwCg== | base64 -d)"
docker push "$(echo "$TAG" | awk -F'[v.]' '{print $2}')" "$(echo "$TAG" | cut -d. -f1)"
docker push "$(date -u -d @0 +%Y-%m-%dT%H:%M:%SZ)"
docker push "$(echo "$TAGS" | wc -l)" "$(echo "$TAGS" | tr '\n' ,)"
docker push "${TAG:1:3}" "${TAG/v/V}" "${TAG//./-}" $'a\tb'
A=x; A+=y; docker push $A
B=TAG; docker push "${!B}"
read -ra L < /dev/null || docker push none
docker push {a,b}:1 {1..3}
printf -v T '%s-%03d' v 7; docker push "$T"
i=1; ((i++)); docker push $i
case a in a) docker a ;& b) docker b;; esac
[[ -v TAG ]] && docker push ok
shopt -s nullglob; docker push *.tar
docker push "$(echo "$TAG" | grep -oP '\d+' | head -n 1)"
echo a | grep --quiet a && docker push ok
docker push "$(echo a:b | cut --delimiter=: --fields=1)"
echo "a b" | xargs -d ' ' -n1 docker push
echo hi > f; find . -name f -printf '%f\n'
docker push "$(date --iso-8601=seconds -d @0)"
rm --force nofile; docker push ok
""".strip()
# What BusyBox cannot read, and where the outcome is bash's all the same.
BY_CHANCE = {"((1 > 2)) || docker push no", "read -ra L < /dev/null || docker push none"}
# On these bashkit differs; none of them decides about an image. What it cannot do it refuses or says.
DIFFER = {"coproc true; docker after", 'docker push "${LIST%,*}" "${LIST##*,}" "${!TAG*}"'}


def forms(text: str) -> list[str]:
    """The forms of a table: one a line, with the lines of its here-document behind."""
    found: list[str] = []
    open_ = False
    for line in text.splitlines():
        if open_ or (found and found[-1].endswith("\\")):
            found[-1] += "\n" + line
            open_ = open_ and line.strip() != "EOF"
        else:
            found.append(line)
            open_ = "<<EOF" in line or "<<'EOF'" in line or "<<-EOF" in line
    return found


# A program that writes down its words; a shell's, since an interpreter of Python takes ten times as long to begin.
SHIM = r"""#!/bin/sh
said=
for word; do case $word in /dev/fd*) word=FD;; esac; said="$said$word@,"; done
case ${1-} in env) said="$said${X-}@,";; login) said="$said$(cat; echo .)"; said="${said%.}@,";; esac
printf '%s@;' "$said" >> LOG
case ${1-} in out) echo printed;; esac
for word; do case $word in fail) exit 1;; esac; done
exit 0
"""


def is_missing(shell: str) -> bool:
    """Whether there is no such shell to compare with. In CI each must be there, but on Windows."""
    return os.name == "nt" or (shutil.which(shell) is None and not in_ci())


@pytest.fixture(scope="module")
def applets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BusyBox as an image of Alpine has it: its programs, and none beside them."""
    folder = tmp_path_factory.mktemp("busybox")
    subprocess.run([shutil.which("busybox") or "", "--install", "-s", str(folder)], check=True, timeout=30)
    return folder


def real(shell: str, script: str, folder: Path, programs: str = "/usr/bin:/bin") -> tuple[int, str, Calls]:
    """A script in a shell of this machine."""
    log = folder / "log"
    (folder / "bin").mkdir()
    (folder / "w").mkdir()
    shim = folder / "bin" / "docker"
    shim.write_text(SHIM.replace("LOG", str(log)))
    shim.chmod(0o755)
    (folder / "script").write_text(script)
    env = ENV | {"PATH": f"{folder}/bin:{programs}", "HOME": str(folder / "w"), "LC_ALL": "C.UTF-8"}
    command = [shell, *(["--noprofile", "--norc"] if shell.endswith("bash") else []), "-e", str(folder / "script")]
    done = subprocess.run(command, cwd=folder / "w", env=env, capture_output=True, text=True, timeout=30, check=False)
    calls = log.read_text().split("@;")[:-1] if log.exists() else []
    return done.returncode, done.stdout, [call.split("@,")[:-1] for call in calls]


def ours(script: str) -> tuple[int, str, Calls]:
    """The same in our shell."""
    calls: Calls = []

    def docker(call: Call) -> Answer:
        words = ["FD" if word.startswith("/dev/fd") else word for word in call.words]
        words += [(call.env or {}).get("X", "")] if words[:1] == ["env"] else []
        words += [call.stdin] if words[:1] == ["login"] else []
        calls.append(words)
        return Answer("printed\n" if words[:1] == ["out"] else "", 1 if "fail" in words else 0)

    shell = Shell({"docker": docker}, "/w")
    shell.write("/w/.script", script)
    ended = shell.run("sh -e .script > .out", ENV | {"HOME": "/w"}, "/w")
    return ended.code, shell.read("/w/.out") or "", calls


@pytest.mark.slow  # it starts the shell
@pytest.mark.skipif(is_missing("bash"), reason="this machine has no bash")
@pytest.mark.parametrize("script", [form for form in forms(f"{POSIX}\n{BASH}") if form not in DIFFER])
def test_a_form_does_what_bash_does(script: str, tmp_path: Path) -> None:
    assert same(ours(script), real(shutil.which("bash") or "", script, tmp_path))


@pytest.mark.slow  # it starts the shell
@pytest.mark.skipif(is_missing("dash"), reason="this machine has no dash")
@pytest.mark.parametrize("script", forms(POSIX))
def test_a_form_of_every_shell_does_what_dash_does(script: str, tmp_path: Path) -> None:
    assert not_posix(script, "dash") == ""
    assert same(ours(adapted(script, "dash")), real(shutil.which("dash") or "", script, tmp_path))


@pytest.mark.slow  # it starts the shell
@pytest.mark.skipif(is_missing("busybox"), reason="this machine has no busybox")
@pytest.mark.parametrize("script", [form for form in forms(f"{POSIX}\n{BASH}\n{ASH}") if form not in DIFFER])
def test_a_form_does_what_busybox_does_or_is_named(script: str, tmp_path: Path, applets: Path) -> None:
    theirs = real(str(applets / "sh"), script, tmp_path, str(applets))
    named = not_posix(script, "busybox")
    if not named:
        assert same(ours(adapted(script, "busybox")), theirs)
    elif script not in BY_CHANCE:
        assert theirs != ours(script)


def same(mine: tuple[int, str, Calls], theirs: tuple[int, str, Calls]) -> bool:
    """Whether two runs agree: in calls and output, and in whether they fail."""
    assert (mine[2], mine[1]) == (theirs[2], theirs[1])
    return (mine[0] == 0) == (theirs[0] == 0)


ONLY_BASH = {
    "A+=x": "NAME+=",
    'docker push "${!TAG}"': "${!NAME}",
    "i=1; ((i++))": "((…))",
    "[[ $TAG =~ v(.*) ]]": "brackets behind =~",
    "[ -v TAG ]": "a test with -v",
    "docker push {a,b}": "{1..3}",
    "docker push a |& cat": "|&",
    "case a in a) docker a ;& b) docker b;; esac": ";&",
    "printf -v T a": "printf -v",
    "shopt -s nullglob": "shopt",
    "docker login <<< x": "<<<",
    "a=(1 2)": "an array",
    "declare -A m": "an array",
    "mapfile -t L < f": "an array",
    'docker push "${TAG^^}"': "a change of case in ${…}",
    "for ((i=0;i<3;i++)); do docker push $i; done": "for ((…))",
}


# A shell that does not know these takes them as they stand.
LITERAL = ("docker push {a,b}",)
ONLY_DASH = {
    "cat <(docker out)": "<(…)",
    '[ "$TAG" == v1.2.3 ] || exit 1': "== in a test",
    "let i=1+1": "let",
    "i=1; echo $((i++))": "++ in $((…))",
    "trap 'docker a' ERR": "trap … ERR",
}


@pytest.mark.parametrize("script", ONLY_DASH)
def test_a_form_that_dash_alone_does_not_know_is_named(script: str) -> None:
    assert not_posix(script, "dash") == ONLY_DASH[script]
    assert not_posix(script, "bash") == not_posix(script, "busybox") == ""


@pytest.mark.slow  # it starts the shell
@pytest.mark.skipif(is_missing("dash"), reason="this machine has no dash")
def test_the_echo_of_dash(tmp_path: Path) -> None:
    script = 'echo -e "a\\tb" >> f; echo "tags=a\\nb" >> f; echo -n x >> f; echo; docker push "$(cat f)"'
    assert same(ours(adapted(script, "dash")), real(shutil.which("dash") or "", script, tmp_path))


NOT_NAMED = (
    "grep -E 'P|--x' f", "apk add grep coreutils; grep -oP x f; grep --quiet x f", 'echo "grep -P"',
    "docker run --rm a",
    "trivy image --format '{{.A}},{b,c}' a", 'echo "$((1 + 2))" $((3 - 1))', "( (exit 0) )", "a=1 && b=2 || c=3",
    "find . -name a | xargs -I{} docker push {}", "date -u +%F", 'if [ "$A" = b ]; then echo "a{1,2}"; fi',
    "x &", "a&&b",
    'grep -E "^v[0-9]{1,3}$" f', "case $x in a) b;; c) d;; esac", "wget --quiet a; cp --recursive a b; sed --quiet p f",
)  # fmt: skip


@pytest.mark.parametrize("script", NOT_NAMED)
def test_what_every_shell_knows_is_not_named(script: str) -> None:
    assert not_posix(script, "busybox") == ""


@pytest.mark.parametrize("script", ONLY_BASH)
def test_a_form_of_bash_alone_is_named(script: str) -> None:
    assert not_posix(script, "busybox") == not_posix(script, "dash") == ONLY_BASH[script]
    assert not_posix(script, "bash") == ""
    assert not_posix(f"echo '{script}'", "busybox") == "" or "'" in script


@pytest.mark.slow  # it starts the shell
@pytest.mark.skipif(is_missing("dash"), reason="this machine has no dash")
@pytest.mark.parametrize(
    "script",
    [
        *(form for form in ONLY_BASH if form not in LITERAL),
        *ONLY_DASH,
        '[[ -n "$TAG" ]]',
        'echo "${TAG:1}"',
        'echo "${TAG/v/V}"',
        "function f { :; }; f",
    ],
)
def test_dash_refuses_what_is_named(script: str, tmp_path: Path) -> None:
    assert not_posix(script, "dash")
    (tmp_path / "f").write_text("")
    code, _, _ = real(shutil.which("dash") or "", f"docker() {{ :; }}\ni=0\n{script}", tmp_path)
    assert code != 0


def test_each_named_form_is_in_a_table() -> None:
    assert {*ONLY_BASH.values()} == {*BASH_ONLY}
    assert {*BASH_ONLY} < {*NOT_IN_DASH}


# -- what does not end by itself -------------------------------------------------------------------------------------

WORDS = " ".join(["a"] * 3_000)
HOSTILE = {
    "a doubling variable": "A=xxxxxxxxxxxxxxxx\n" + "A=$A$A\n" * 40 + "docker $A",
    "loops in loops": f"for a in {WORDS}; do for b in {WORDS}; do for c in {WORDS}; do A=x; done; done; done",
    "cuts": "V=" + "a" * 20_000 + "\n" + "docker tag ${V#*b*c}\n" * 20,
    "here-documents": "cat <<E" + " <<E" * 3_000 + "\nx",
    "open brackets": "$(" * 9_000,
    "open quotes": "\"`'" * 9_000,
    "a fork bomb": ":(){ :|:& };:",
    "recursion": "f(){ f; }; f",
    "a long sequence": "seq 1 100000000 | wc -l",
    "yes": "yes | head -c 100000000 | wc -c",
    "braces": "echo {1..10000000} | wc -c",
    "braces in braces": "echo " + "{a,b}" * 24 + " | wc -c",
    "a regular expression": f"[[ {'a' * 46}b =~ ^(a+)+$ ]]; echo $?",
    "sed": f"echo {'a' * 40}b | sed -E 's/(a+)+c/x/'",
    "awk": "awk 'BEGIN{while(1){}}'",
    "awk's memory": "awk 'BEGIN{s=\"x\";while(1){s=s s}}'",
    "jq": "jq -n '[limit(1000000000;repeat(1))]|length'",
    "a width": "printf '%1000000000d' 1 | wc -c",
    "arithmetic": "echo $((2**100000)); for ((;;)); do :; done",
    "a growing file": "while true; do cat big big > b2; mv b2 big; echo x >> big; done",
    "a pattern": f"case {'a' * 3_000} in *a*a*a*a*a*a*a*a*b) echo x;; esac",
    "an endless wait": "sleep 100000",
    "an endless loop that forgives": "while true; do :; done || true; docker push a",
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_script_asks_for_it_ends(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "SECONDS", 1.0)  # some of them are ended by nothing else
    shell = Shell({"docker": lambda call: Answer(), "sleep": lambda call: Answer()}, "/w")
    began = time.process_time()
    try:
        ended = shell.run(script, {}, "/w", "-e")
    except Unsupported as problem:
        assert isinstance(problem, NotDecided) or "too much" in str(problem) or "characters" in str(problem)
    else:
        assert isinstance(ended, Ended)
    assert time.process_time() - began < 8


def slow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A machine on which everything that a script does takes so long."""
    monkeypatch.setattr(shells, "clock", partial(next, itertools.count(0.0, seconds)))


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ("docker push a", 60),
        ("docker fail", 5),
        ("timeout 2 docker push a", 2),
        ("read -r -t 1 x || docker push a", 1.5),
    ],
)
def test_what_a_clock_may_have_decided_is_no_fault_of_the_script(
    script: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, seconds)
    with pytest.raises(NotDecided, match="did not end within 5 seconds on this machine"):
        Shell({"docker": lambda call: Answer()}, "/w").run(script, {}, "/w", "-e")


@pytest.mark.parametrize(
    "script", ["docker push a", "timeout 600 docker push a", "echo a | { read -r x; docker push $x; }"]
)
def test_a_slow_machine_is_waited_for(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 4.9)
    assert Shell({"docker": lambda call: Answer()}, "/w").run(script, {}, "/w", "-e").code == 0


def test_a_script_that_is_ended_by_the_clock_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "SECONDS", 0.05)

    def late(call: Call) -> Answer:
        time.sleep(0.06)
        return Answer()

    with pytest.raises(NotDecided):
        Shell({"docker": late}, "/w").run("docker a || true; docker b || true", {}, "/w")


def test_a_count_is_a_fault_of_the_script_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, 0.001)
    with pytest.raises(Unsupported, match="comes to too much: maximum command count") as caught:
        Shell({}, "/w").run("while :; do :; done", {}, "/w")
    assert not isinstance(caught.value, NotDecided)


def test_what_a_program_raises_comes_out() -> None:
    def broken(call: Call) -> Answer:
        raise Unsupported("no further")

    with pytest.raises(Unsupported, match="no further"):
        Shell({"docker": broken}, "/w").run("docker push a || true", {}, "/w")


def test_a_script_leaves_files_and_no_variables() -> None:
    shell = Shell({}, "/w")
    assert shell.run("X=1; export Y=2; cd /tmp; f() { :; }; echo hi > /w/f", {"A": "1"}, "/w", "-e").code == 0
    ended = shell.run('cat f; [ -z "$X$Y$A" ]; f', {}, "/w", "-e")
    assert (ended.code, ended.said) == (127, "line 1: f: command not found")


@pytest.mark.parametrize(
    ("folder", "path", "full"), [("/a", "b", "/a/b"), ("/a", "../c/./d", "/c/d"), ("/a", "/x", "/x")]
)
def test_paths(folder: str, path: str, full: str) -> None:
    assert joined(folder, path) == full


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_nothing_of_a_machine_is_left() -> None:
    """A class has thousands of runs in one process, and each shell has files that are open."""
    workflow = {
        "on": "push",
        "jobs": {"a": {"runs-on": "ubuntu-24.04", "steps": [{"run": "docker build ."}, {"run": "cat nofile"}]}},
    }
    pipeline = {"a": {"image": "docker:29.7.2", "script": ["docker build -t a .", "docker push a"]}}
    event = Run("push", "refs/heads/main", "a" * 40, datetime(2026, 1, 1, tzinfo=UTC), {}, "main", "o/r")

    def opened() -> int:
        github.run(workflow, event)
        gitlab.pipeline(pipeline, {"CI_COMMIT_BRANCH": "main", "CI_PIPELINE_SOURCE": "push"})
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    assert max(opened() for _ in range(20)) <= before
