import pytest

from payments.msisdn import is_malian, local_pairs, mask


def test_a_masked_number_shows_its_last_three_digits_alone() -> None:
    assert mask("+22370123456") == "+223 ** ** *4 56"
    assert mask("+33612345678") == "+********678"


def test_people_see_pairs() -> None:
    assert local_pairs("+22370123456") == "70 12 34 56"
    assert local_pairs("+33612345678") == "+33612345678"


@pytest.mark.parametrize("msisdn", ["+22310123456", "+2237012345", "+223701234567", "+33612345678", "70123456", ""])
def test_what_is_not_in_the_plan_of_mali_is_not_malian(msisdn: str) -> None:
    assert not is_malian(msisdn)
