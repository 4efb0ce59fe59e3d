# SPDX-License-Identifier: MIT
"""Prints a GoogleTest report (JSON) as result lines: REPORT PREFIX EXIT-CODE."""

import json
import sys


def main() -> int:
    path, prefix, code = sys.argv[1], sys.argv[2], int(sys.argv[3])
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
                reasons = [s.get("message", "") for s in test.get("skipped", [])]
                print("SKIP", name, " ".join(" ".join(reasons).split()) or "no reason given")
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
