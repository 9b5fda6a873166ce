"""`advisor recommend` and `explain` through the installed command, on the bundled catalogue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tests.conftest import Advisor, Conforms

AT = "2026-03-10T09:30+00:00"
EU = {
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT",
    "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
}  # fmt: skip


class Answer(Protocol):
    """The JSON that `advisor recommend` prints for some arguments, checked against its schema."""

    def __call__(self, *arguments: str | Path) -> dict[str, Any]: ...


@pytest.fixture
def answer(advisor: Advisor, conforms: Conforms) -> Answer:
    def ask(*arguments: str | Path) -> dict[str, Any]:
        done = advisor("recommend", *arguments, "--at", AT, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        document: dict[str, Any] = json.loads(done.stdout)
        conforms(document, "recommendation")
        return document

    return ask


def test_the_ranking_is_sorted_and_adds_up(answer: Answer, cpu_profile: Path) -> None:
    found = answer(cpu_profile, "--top", "50")
    grams = [each["emissions_g"] for each in found["ranking"]]
    assert grams == sorted(grams)
    assert len(grams) == 50
    assert found["starts"] == 24
    assert found["offers"] > 50_000
    for each in found["ranking"] + found["by_region"]:
        parts_g = each["operational_g"] + each["embodied_g"] + each["transfer_g"]
        assert each["emissions_g"] == pytest.approx(parts_g)
        operational_g = each["energy_kwh"] * each["pue"] * each["intensity_g_per_kwh"]
        assert each["operational_g"] == pytest.approx(operational_g)
        watts = sum(each["power_w"].values())
        assert each["energy_kwh"] == pytest.approx(watts * each["duration_s"] / 3.6e6)
        low, high = each["interval_g"]
        assert low <= each["emissions_g"] <= high
        assert each["emissions_g"] <= each["emissions_now_g"] * (1 + 1e-9)
        assert each["memory_gb"] >= 6.7
    regions = [each["region"] for each in found["by_region"]]
    assert len(set(regions)) == len(regions)


def test_the_first_place_is_on_a_clean_grid(answer: Answer, cpu_profile: Path) -> None:
    found = answer(cpu_profile)
    assert found["ranking"][0]["intensity_g_per_kwh"] < 60
    assert found["saving_fraction"] > 0.5
    assert found["baseline"]["kind"] == "typical"


def test_constraints_hold_and_cost(answer: Answer, cpu_profile: Path) -> None:
    free = answer(cpu_profile)
    found = answer(cpu_profile, "--within", "24h", "--providers", "aws,gcp",
        "--country-allow", "EU", "--max-price-per-hour", "0.50", "--top", "40",
    )  # fmt: skip
    assert found["eligible"] < free["eligible"]
    for each in found["ranking"]:
        assert each["region"].split(":")[0] in {"aws", "gcp"}
        assert each["country"] in EU
        assert each["price_usd_per_h"] <= 0.50
    assert found["ranking"][0]["emissions_g"] >= free["ranking"][0]["emissions_g"]
    costs = {cost["constraint"]: cost for cost in found["constraint_costs"]}
    assert any(name.startswith("--country-allow") for name in costs)
    for cost in costs.values():
        assert cost["excluded"] > 0


def test_a_deadline_holds(answer: Answer, cpu_profile: Path) -> None:
    found = answer(cpu_profile, "--deadline", "5h", "--top", "30")
    now = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
    for each in found["ranking"]:
        end = datetime.fromisoformat(each["start_at"]) + timedelta(seconds=each["duration_s"])
        assert end <= now + timedelta(hours=5, seconds=1)


def test_here_is_the_baseline_when_it_is_known(answer: Answer, cpu_profile: Path) -> None:
    found = answer(cpu_profile, "--here", "PL")
    assert found["baseline"]["kind"] == "here"
    profile = json.loads(cpu_profile.read_text())
    energy_kwh = sum(part["energy_kwh"] for part in profile["energy"])
    assert found["baseline"]["energy_kwh"] == pytest.approx(energy_kwh)
    intensity = found["baseline"]["emissions_g"] / energy_kwh
    assert 350 < intensity < 900


def test_a_named_region_is_the_baseline(answer: Answer, cpu_profile: Path) -> None:
    found = answer(cpu_profile, "--here", "PL", "--baseline", "aws:us-east-1")
    assert found["baseline"]["kind"] == "region"
    assert found["baseline"]["label"].startswith("aws:us-east-1:")


def test_a_gpu_job_gets_accelerators(answer: Answer, gpu_profile: Path) -> None:
    found = answer(gpu_profile, "--top", "40")
    for each in found["ranking"]:
        assert each["accelerator"] is not None
        assert each["accelerator_count"] >= 1
        assert each["power_w"]["gpu"] > 30


def test_spot_prices_are_lower(answer: Answer, cpu_profile: Path) -> None:
    machine = ("--regions", "aws:eu-north-1", "--instance-types", "m5.xlarge")
    usual = answer(cpu_profile, *machine)["ranking"][0]
    spot = answer(cpu_profile, *machine, "--spot")["ranking"][0]
    assert 0 < spot["price_usd_per_h"] < usual["price_usd_per_h"]


def test_distance_counts_from_here(answer: Answer, cpu_profile: Path) -> None:
    found = answer(
        cpu_profile, "--here", "aws:eu-west-3", "--max-distance-km", "400", "--top", "50"
    )
    assert {each["region"] for each in found["by_region"]} <= {
        "aws:eu-west-3", "aws:eu-west-2", "azure:francecentral", "azure:uksouth", "azure:ukwest",
        "azure:belgiumcentral", "gcp:europe-west1", "gcp:europe-west2", "gcp:europe-west9",
    }  # fmt: skip


def test_the_table_fits_100_columns(advisor: Advisor, cpu_profile: Path) -> None:
    done = advisor("recommend", cpu_profile, "--at", AT)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines if "advisor explain" not in line) <= 100
    assert "Compared with" in done.stdout
    assert "probability" in done.stdout


def test_data_counts_on_its_way_and_nowhere_at_home(
    advisor: Advisor, answer: Answer, conforms: Conforms, cpu_profile: Path
) -> None:
    data = ("--data-gb", "200", "--data-from", "aws:eu-west-1")
    found = answer(cpu_profile, *data, "--here", "IE", "--top", "20")
    for each in found["ranking"] + found["by_region"]:
        assert (each["transfer_g"] == 0) == (each["region"] == "aws:eu-west-1")
        assert each["water_l"] is None or each["water_l"] >= 0
    assert any("200 GB" in note for note in found["notes"])
    candidate = found["ranking"][0]["candidate"]
    done = advisor("explain", cpu_profile, "--candidate", candidate, *data, "--at", AT, "--json")
    document = json.loads(done.stdout)
    conforms(document, "explanation")
    assert document["estimate"]["transfer_g"] == found["ranking"][0]["transfer_g"]
    parts = [part["name"] for part in document["provenance"]["parts"]]
    assert parts == ["operational", "embodied", "transfer"]
    assert document["water_provenance"]["name"] == "water"


def test_data_from_nowhere_is_one_line(advisor: Advisor, cpu_profile: Path) -> None:
    for arguments, says in (
        (("--data-gb", "1"), "--data-from"),
        (("--data-from", "DE"), "--data-gb"),
        (("--data-gb", "nan", "--data-from", "DE"), "--data-gb"),
    ):
        done = advisor("recommend", cpu_profile, *arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert says in done.stderr


def test_explain_names_a_source_for_every_figure(
    advisor: Advisor, answer: Answer, conforms: Conforms, cpu_profile: Path
) -> None:
    candidate = "aws:eu-north-1:m7g.large"
    done = advisor(
        "explain", cpu_profile, "--candidate", candidate, "--at", AT, "--json"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    conforms(document, "explanation")
    assert document["estimate"]["candidate"] == candidate

    def walk(node: dict[str, Any]) -> None:
        assert node["basis"], node
        if not node["parts"]:
            assert node["source"], node
        for part in node["parts"]:
            walk(part)

    walk(document["provenance"])
    same = answer(cpu_profile, "--regions", "aws:eu-north-1", "--instance-types", "m7g.large")
    best = same["ranking"][0]
    assert document["estimate"]["emissions_g"] == pytest.approx(best["emissions_g"])
    assert document["estimate"]["start_at"] == best["start_at"]


def test_explain_as_a_tree(advisor: Advisor, cpu_profile: Path) -> None:
    done = advisor("explain", cpu_profile, "--candidate", "aws:eu-north-1:m7g.large")
    assert done.returncode == 0, done.stderr
    for word in ("operational", "embodied", "PUE", "yearly level", "SE-SE3", "full load"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def figures_of(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every node of a chain by its name."""
    found = {node["name"]: node}
    for part in node["parts"]:
        found |= figures_of(part)
    return found


def test_explain_says_how_a_gpus_time_was_translated(advisor: Advisor, gpu_profile: Path) -> None:
    hours = {}
    for precision, kind in (("bf16", "fp16"), ("int8", "fp8")):
        done = advisor(
            "explain", gpu_profile, "--candidate", "aws:eu-north-1:g6e.xlarge", "--json",
            "--precision", precision,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = figures_of(json.loads(done.stdout)["provenance"])
        assert (found["precision"]["basis"], found["precision"]["value"]) == ("stated", kind)
        assert "pairs of machines" in found["error of the translation"]["source"]
        hours[precision] = found["duration"]["value"]
    assert hours["int8"] < hours["bf16"]  # the A100 that it was measured on has no FP8


def test_an_assumed_precision_is_said_and_an_unknown_one_is_an_error(
    advisor: Advisor, gpu_profile: Path
) -> None:
    assert "GPU speeds at fp16, assumed" in advisor("recommend", gpu_profile).stdout
    stated = advisor("recommend", gpu_profile, "--precision", "fp16")
    assert "assumed; say --precision" not in stated.stdout
    wrong = advisor("recommend", gpu_profile, "--precision", "fp1")
    assert wrong.returncode == 2
    assert "fp16" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--regions", "aws:eu-nroth-1"), "aws:eu-north-1"),
        (("--regions", "eu-nroth-1"), "eu-north-1"),
        (("--providers", "awss"), "aws"),
        (("--instance-types", "m7g.lrage"), "m7g.large"),
        (("--country-allow", "Atlantis"), "Atlantis"),
        (("--architecture", "arm46"), "arm64"),
        (("--here", "SE-SE9"), "SE-SE"),
        (("--baseline", "gcp:us-centrl1"), "gcp:us-central1"),
        (("--scope", "marginal"), "lifecycle"),
        (("--max-price-per-hour", "0.0001"), "--max-price-per-hour"),
        (("--max-price-per-hour", "nan"), "--max-price-per-hour"),
        (("--budget", "-3"), "--budget"),
        (("--min-memory-gb", "99999"), "--min-memory-gb"),
        (("--min-vcpus", "inf"), "--min-vcpus"),
        (("--deadline", "1s"), "--deadline"),
        (("--deadline", "2001-01-01T00:00"), "future"),
        (("--within", "soon"), "soon"),
        (("--within", "-3h"), "-3h"),
        (("--at", "yesterday"), "--at"),
        (("--max-distance-km", "100"), "--here"),
        (("--top", "0"), "top"),
        (("--no-such-option",), "--no-such-option"),
        (("--country-allow", "EU", "--country-deny", "EU"), "--country-deny EU"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    advisor: Advisor, cpu_profile: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = advisor("recommend", cpu_profile, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("candidate", "says"),
    [
        ("aws:eu-north-1", "provider:region:instance-type"),
        ("aws:eu-north-1:m7g.lagre", "m7g.large"),
        ("aws:eu-norht-1:m7g.large", "aws:eu-north-1"),
        ("gcp:europe-west1:m7g.large", "m7g.large"),
    ],
)
def test_explain_of_an_unknown_candidate(
    advisor: Advisor, cpu_profile: Path, candidate: str, says: str
) -> None:
    done = advisor("explain", cpu_profile, "--candidate", candidate)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr


def test_an_edited_profile_names_its_field(
    advisor: Advisor, cpu_profile: Path, tmp_path: Path
) -> None:
    text = cpu_profile.read_text()
    for edit, says in (
        (text.replace('"cpu_time_s": 27360.0', '"cpu_time_s": -1'), "cpu_time_s"),
        (text.replace('"duration_s": 7200.0', '"duration_s": NaN', 1), "duration_s"),
        (text.replace('"memory_peak_gb"', '"memory_peek_gb"'), "memory_p"),
        (text[: len(text) // 2], "JSON"),
        ("", "empty"),
    ):
        path = tmp_path / "edited.json"
        path.write_text(edit)
        done = advisor("recommend", path)
        assert done.returncode == 2, edit[:200]
        assert len(done.stderr.splitlines()) == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    missing = advisor("recommend", tmp_path / "nothing.json")
    assert missing.returncode == 2
    assert "nothing.json" in missing.stderr


def test_debug_shows_the_traceback(advisor: Advisor, cpu_profile: Path) -> None:
    done = advisor("--debug", "recommend", cpu_profile, "--regions", "nowhere")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
