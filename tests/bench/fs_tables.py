# SPDX-License-Identifier: MIT
"""The tables of the file system part of `make bench`, and what is demanded beside what was measured."""

from fs_part import PEERS
from fs_rows import ROWS, Row

TITLES = {name: peer.title for name, peer in PEERS.items()}


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def times(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def faster(found: dict, other: str) -> float:
    """How many times as fast ours is."""
    return found[other]["seconds"] / found["ours"]["seconds"]


def cheaper(found: dict) -> list[float]:
    """How many times as much processor time of the host, the guest's included, the cheaper of 9p and
    virtiofs took, and stock vboxsf: what a busy machine hardly changes."""
    if "ours" not in found or found["ours"]["processor"] <= 0:
        return []
    others = [found[name]["processor"] for name in ("9p", "virtiofs") if name in found]
    stock = [found["stock"]["processor"]] if "stock" in found else []
    return [spent / found["ours"]["processor"]
            for spent in ([min(others)] if others else []) + stock]


def best_peer(found: dict) -> str | None:
    """The fastest of those that are not vboxsf."""
    others = [name for name in ("9p", "virtiofs") if name in found]
    return min(others, key=lambda name: found[name]["seconds"]) if others else None


def verdict(row: Row, want: str, found: dict, results: dict) -> tuple[str, bool] | None:
    """What is demanded, with what was measured; None if a peer is missing."""
    ours = found["ours"]
    calls = ours["calls"] / row.per_count
    waited = (ours["calls"] - ours["unwaited"]) / row.per_count
    best = best_peer(found)
    if want == "call/MiB":
        # Opening, closing and asking for the times are three calls more, however large the file.
        calls = (ours["calls"] - 3) / row.per_count
        return f"at most 1 call for each MiB ({number(calls)})", calls <= 1
    if want == "3 calls/directory":
        # And one to find the tree.
        calls = (ours["calls"] - 1) / row.per_count
        return f"at most 3 calls for each directory ({calls:.2f})", calls <= 3
    if want == "no call":
        return f"no call ({ours['calls']:.0f})", ours["calls"] == 0
    if want.endswith(" waited"):
        limit = int(want.split()[0])
        # A READ is started without waiting, but who reads a small file waits for its end.
        if row.key == "small":
            waited = calls - 1
        # A few names are looked up before their directory is listed.
        return f"at most {limit} waited for ({waited:.2f})", waited <= limit + 0.05
    if want == "15x stock" and "stock" in found:
        return f"15 times stock ({times(faster(found, 'stock'))})", faster(found, "stock") >= 15
    if want == "virtiofs" and "virtiofs" in found:
        return f"virtiofs ({times(faster(found, 'virtiofs'))})", faster(found, "virtiofs") > 1
    if want in ("best peer", "5x best peer") and best:
        factor = 5 if want.startswith("5x") else 1
        text = "5 times the best" if factor == 5 else "the best"
        return f"{text} ({times(faster(found, best))})", faster(found, best) >= factor
    if want == "not slowed" and "readers" in results:
        ratio = ours["seconds"] / results["readers"]["ours"]["seconds"]
        return f"not slowed ({times(ratio)} times as long)", ratio < 1.2
    return None


def print_times(results: dict) -> None:
    names = [name for name in TITLES if any(name in found for found in results.values())]
    print("| | unit | " + " | ".join(TITLES[name] for name in names) +
          " | ours : best of 9p and virtiofs | ours : stock | the same in processor time |")
    print("|---" * (len(names) + 5) + "|")
    for row in ROWS:
        found = results.get(row.key)
        if not found:
            continue
        cells = [number(row.value(found[name]["seconds"])) if name in found else ""
                 for name in names]
        best = best_peer(found)
        ratios = [times(faster(found, name)) if name and name in found and "ours" in found else ""
                  for name in (best, "stock")]
        spent = ", ".join(times(ratio) for ratio in cheaper(found))
        print(f"| {row.title} | {row.unit} | {' | '.join(cells)} | {' | '.join(ratios)} | {spent} |")


def print_counts(results: dict) -> None:
    print("| | for each | calls, stock | calls, ours | of these synchronous | register writes, stock "
          "| register writes, ours | interrupts, stock | interrupts, ours |")
    print("|---" * 9 + "|")
    for row in ROWS:
        found = results.get(row.key, {})
        if "ours" not in found:
            continue
        ours, stock = found["ours"], found.get("stock")
        cells = [stock["calls"] if stock else None, ours["calls"], ours["calls"] - ours["unwaited"],
                 stock["writes"] if stock else None, ours["writes"],
                 stock["interrupts"] if stock else None, ours["interrupts"]]
        text = " | ".join("" if cell is None else f"{cell / row.per_count:.2f}" for cell in cells)
        print(f"| {row.title} | {row.per or 'all'} | {text} |")


def print_verdicts(results: dict) -> None:
    print("| | demanded (measured) | met |\n|---|---|---|")
    for row in ROWS:
        found = results.get(row.key, {})
        if "ours" not in found:
            continue
        verdicts = [v for v in (verdict(row, want, found, results) for want in row.wants) if v]
        missed = [text for text, met in verdicts if not met]
        if verdicts:
            said = "yes" if not missed else "no: " + ", ".join(missed)
            print(f"| {row.title} | {'; '.join(text for text, _ in verdicts)} | {said} |")


def print_processor(results: dict) -> None:
    rows = [row for row in ROWS if row.key in ("read-256-1048576", "write-256-1048576",
                                               "read-256-4096", "write-256-4096")
            and row.key in results]
    if not rows:
        return
    names = [name for name in TITLES if any(name in results[row.key] for row in rows)]
    print("\nProcessor seconds of the host for each GiB: all, and without the guest's own processors\n")
    print("| | " + " | ".join(TITLES[name] for name in names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for row in rows:
        cells = []
        for name in names:
            found = results[row.key].get(name)
            gib = row.amount / 1024
            cells.append(f"{found['processor'] / gib:.1f}, {found['host'] / gib:.1f}" if found
                         else "")
        print(f"| {row.title} | {' | '.join(cells)} |")


def print_tables(report: dict) -> None:
    results = report["results"]
    print(f"\nFile systems, guest kernel {report['kernel']} with {report['cpus']} processor(s) under "
          f"TCG, medians of {report['repeats']}. Ratios: how many times as fast ours is.\n")
    print_times(results)
    print()
    print_counts(results)
    print()
    print_verdicts(results)
    print_processor(results)
    for name, sizes in report["memory"].items():
        print(f"\nMemory of the daemon, {TITLES[name]}, KiB: " +
              ", ".join(f"{step} {size:,}" for step, size in sizes.items()))
