"""
The turns of signing keys, without a database.
"""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from identity.derivation import Pseudonyms, derived_key
from identity.keys.models import (
    KeyPolicy,
    KeyRing,
    SigningKey,
    key_id,
    public_bytes,
    retirement_of_predecessors,
)
from identity.keys.sealing import CannotUnseal, Sealing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = KeyPolicy(
    rotate_every=timedelta(days=30),
    publication_delay=timedelta(minutes=15),
    token_life=timedelta(minutes=15),
    reload_every=timedelta(seconds=30),
)


def key(generation: int, signs_from: datetime = NOW, **changed: datetime) -> SigningKey:
    """
    A key that signs from a moment on.
    """
    return SigningKey(
        kid=f"key-{generation}",
        generation=generation,
        public=b"x" * 32,
        sealed_private="sealed",
        created_at=NOW,
        signs_from=signs_from,
        **changed,
    )


def test_an_empty_ring_wants_a_key_that_signs_at_once() -> None:
    """
    The first key waits for nobody: there are no verifiers with an older set.
    """
    ring = KeyRing(())

    assert ring.is_rotation_due(NOW, POLICY)
    assert ring.next_generation == 1
    assert ring.signs_from(NOW, POLICY, is_urgent=False) == NOW
    assert ring.signing(NOW) is None


def test_the_newest_whose_time_has_come_signs() -> None:
    """
    A new key is upcoming until its time, and then the old one is retiring, and later retired.
    """
    later = NOW + POLICY.publication_delay
    old = key(1, retires_at=retirement_of_predecessors(later, POLICY))
    new = key(2, later)
    ring = KeyRing.of([new, old])

    assert ring.signing(NOW) == old
    assert ring.upcoming(NOW) == new
    assert [ring.state_of(k, NOW) for k in (old, new)] == ["signing", "upcoming"]
    assert [ring.state_of(k, later) for k in (old, new)] == ["retiring", "signing"]
    last_token_expires = later + POLICY.token_life
    assert ring.published(last_token_expires) == (old, new)
    assert old.retires_at is not None
    assert ring.state_of(old, old.retires_at) == "retired"
    assert not ring.is_rotation_due(NOW + timedelta(days=31) - timedelta(days=30), POLICY)


def test_a_clock_behind_its_peers_signs_with_what_there_is() -> None:
    """
    A replica whose clock is behind that of the first key's maker needs no second key.
    """
    ring = KeyRing.of([key(1, NOW + timedelta(milliseconds=5))])

    assert ring.signing(NOW) == ring.keys[0]
    assert ring.upcoming(NOW) is None
    assert not ring.is_rotation_due(NOW, POLICY)
    assert ring.state_of(ring.keys[0], NOW) == "signing"


def test_rotation_is_due_after_its_time() -> None:
    """
    A key signs for thirty days; none is wanted while the next is waiting.
    """
    due = NOW + POLICY.rotate_every
    ring = KeyRing.of([key(1)])

    assert not ring.is_rotation_due(due - timedelta(seconds=1), POLICY)
    assert ring.is_rotation_due(due, POLICY)
    assert not KeyRing.of([key(1), key(2, due + timedelta(minutes=1))]).is_rotation_due(due, POLICY)


def test_a_withdrawn_key_does_nothing() -> None:
    """
    It is neither published nor signs.
    """
    ring = KeyRing.of([key(1, withdrawn_at=NOW), key(2)])

    assert ring.published(NOW) == (ring.keys[1],)
    assert ring.signing(NOW) == ring.keys[1]
    assert ring.state_of(ring.keys[0], NOW) == "withdrawn"


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    """
    The example of RFC 8037, appendix A.3.
    """
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")

    assert key_id(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_sealed_keys_open_with_their_secret_only() -> None:
    """
    The present secret opens, the previous one too and says so; another does not, nor does rubbish.
    """
    private = Ed25519PrivateKey.generate()
    sealed = Sealing("one", None).seal(private, "kid")

    assert public_bytes(Sealing("one", None).unseal(sealed, "kid").private) == public_bytes(private)
    assert Sealing("two", "one").unseal(sealed, "kid").is_stale
    assert not Sealing("one", "two").unseal(sealed, "kid").is_stale
    for sealing, text, kid in (
        (Sealing("two", None), sealed, "kid"),
        (Sealing("two", "three"), sealed, "kid"),
        (Sealing("one", None), sealed, "other"),
        (Sealing("one", None), "rubbish", "kid"),
        (Sealing("one", None), "", "kid"),
    ):
        with pytest.raises(CannotUnseal):
            sealing.unseal(text, kid)


def test_each_purpose_has_its_own_key() -> None:
    """
    Keys differ by purpose and secret; pseudonyms by kind, and parts cannot run together.
    """
    assert len({derived_key(s, p) for s in ("a", "b") for p in ("x", "y")}) == 4
    names = Pseudonyms("secret")
    assert names.of("account", "a") != names.of("address", "a")
    assert names.of("pair", "a", "bc") != names.of("pair", "ab", "c")
    assert names.of("account", "a") != Pseudonyms("other").of("account", "a")
