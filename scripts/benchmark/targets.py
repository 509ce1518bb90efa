"""The targets, each a claim about measured numbers.

They are made for two processors. A target whose workload or peer did not take part is said to be not measured; nothing
is assumed for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contestants import ALONE, BASE, CAT, DOCKER, DOCKER_CLI, FLOOR, LIST, PLAIN, also, piped
from measure import Results

MIB = 1 << 20
All = dict[str, Results]


@dataclass
class Verdict:
    what: str
    target: str
    measured: str | None = None
    met: bool = False

    @property
    def word(self) -> str:
        if self.measured is None:
            return "not measured"
        return "met" if self.met else "**MISSED**"


def judge(results: All, others: list[str]) -> list[Verdict]:
    """Every target's verdict; `others` are the further binaries that took part."""
    verdicts = list(_own(results))
    for name in others:
        verdicts += _other(results, also(name))
    return verdicts


def _own(results: All) -> Iterator[Verdict]:
    gzip6, pigz1, pigz6 = piped("gzip -6"), piped("pigz -1"), piped("pigz -6")
    yield _faster(results, "W3", BASE, pigz1, 2.2)
    yield _smaller(results, "W3", BASE, pigz1, 7)
    yield _faster(results, "W3", BASE, gzip6, 9)
    yield _matched(results, pigz6)
    # Docker sends it uncompressed, so like with like, and the stricter; its packer alone, and what its users wait for.
    for docker in (DOCKER, DOCKER_CLI):
        yield _faster(results, "W5", PLAIN, docker, 10)
        yield _faster(results, "W5", BASE, docker, 10)
    for name in ("W5", "W2"):
        yield _near(results, name, PLAIN, FLOOR, 1.3)
        yield _near(results, name, BASE, FLOOR, 1.3)
    yield _near(results, "W4", BASE, CAT, 1.5)
    yield _stored(results)
    yield from _memory(results)
    yield _listing(results)


def _other(results: All, name: str) -> Iterator[Verdict]:
    pigz1, gzip6 = piped("pigz -1"), piped("gzip -6")
    yield _faster(results, "W3", name, pigz1, 4)
    yield _smaller(results, "W3", name, pigz1, 0)
    yield _faster(results, "W3", name, gzip6, 15)


def _measured(results: All, workload: str, *names: str) -> Results | None:
    found = results.get(workload)
    return found if found and all(found.runs.get(name) for name in names) else None


def _ratio(results: All, workload: str, one: str, peer: str, verdict: Verdict,
           judge_ratio: Callable[[float], bool], slower_first: bool) -> Verdict:
    found = _measured(results, workload, one, peer)
    if found:
        ratio = found.ratio(peer, one) if slower_first else found.ratio(one, peer)
        verdict.measured, verdict.met = f"{ratio:.2f} times", judge_ratio(ratio)
    return verdict


def _faster(results: All, workload: str, one: str, peer: str, times: float) -> Verdict:
    verdict = Verdict(f"{workload}: {one} against {peer}", f"≥ {times:g} times faster")
    return _ratio(results, workload, one, peer, verdict, lambda ratio: ratio >= times, slower_first=True)


def _near(results: All, workload: str, one: str, peer: str, times: float) -> Verdict:
    verdict = Verdict(f"{workload}: {one} against {peer}", f"≤ {times:g} times the time")
    return _ratio(results, workload, one, peer, verdict, lambda ratio: ratio <= times, slower_first=False)


def _smaller(results: All, workload: str, one: str, peer: str, percent: float) -> Verdict:
    wanted = f"≥ {percent:g} % smaller" if percent else "no larger"
    verdict = Verdict(f"{workload}: size of {one} against {peer}", wanted)
    found = _measured(results, workload, one, peer)
    if found:
        less = 100 * (1 - found.bytes(one) / found.bytes(peer))
        verdict.measured = f"{abs(less):.1f} % {'smaller' if less >= 0 else 'larger'}"
        verdict.met = less >= percent
    return verdict


def _matched(results: All, peer: str) -> Verdict:
    verdict = Verdict(f"W3: the fastest level that matches the size of {peer} within 0.5 %, against it",
                      "≥ 1.8 times faster")
    found = _measured(results, "W3", peer)
    if not found:
        return verdict
    if found.matched is None:
        verdict.measured = "no level matches"
        return verdict
    ratio = found.ratio(peer, found.matched)
    verdict.measured, verdict.met = f"{ratio:.2f} times ({found.matched})", ratio >= 1.8
    return verdict


def _stored(results: All) -> Verdict:
    verdict = Verdict(f"W4: size of {BASE} against the files'", "≤ 1.001 times")
    found = _measured(results, "W4", BASE)
    if found:
        times = found.bytes(BASE) / found.workload.kept_bytes
        verdict.measured, verdict.met = f"{times:.5f} times", times <= 1.001
    return verdict


def _memory(results: All) -> Iterator[Verdict]:
    usual = [name for name in results if name not in ALONE]
    yield _peak(results, usual, f"peak memory, {', '.join(usual) or 'no workload'}", 32)
    yield _peak(results, ["WS"], "peak memory, WS", 32)
    yield _peak(results, ["WM"], "peak memory, WM", 48)


def _peak(results: All, names: list[str], what: str, limit: int) -> Verdict:
    verdict = Verdict(what, f"≤ {limit} MiB")
    peaks = [(results[name].peak(one), name, one) for name in names if name in results for one in results[name].ours]
    if peaks:
        peak, name, one = max(peaks)
        verdict.measured, verdict.met = f"{peak / MIB:.1f} MiB ({name}, {one})", peak <= limit * MIB
    return verdict


def _listing(results: All) -> Verdict:
    verdict = Verdict("W0: `context ls` of 20 files, process start to end", "≤ 5 ms")
    found = _measured(results, "W0", LIST)
    if found:
        wall = found.wall(LIST)
        verdict.measured, verdict.met = f"{wall * 1000:.2f} ms", wall <= 0.005
    return verdict
