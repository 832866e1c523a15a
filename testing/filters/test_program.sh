#!/bin/bash
# The program metapinn on VTK's files: test_program.sh METAPINN WEIGHTS FOLDER. Appended and other files come from FOLDER.
set -uo pipefail
metapinn=$1 weights=$2 folder=$3
failures=0

says() { # says WORDS STATUS COMMAND...: the command ends with this status and says these words in one line
  local words=$1 status=$2 output code=0
  shift 2
  output=$("$@" 2>&1 >/dev/null) || code=$?
  if ((code != status)) || [[ $output != *"$words"* ]] || (($(wc -l <<<"$output") > 1)); then
    printf 'not so: "%s" ends with %d and says "%s"; it ends with %d and says: %s\n' "$*" "$status" "$words" "$code" "$output"
    failures=$((failures + 1))
  fi
}
works() {
  "$@" || {
    printf 'not so: "%s" works\n' "$*"
    failures=$((failures + 1))
  }
}

cd "$folder" || exit 2
rm -f never.vtu never.vtp
works "$metapinn" phantom --nodes 1700 --seed 3 --refine 0 --quiet --out heart.vtu
grep -q 'format="binary"' heart.vtu || { printf 'not so: binary mode\n' && failures=$((failures + 1)); }
works "$metapinn" simulate heart.vtu --origin 0,0,0 --name AT_again --quiet --out simulated.vtu
works "$metapinn" personalize heart.vtu --context AT_00 --context AT_01 --query AT_02 --model "$weights" --quiet \
  --out twin.vtu >/dev/null
grep -q 'PDEResidual' twin.vtu || { printf 'not so: results in the file\n' && failures=$((failures + 1)); }
for mode in appended raw binary ascii; do # under one name, since the output tells of the command
  cp "$mode.vtu" block.vtu
  works "$metapinn" simulate block.vtu --origin 0,0,0 --cv 0.5 --quiet --out out.vtu
  mv out.vtu "from-$mode.vtu"
  works cmp -s from-appended.vtu "from-$mode.vtu"
done
works "$metapinn" simulate appended.vtp --origin 0,0,0 --cv 0.5 --quiet --out from-appended.vtp

head -c 2000 heart.vtu >cut.vtu
printf 'not a mesh' >text.vtu
: >nothing.vtu
says cut.vtu 1 "$metapinn" simulate cut.vtu --origin 0,0,0 --quiet --out never.vtu
says text.vtu 1 "$metapinn" simulate text.vtu --origin 0,0,0 --quiet --out never.vtu
says nothing.vtu 1 "$metapinn" simulate nothing.vtu --origin 0,0,0 --quiet --out never.vtu
says missing.vtu 1 "$metapinn" simulate missing.vtu --origin 0,0,0 --quiet --out never.vtu
says "only quadrilaterals" 1 "$metapinn" simulate quads.vtp --origin 0,0,0 --quiet --out never.vtp
says "name a .vtu file" 1 "$metapinn" simulate heart.vtu --origin 0,0,0 --quiet --out never.vtp
says "no/such/folder" 1 "$metapinn" simulate heart.vtu --origin 0,0,0 --quiet --out no/such/folder/out.vtu
[[ ! -e never.vtu && ! -e never.vtp ]] || { printf 'not so: nothing half-written\n' && failures=$((failures + 1)); }
compgen -G '*.tmp*' && { printf 'not so: no temporary file is left\n' && failures=$((failures + 1)); }
exit $((failures > 0))
