"""Counts what the tests did, from the JUnit files that ctest wrote: summary.py LOG_FOLDER SUITE...

A program of cmocka tests counts as its single tests, skipped ones as skipped. Exits non-zero where a test failed."""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = {"passed": r"\[  PASSED  \] (\d+) test", "skipped": r"\[  SKIPPED \] (\d+) test"}


def count(case):
    """{outcome: number} of one ctest test."""
    status = case.get("status")
    output = case.findtext("system-out") or ""
    if status in ("disabled", "notrun") or case.find("skipped") is not None:
        return {"skipped": 1} if case.find("skipped") is not None or status == "disabled" else {"failed": 1}
    single = {name: sum(map(int, re.findall(pattern, output))) for name, pattern in CMOCKA.items()}
    if status == "run":
        return single if sum(single.values()) else {"passed": 1}
    failed = len(set(re.findall(r"^\[  FAILED  \] (\w+)$", output, re.M)))
    return {**single, "failed": max(failed, 1)}


def main(folder, suites):
    total = {"passed": 0, "failed": 0, "skipped": 0}
    print(f"\n{'suite':<10} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for suite in suites:
        root = ElementTree.parse(os.path.join(folder, f"test-{suite}.xml")).getroot()
        here = dict.fromkeys(total, 0)
        remarks = []
        for case in root.iter("testcase"):
            counts = count(case)
            for outcome, number in counts.items():
                here[outcome] += number
            remarks += [f"  {outcome}: {case.get('name')}" for outcome in ("failed", "skipped") if counts.get(outcome)]
        print(f"{suite:<10} {here['passed']:>7} {here['failed']:>7} {here['skipped']:>8} {float(root.get('time', 0)):>8.0f}")
        print("\n".join(remarks) + "\n" if remarks else "", end="")
        for outcome in total:
            total[outcome] += here[outcome]
    print(f"\nThe tests' output is in {folder}/test-*.log")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
