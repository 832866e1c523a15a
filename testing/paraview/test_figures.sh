#!/bin/bash
# Every script that draws a figure of the study, with the test's weights: that it makes what it says, and what it says
# of what it cannot use. test_figures.sh PVPYTHON SCRIPTS FOLDER PROGRAM PLUGIN
set -euo pipefail
pvpython=$1 scripts=$2 folder=$3/figures program=$4 plugin=$5
script() {
  local name=$1
  shift
  env LD_PRELOAD="$METAPINN_EXPAT" "$pvpython" "$scripts/$name.py" "$@" 2>&1
}
made() {
  local path
  for path in "$@"; do
    [[ -s $folder/$path ]] || { printf 'not so: %s is made\n' "$path" && exit 1; }
  done
}
# refused WORDS NAME ARGUMENT...: the script says so, and fails
refused() {
  local words=$1 output
  shift
  if output=$(script "$@"); then printf 'not so: %s is refused\n' "$words" && exit 1; fi
  [[ $output == *"$words"* && $output != *Traceback* ]] || { printf '%s\n' "$output" && exit 1; }
}
rm -rf "$folder"
mkdir -p "$folder/recorded"

cat >"$folder/study.json" <<'TEXT'
{"protocol": "study", "rows": [
{"table": "segments", "method": "healthy", "fitted_to": "nothing", "origin": "given", "k": 0, "metric": "at_scc", "region": "all", "mean": 0.8, "sd": 0.1, "n": 2},
{"table": "segments", "method": "multi-PINN", "fitted_to": "whole map", "origin": "not used", "k": 0, "metric": "at_scc", "region": "all", "mean": 0.9, "sd": 0.1, "n": 2},
{"table": "segments", "method": "multi-PINN", "fitted_to": "whole map", "origin": "not used", "k": 0, "metric": "seconds", "region": "all", "mean": 2.0, "sd": 0.1, "n": 2}]}
TEXT
script figure_study --study "$folder/study.json" --out "$folder/accuracy.png"
made accuracy.png
refused "no method 'nobody'" figure_study --study "$folder/study.json" --out "$folder/none.png" --methods nobody

script figure_methods --plugin "$plugin" --methods "physics-based (released)" meta-PINN healthy --given-origins \
  --out "$folder/fields.png"
made fields.png
printf 'no mesh' >"$folder/broken.vtu"
refused "broken.vtu" figure_methods --plugin "$plugin" --heart "$folder/broken.vtu" --out "$folder/none.png"

"$program" phantom --maps 0 --quiet --out "$folder/heart.vtu"
output=$(script sock_paced --program "$program" --heart "$folder/heart.vtu" --out "$folder" --pacings 2 --refine 0) ||
  { printf '%s\n' "$output" && exit 1; }
for words in "meta-PINN " "physics-based, AHA-17 " "multi-PINN " alikeness; do
  [[ $output == *"$words"* ]] || { printf '%s\nnot so: it says "%s"\n' "$output" "$words" && exit 1; }
done
made paced.json paced.vtp paced.png
# Recorded maps of the same heart: those just predicted, which the script finds again where it is given all of them. What
# an electrode has not measured is neither fitted to nor compared with, whichever way the sock says it.
cat >"$folder/holes.py" <<TEXT
import sys
sys.path.insert(0, "$scripts")
from heart_files import read, write
from vtkmodules.numpy_interface import dataset_adapter
mesh = read("$folder/paced.vtp")[1]
data = dataset_adapter.WrapDataObject(mesh).PointData
measured = data["measured"]
data["AT_truth"][:20] = -10000
data["AT_truth"][20:40] = float("nan")
data["AT_truth"][measured == 0] = 1e6
write(mesh, "$folder/holes.vtp")
TEXT
env LD_PRELOAD="$METAPINN_EXPAT" "$pvpython" "$folder/holes.py"
output=$(script sock_paced --program "$program" --heart "$folder/heart.vtu" --sock "$folder/holes.vtp" --out "$folder/recorded" \
  --arrays AT_truth AT_multiPINN --pacings 1) || { printf '%s\n' "$output" && exit 1; }
[[ $output =~ multi-PINN\ +at_scc\ +(0\.9|1\.000) ]] || { printf '%s\n' "$output" && exit 1; }
made recorded/paced.json recorded/paced.vtp recorded/paced.png
refused "no point array 'LAT'" sock_paced --program "$program" --heart "$folder/heart.vtu" --sock "$folder/paced.vtp" \
  --arrays AT_truth LAT --out "$folder"
refused "--pacings is 7" sock_paced --program "$program" --heart "$folder/heart.vtu" --sock "$folder/paced.vtp" \
  --arrays AT_truth AT_multiPINN --pacings 7 --out "$folder"
# A heart's surface alone has no wall to pace in.
refused "nodes inside its LV wall" sock_paced --program "$program" --heart "$folder/paced.vtp" --out "$folder"

# The paced map stands in for a recorded one.
output=$(script sock_recorded --program "$program" --sock "$folder/paced.vtp" --array AT_truth --out "$folder" --draws 1) ||
  { printf '%s\n' "$output" && exit 1; }
[[ $output == *"linear interpolation, 0.8"* && $output == *"multi-PINN, 0.8"* ]] || { printf '%s\n' "$output" && exit 1; }
made recorded.json recorded.vtp recorded.png
refused "no point array 'LAT'" sock_recorded --program "$program" --sock "$folder/paced.vtp" --array LAT --out "$folder"
for path in none.png paced_truth.vtu paced_measured.vtu paced_answer.vtu given.vtp answer.vtp; do
  [[ ! -e $folder/$path ]] || { printf 'not so: %s is not left behind\n' "$path" && exit 1; }
done
printf 'all is well\n'
