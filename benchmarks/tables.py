"""The tables of README.md, docs/ and results/README.md, from results/ and from the options.

    python benchmarks/tables.py [--check]      (`make docs`)

A table stands between two markers. What stands there is replaced:

    <!-- table: seeds relay_push_before relay_push -->
    <!-- end -->

The first word is one of `KINDS` below, the others are its arguments. A claim is a folder of
results/; `relay_tasks/FetchDrawer` are the runs of one group of it, whatever their seed. What a
claim is called, what it is compared with and what was special about its machine stand in
benchmarks/claims/CLAIM.toml. With --check nothing is written; the exit code is 1 if a page would
change.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import tables_of_cost as cost
import tables_of_options as options
import tables_of_results as results

ROOT = Path(__file__).parent.parent
MARKED = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)

KINDS: dict[str, Callable[..., str]] = {
    "runs": results.table_of_runs,
    "groups": results.table_of_groups,
    "seeds": results.table_of_seeds,
    "tests": results.table_of_tests,
    "returns": results.table_of_returns,
    "summary": results.table_of_summary,
    "claims": results.sections_of_claims,
    "options": options.sections_of_options,
    "speed": results.table_of_speed,
    "cost": cost.table_of_cost,
    "fits": cost.table_of_fits,
}


def rewritten(page: str) -> str:
    """A page with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        kind, *arguments = match[2].split()
        if kind not in KINDS:
            raise SystemExit(f"no table '{kind}'; there are {', '.join(KINDS)}")
        return f"{match[1]}\n{KINDS[kind](*arguments)}\n\n{match[3]}"

    if page.count("<!-- table:") != len(MARKED.findall(page)):
        raise SystemExit("a table has no <!-- end -->")
    return MARKED.sub(made, page)


def pages() -> list[Path]:
    """The pages that may hold tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "results/README.md"]


def main(check: bool) -> int:
    """Write the pages whose tables changed, or only name them."""
    changed = 0
    for page in pages():
        text = page.read_text()
        new = rewritten(text)
        if new != text:
            changed += 1
            print(page.relative_to(ROOT))
            if not check:
                page.write_text(new)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
