# SPDX-License-Identifier: MIT
"""Prints a GoogleTest report (JSON) as result lines: REPORT OUTPUT PREFIX EXIT-CODE. The program's
output is where the reasons of skipped tests are: this GoogleTest does not put them in the report."""

import json
import re
import sys


def skip_reasons(output: str) -> dict[str, str]:
    reasons = {}
    pattern = re.compile(r"^\[ RUN +\] (\S+)\n((?:(?!\[).*\n)*)\[  SKIPPED \]", re.MULTILINE)
    for name, text in pattern.findall(output):
        reason = re.sub(r"^\S+:\d+: Skipped$", "", text, flags=re.MULTILINE)
        reasons[name] = " ".join(reason.split())
    return reasons


def main() -> int:
    path, output, prefix, code = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    with open(output, encoding="utf-8", errors="replace") as file:
        reasons = skip_reasons(file.read())
    ran = failed = 0
    with open(path, encoding="utf-8") as file:
        suites = json.load(file)["testsuites"]
    for suite in suites:
        for test in suite["testsuite"]:
            name = f"{prefix}/{suite['name']}.{test['name']}"
            if test.get("failures"):
                failed += 1
                print("FAIL", name, " ".join(test["failures"][0]["failure"].split()))
            elif test.get("result") == "SKIPPED":
                reason = reasons.get(f"{suite['name']}.{test['name']}")
                print("SKIP", name, reason or "no reason given")
            elif test.get("status") == "RUN":
                ran += 1
                print("PASS", name)
    if code != 0 and not failed:
        print("FAIL", prefix, f"exit code {code} with no failed test")
    elif ran == 0 and not failed:
        print("FAIL", prefix, "no test ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
