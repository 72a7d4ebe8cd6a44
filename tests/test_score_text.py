"""A score written by the program is read back as the same score; saved paths are phrases like any other."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancenet.directing.score import COMMON, OWN, VERBS, Score, Section, read_score
from dancenet.directing.score_text import score_text

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
share = st.floats(0, 1)
seeds = st.integers(0, 2**31 - 1)
amounts = st.floats(0.5, 1e4, allow_nan=False)
VALUES = {
    "name": words, "start": st.floats(0, 1e3), "seed": seeds, "dancer": words, "energy": share, "sync": share,
    "body": words,
    "temperature": share, "stray": share, "begin": words, "amount": share, "over": st.floats(0.3, 20),
    "mix": st.lists(share, max_size=4).map(tuple), "period": amounts, "period_beats": st.integers(1, 64),
}  # fmt: skip


@st.composite
def sections(draw):
    verb = draw(st.sampled_from(VERBS))
    own = [key for key in (*COMMON, *OWN[verb]) if key in VALUES]
    given_keys = draw(st.lists(st.sampled_from(own), unique=True))
    values = {key: draw(VALUES[key]) for key in given_keys}
    if verb in ("continue", "vary", "transfer"):
        values["phrases"] = (draw(words),)
    if verb == "transfer":
        values["body"] = draw(words)
    if verb == "blend":
        values["phrases"] = tuple(draw(st.lists(words, min_size=2, max_size=4)))
    if verb == "between":
        values["keyframes"] = tuple(f"{second}={draw(words)}x" for second in range(draw(st.integers(1, 4))))
    if draw(st.booleans()):
        values["beats"] = draw(st.integers(1, 64))
    else:
        values["length"] = draw(st.floats(10, 1e3))
    return Section(line=0, lines={}, verb=verb, **values)


scores = st.builds(
    Score, sections=st.lists(sections(), min_size=1, max_size=5).map(tuple), lines=st.just({}),
    dancer=st.none() | words, body=st.none() | words, seed=seeds, fps=st.floats(1, 240),
    scale=st.floats(0.1, 8),
    music=st.none() | words, begin=st.just("0:00") | st.floats(0, 600).map(str),
    sync=share, energy=share, tempo=st.floats(20, 400),
)  # fmt: skip


def bare(score):
    """Without the lines, which no two texts share."""
    of = tuple(dataclasses.replace(section, line=0, lines={}) for section in score.sections)
    return dataclasses.replace(score, sections=of, lines={})


@settings(max_examples=150, deadline=None)
@given(scores)
def test_what_is_written_is_read_back(score):
    text = score_text(score)
    assert bare(read_score(text)) == bare(score)
    assert score_text(read_score(text)) == text


def test_the_text_is_what_a_hand_would_write():
    section = Section(line=0, lines={}, verb="vary", phrases=("../phrases/a.json:1-3",), amount=0.5, over=9)
    piece = Score(sections=(section,), lines={}, seed=3, music="song.mp3", begin="0:30")
    assert score_text(piece) == (
        'seed = 3\nmusic = "song.mp3"\nfrom = "0:30"\n\n'
        '[[section]]\nverb = "vary"\nphrases = ["../phrases/a.json:1-3"]\namount = 0.5\n'
    )


@pytest.mark.parametrize("fps", [15.0, 30.0, 22.5])
def test_a_phrase_at_another_rate_is_the_same_dance(fps):
    from dancenet.directing.verbs import Phrase

    def pose(times_s):
        return np.stack([np.sin(times_s), np.cos(times_s)], axis=1).astype("float32")

    lead, own = np.arange(-30, 0) / 30, np.arange(0, 61) / 30
    phrase = Phrase(pose(own), 30.0, pose(lead)).at_rate(fps)
    np.testing.assert_allclose(phrase.latents, pose(np.arange(len(phrase.latents)) / fps), atol=2e-3)
    steps = np.arange(-len(phrase.lead), 0)
    np.testing.assert_allclose(phrase.lead, pose(steps / fps), atol=2e-3)
    assert phrase.duration_s == pytest.approx(2, abs=1 / fps)
    assert len(phrase.lead) == int(fps)
