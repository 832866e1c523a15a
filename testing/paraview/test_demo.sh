#!/bin/bash
# The demo on an appended heart without maps, and on a broken one: test_demo.sh PVPYTHON SCRIPTS FOLDER ARGUMENTS...
# FOLDER has heart_appended.vtu; ARGUMENTS go to demo.py.
set -euo pipefail
pvpython=$1 scripts=$2 folder=$3
shift 3
arguments=("$@")
demo() {
  env LD_PRELOAD="$METAPINN_EXPAT" "$pvpython" "$scripts/demo.py" --out "$folder/demo" "$@" "${arguments[@]}" 2>&1
}
mkdir -p "$folder/demo"
output=$(demo --heart "$folder/heart_appended.vtu")
printf '%s\n' "$output"
for words in "AT_00, AT_01, AT_02, AT_03, AT_04" "activation time (AT)" "conduction velocity (CV)" "PDE residual" \
  "time to personalize" "no accuracy is claimed" "demo.png"; do
  [[ $output == *"$words"* ]] || { printf 'not so: it says "%s"\n' "$words" && exit 1; }
done
[[ -s $folder/demo/demo.png && -s $folder/demo/demo.pvsm ]]
printf 'no mesh' >"$folder/broken.vtu"
if output=$(demo --heart "$folder/broken.vtu"); then
  printf 'not so: a broken heart is refused\n'
  exit 1
fi
[[ $output == *"broken.vtu"*"damaged or cut short"* ]] || { printf '%s\n' "$output" && exit 1; }
