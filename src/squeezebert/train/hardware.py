"""What the machine offers: processes and devices, fast number formats, compilers, and memory that can run out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch

from squeezebert.errors import ConfigError, InputError, MissingExtraError
from squeezebert.train.settings import TrainSettings

try:
    from accelerate import Accelerator, PartialState
    from accelerate.utils import (
        DistributedDataParallelKwargs,
        broadcast_object_list,
        send_to_device,
    )
except ModuleNotFoundError as error:
    raise MissingExtraError("train", "accelerate") from error

# What torch says when the memory of a CPU ends; it has no class of its own for that.
CPU_MEMORY = ("can't allocate memory", "not enough memory")
# Names of fast bfloat16 products, in torch.cpu.get_capabilities() and, before torch 2.11, as functions of torch.cpu.
BFLOAT16_OFFERS = ("avx512_bf16", "amx_bf16", "sve_bf16", "arm_bf16")
BFLOAT16_TESTS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
EVALUATION_LIMIT = timedelta(hours=6)  # how long other processes wait while the first one evaluates or reads


def processes() -> PartialState:
    """This process among those of ``torchrun`` or ``accelerate launch``: its number, its device, and how to wait.

    Whoever needs them asks here and not accelerate, which shares CPUs among processes only when it is told to.
    """
    return PartialState(cpu=_only_cpus(), timeout=EVALUATION_LIMIT)


def _only_cpus() -> bool:
    return not torch.accelerator.is_available()


def accelerator(settings: TrainSettings) -> Accelerator:
    """What the loop runs on: the device of this process and its ties to the others.

    Number formats are chosen by the loop: accelerate allows one choice in the life of a process.

    Raises:
        ConfigError: the batches of a step cannot be shared evenly.
    """
    processes()
    unused = DistributedDataParallelKwargs(find_unused_parameters=True, gradient_as_bucket_view=True)
    found = Accelerator(mixed_precision="no", cpu=_only_cpus(), kwargs_handlers=[unused])
    batches, number = settings.accumulate, found.num_processes
    if batches % number:
        raise ConfigError(
            f"accumulate={batches} batches a step cannot be shared by {number} processes; "
            f"choose a multiple of {number}, such as --accumulate {-(-batches // number) * number}"
        )
    return found


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16; "auto" says so where the device multiplies it natively."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _cpu_multiplies_bfloat16()


def _cpu_multiplies_bfloat16() -> bool:
    offers = getattr(torch.cpu, "get_capabilities", dict)()
    if offers:
        return any(offers.get(name, False) for name in BFLOAT16_OFFERS)
    return any(getattr(torch.cpu, name, bool)() for name in BFLOAT16_TESTS)


def with_chance(device: torch.device) -> list[torch.device]:
    """The devices, beside the CPU, whose random numbers a run draws."""
    return [device] if device.type == "cuda" else []


def moved(batch: Any, device: torch.device) -> Any:
    """A batch's tensors on the device."""
    return send_to_device(batch, device, non_blocking=True)


def from_first(ties: Accelerator, compute: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What ``compute`` gives in the first process, in every process; the others wait."""
    found: list[Any] = [None]
    if ties.is_main_process:
        found = [{name: float(value) for name, value in compute().items()}]
    return broadcast_object_list(found)[0]


class Compiled:
    """A module behind torch.compile, which takes its place again, and says so, if compiling fails."""

    def __init__(self, module: Callable[..., Any], tell: Callable[[str], None]) -> None:
        self.module, self.tell = module, tell
        self.compiled: Callable[..., Any] | None = torch.compile(module, dynamic=True)

    def __call__(self, batch: Any) -> Any:
        if self.compiled is None:
            return self.module(batch)
        try:
            return self.compiled(batch)
        except Exception as error:  # a compiler fails in many ways; what is wrong with the module itself, it says below
            result = self.module(batch)
            self.compiled = None
            self.tell(f"torch.compile does not work here ({_first_line(error)}); the run goes on without it")
            return result


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def memory_watched(settings: TrainSettings) -> Iterator[None]:
    """Turns the end of memory into advice.

    Raises:
        InputError: the memory of the device or of the machine ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        tokens, passes = settings.batch_tokens, settings.accumulate
        raise InputError(
            f"out of memory in a batch of {tokens} tokens; lower --batch-tokens, and raise --accumulate so that a step "
            f"sees as much: --batch-tokens {max(1, tokens // 2)} --accumulate {passes * 2}"
        ) from error


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error) and any(words in str(error) for words in CPU_MEMORY)
