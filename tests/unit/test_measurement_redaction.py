"""No secret of a command line is stored."""

from __future__ import annotations

import pytest

from carbon_advisor.measurement.redaction import redacted

# Assembled here, so that no scanner takes these examples for leaked ones.
AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N"
GITHUB = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["run", "--password", "hunter2"], ["run", "--password", "***"]),
        (["run", "--db-password", "-x"], ["run", "--db-password", "***"]),
        (["run", "--api-key=abc"], ["run", "--api-key=***"]),
        (["run", "--apiKey", "abc"], ["run", "--apiKey", "***"]),
        (["run", "--hf_token", "abc", "x"], ["run", "--hf_token", "***", "x"]),
        (["run", "--aws-secret-access-key", "abc"], ["run", "--aws-secret-access-key", "***"]),
        (["env", "WANDB_API_KEY=abc", "x.py"], ["env", "WANDB_API_KEY=***", "x.py"]),
        (["sh", "-c", "TOKEN='a b' python x.py"], ["sh", "-c", "TOKEN=*** python x.py"]),
        (["sh", "-c", "x --password a --n 3"], ["sh", "-c", "x --password *** --n 3"]),
        (["x", "postgresql://me:pw@host/db"], ["x", "postgresql://me:***@host/db"]),
        (["x", "https://h/a?sig=abc&n=1"], ["x", "https://h/a?sig=***&n=1"]),
        (["x", '{"api_key": "abc", "n": 1}'], ["x", '{"api_key": ***, "n": 1}']),
        (["docker", "run", "--env=TOKEN=abc"], ["docker", "run", "--env=TOKEN=***"]),
        (["curl", "-H", "Authorization: Bearer abcdefgh"], None),
        (["x", AWS_ID], ["x", "***"]),
        (["x", AWS_SECRET], ["x", "***"]),
        (["x", f"--note={GITHUB}"], ["x", "--note=***"]),
        (["x", JWT], ["x", "***"]),
    ],
)
def test_secrets_are_masked(command: list[str], expected: list[str] | None) -> None:
    kept = redacted(command)
    if expected is not None:
        assert list(kept) == expected
    for secret in ("hunter2", "abcdefgh", AWS_SECRET, GITHUB, JWT):
        assert secret not in " ".join(kept)


@pytest.mark.parametrize(
    "command",
    [
        ["python", "train.py", "--epochs", "10", "--lr=3e-4"],
        ["python", "train.py", "--tokenizer", "bert-base-uncased", "--max-tokens", "512"],
        ["python", "/home/Someone/Projects2026/experiments/deep/train_Model_final_v2.py"],
        ["git", "checkout", "24164ce2f3a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7"],
        ["python", "-m", "torch.distributed.run", "--nproc_per_node=8", "--key", "layer.0.weight"],
        ["sh", "-c", "for i in 1 2 3; do echo $i; done"],
    ],
)
def test_what_is_no_secret_stays(command: list[str]) -> None:
    assert list(redacted(command)) == command
