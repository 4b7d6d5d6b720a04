"""Objects of the compiler become images; what is not known of them is left to LLVM, and works all the same."""

import ctypes
import struct
from typing import TYPE_CHECKING

import llvmlite.binding as llvm
import pytest

from lastseen.compiled import objects
from lastseen.compiled.images import Image, place
from lastseen.compiled.linking import linked

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = """
@factors = internal constant [2 x i64] [i64 6, i64 7]
@counter = common global i64 0
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @labs(i64)

define internal i64 @product(ptr %at) noinline {
  %second = getelementptr i64, ptr %at, i64 1
  %a = load volatile i64, ptr %at
  %b = load volatile i64, ptr %second
  %made = mul i64 %a, %b
  ret i64 %made
}

define i64 @answer(i64 %sign) {
  %made = call i64 @product(ptr @factors)
  %zero = load volatile i64, ptr @counter
  %turned = mul i64 %made, %sign
  %absolute = call i64 @labs(i64 %turned)
  %sum = add i64 %absolute, %zero
  ret i64 %sum
}
"""
EXPECTED = 42


def compiled(code: str = CODE, model: str = "large", target: str = "") -> bytes:
    """The relocatable object that LLVM makes of a module."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    chosen = llvm.Target.from_triple(target or llvm.get_process_triple())
    machine = chosen.create_target_machine(codemodel=model, reloc="static")
    made: bytes = machine.emit_object(llvm.parse_assembly(code))
    return made


def called(address: int) -> int:
    """What the function returns for -1."""
    answer: Callable[[int], int] = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
    return answer(-1)


def image_of(content: bytes) -> Image:
    """The image, which must have been made."""
    image = linked(content, "answer")
    assert image is not None
    return image


x86_64 = pytest.mark.skipif(
    "x86_64" not in llvm.get_process_triple(), reason="images are made for x86-64 only"
)


@x86_64
def test_an_image_is_run_wherever_it_lies() -> None:
    """Constants, its own and other functions, and room that the linker gives are found, each time it is placed."""
    image = image_of(compiled())
    assert image.inner
    assert set(image.outer) == {"labs"}
    first, second = place(image), place(image)
    assert first != second
    assert called(first) == called(second) == EXPECTED


def test_llvm_links_the_same_object() -> None:
    """Twice asked for, it is loaded once."""
    content = compiled()
    assert called(objects.load(content, "answer")) == EXPECTED
    assert objects.load(content, "answer") == objects.load(content, "answer")


UNKNOWN = {
    "a variable that is written to": compiled(CODE.replace("internal constant", "internal global")),
    "addresses that are no whole words": compiled(model="small"),
    "another machine": compiled(target="aarch64-linux-gnu"),
    "a function that nobody has": compiled(CODE.replace("@labs", "@lastseen_has_none")),
    "room of each thread": compiled(CODE.replace("@counter = common", "@counter = thread_local")),
    "no object": b"",
    "the head alone": compiled()[:64],
    "no section's table": compiled()[:-64],
}


@pytest.mark.parametrize("content", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_left_to_llvm(content: bytes) -> None:
    """It stays an object rather than become a wrong image."""
    assert linked(content, "answer") is None


@x86_64
def test_a_function_that_is_not_in_the_object_is_not_found() -> None:
    """Nor one that is only called there."""
    assert linked(compiled(), "question") is None
    assert linked(compiled(), "labs") is None


@x86_64
def test_addresses_are_added_to_what_the_words_hold() -> None:
    """A word that points before or behind its target keeps the distance."""
    before = CODE.replace("ptr @factors)", "ptr getelementptr (i64, ptr @factors, i64 -3))")
    code = before.replace("i64 1\n", "i64 4\n").replace(
        "ptr %at\n", "ptr getelementptr (i64, ptr @factors, i64 0)\n"
    )
    plain, moved = image_of(compiled()), image_of(compiled(code))
    assert words(moved) != words(plain)
    assert called(place(moved)) == EXPECTED


def words(image: Image) -> list[int]:
    """What the words hold that lack the image's address."""
    return [struct.unpack_from("<q", image.content, offset)[0] for offset in image.inner]
