"""test_summary.py RESULTS.xml: what CTest's JUnit file says, for a person: the output of what failed, the name and reason of
what was skipped, the slowest, and the counts in a closing line. Exit status 1 when a test failed, or none ran."""

import re
import sys
import xml.etree.ElementTree as ElementTree

N_SLOWEST = 5
# How GoogleTest, pytest -rs and our own runners say why.
REASON = re.compile(r"^\S+: Skipped\n(.+)|^SKIPPED \[\d+\] \S+: (.+)|^Skipped: (.+)", re.MULTILINE)


def output(case):
    return (case.findtext("system-out") or "").strip()


def reasons(case):
    return ["".join(groups).strip() for groups in REASON.findall(output(case))]


def report_failed(cases):
    for case in cases:
        print(f"\n-- failed: {case.get('name')}\n{output(case)}")


def report_skipped(cases):
    for case in cases:
        why = "; ".join(dict.fromkeys(reasons(case))) or case.find("skipped").get("message", "no reason given")
        print(f"skipped: {case.get('name')}: {why}")


def report_slowest(cases):
    slowest = sorted(cases, key=lambda case: -float(case.get("time", 0)))[:N_SLOWEST]
    print("slowest: " + ", ".join(f"{case.get('name')} {float(case.get('time', 0)):.1f} s" for case in slowest))


def main(path):
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        sys.exit(f"error: no test results: {error}")
    skipped = [case for case in cases if case.find("skipped") is not None]
    failed = [case for case in cases if case.get("status") == "fail" or case.find("failure") is not None]
    passed = [case for case in cases if case not in skipped and case not in failed]
    report_skipped(skipped + [case for case in passed if reasons(case)])
    report_failed(failed)
    if cases:
        report_slowest(cases)
    print(f"\n{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
