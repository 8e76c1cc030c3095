from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from toy_training import settings

from squeezebert.errors import ConfigError
from squeezebert.train import hardware

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_a_precision_that_is_asked_for_is_used(device):
    assert hardware.uses_bfloat16("bfloat16", device)
    assert not hardware.uses_bfloat16("float32", device)


@pytest.mark.parametrize(("offer", "expected"), [("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)])
def test_auto_is_bfloat16_where_the_processor_multiplies_it(monkeypatch, offer, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {offer: True, "avx512_f": True})
    assert hardware.uses_bfloat16("auto", CPU) == expected


@pytest.mark.parametrize("name", [*hardware.BFLOAT16_TESTS, ""])
def test_auto_asks_older_torch_in_its_own_words(monkeypatch, name):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for known in hardware.BFLOAT16_TESTS:
        monkeypatch.setattr(torch.cpu, known, lambda known=known: known == name, raising=False)
    assert hardware.uses_bfloat16("auto", CPU) == bool(name)


def test_auto_is_float32_where_nothing_is_known(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for known in hardware.BFLOAT16_TESTS:
        monkeypatch.delattr(torch.cpu, known, raising=False)
    assert not hardware.uses_bfloat16("auto", CPU)
    assert not hardware.uses_bfloat16("auto", MPS)


def test_auto_asks_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert hardware.uses_bfloat16("auto", CUDA)


def test_batches_that_cannot_be_shared_evenly_are_refused(monkeypatch):
    monkeypatch.setattr(hardware, "Accelerator", lambda **options: SimpleNamespace(num_processes=4))
    with pytest.raises(
        ConfigError, match=r"accumulate=6 batches a step cannot be shared by 4 processes; .*accumulate 8"
    ):
        hardware.accelerator(settings(accumulate=6))
    assert hardware.accelerator(settings(accumulate=8)).num_processes == 4


def test_an_error_of_the_module_itself_is_not_blamed_on_the_compiler(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: module)
    told: list[str] = []
    with pytest.raises(ZeroDivisionError):
        hardware.Compiled(lambda batch: 1 / 0, told.append)(None)
    assert not told
