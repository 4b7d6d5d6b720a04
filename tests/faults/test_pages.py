"""The pages of the faults: found by folder, titled, and in the headings that are promised."""

import re

import pytest

from lastseen.faults import rules
from lastseen.faults.pages import HEADINGS, page_of, slugs


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert slugs() == tuple(rules())


@pytest.mark.parametrize("slug", slugs())
def test_a_page_has_the_headings_in_order(slug: str) -> None:
    assert tuple(re.findall(r"^## (.+)$", page_of(slug).text, re.MULTILINE)) == HEADINGS


@pytest.mark.parametrize("slug", slugs())
def test_a_page_is_titled_as_its_rule_is(slug: str) -> None:
    page = page_of(slug)
    assert page.title == rules()[slug].TITLE
    assert page.text.startswith(f"# {page.title}\n")


@pytest.mark.parametrize("slug", slugs())
def test_no_section_is_empty(slug: str) -> None:
    sections = re.split(r"^## .+$", page_of(slug).text, flags=re.MULTILINE)
    assert all(section.strip() for section in sections)
