"""Words of a made-up dancer whose moves are known, and how usual dances are."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, roc_auc_score

from dancenet.errors import DancenetError
from dancenet.exploring.moves import Phrase, Vocabulary, transitions
from dancenet.exploring.phrasing import at_rate

FPS, D, MOVES = 15.0, 128, 6


def dance(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents (T, D) that go in circles, each move of two seconds on a plane and at a place of its own."""
    taste = np.random.default_rng(99)
    axes = taste.standard_normal((MOVES, 2, D))
    places = 0.7 * taste.standard_normal((MOVES, D))
    turns = taste.uniform(0.7, 2.5, MOVES)
    random = np.random.default_rng(seed)
    steps, latents, labels, last = round(2 * FPS), [], [], -1
    while len(labels) < seconds * FPS:
        move = int(random.choice([i for i in range(MOVES) if i != last]))
        angle = 2 * np.pi * (turns[move] * np.arange(steps) / FPS + random.uniform())
        circle = np.cos(angle)[:, None] * axes[move, 0] + np.sin(angle)[:, None] * axes[move, 1]
        latents.append(places[move] + random.uniform(0.8, 1.2) * circle)
        labels += [move] * steps
        last = move
    poses = np.concatenate(latents) + 0.1 * random.standard_normal((len(labels), D))
    return poses.astype("float32"), np.array(labels)


@pytest.fixture(scope="module")
def films():
    return [dance(60, seed) for seed in range(4)]


@pytest.fixture(scope="module")
def vocabulary(films):
    return Vocabulary.fit([latents for latents, _ in films[:3]], FPS, judged_by=[films[3][0]])


def test_words_are_the_moves_without_being_told_how_many(films, vocabulary):
    latents, labels = films[3]
    assert adjusted_mutual_info_score(labels, vocabulary.words(latents)) > 0.7
    assert MOVES <= len(vocabulary) <= 4 * MOVES


def test_the_tempo_of_a_move_does_not_change_its_word(films, vocabulary):
    latents, labels = films[3]
    slower = at_rate(latents, FPS / 1.15, FPS)
    then = labels[np.minimum((np.arange(len(slower)) / 1.15).astype(int), len(labels) - 1)]
    assert adjusted_mutual_info_score(then, vocabulary.words(slower)) > 0.6


def test_phrases_cover_the_dance(films, vocabulary):
    latents, _ = films[3]
    phrases = vocabulary.phrases(latents)
    assert phrases[0].start == 0
    assert phrases[-1].stop == len(latents)
    for before, after in pairwise(phrases):
        assert before.stop == after.start
        assert before.word != after.word
    assert 1.0 < len(latents) / FPS / len(phrases) < 3.0, "about as long as moves are"
    follows = transitions([phrases], len(vocabulary))
    assert follows.sum() == len(phrases) - 1
    assert np.trace(follows) == 0


def test_transitions_never_cross_a_cut():
    found = transitions([[Phrase(0, 2, 0), Phrase(2, 4, 1)], [Phrase(0, 3, 2), Phrase(3, 4, 1)]], 3)
    np.testing.assert_array_equal(found, [[0, 1, 0], [0, 0, 0], [0, 1, 0]])


def test_each_word_is_shown_where_it_is_danced(films, vocabulary):
    stretches = [latents for latents, _ in films[:3]]
    shown = vocabulary.typical(stretches)
    assert len(shown) == len(vocabulary)
    shares = []
    for word, (number, start, stop) in enumerate(shown):
        assert 0 <= start < stop <= len(stretches[number])
        assert 0.9 <= (stop - start) / FPS <= 2.3
        shares.append((vocabulary.words(stretches[number])[start:stop] == word).mean())
    assert min(shares) > 0.3, "words between two moves are shorter than a strip"
    assert np.mean(shares) > 0.85


def test_normality_tells_dance_from_what_is_none(films, vocabulary):
    latents, _ = films[3]
    real = vocabulary.normality(latents, FPS)
    assert len(real) == len(latents) // 15
    assert 0.4 < real.mean() < 0.6
    random = np.random.default_rng(0)
    others = {
        "shuffled": latents[random.permutation(len(latents))],
        "still": np.repeat(latents[:1], 300, axis=0),
        "wild": 3 * latents,
    }
    for name, other in others.items():
        made = vocabulary.nats(other, FPS)
        kinds = np.repeat([1, 0], [len(real), len(made)])
        scores = np.concatenate([vocabulary.nats(latents, FPS), made])
        assert roc_auc_score(kinds, scores) > 0.95, name


def test_normality_does_not_hang_on_the_rate(films, vocabulary):
    latents, _ = films[3]
    finer = at_rate(latents, FPS, 2 * FPS)
    assert len(finer) == 2 * len(latents) - 1
    np.testing.assert_allclose(at_rate(finer, 2 * FPS, FPS), latents, atol=1e-5)
    same = vocabulary.normality(finer, 2 * FPS)
    assert np.abs(same - vocabulary.normality(latents, FPS)[: len(same)]).mean() < 0.02


def test_a_dance_shorter_than_a_second_has_no_score(films, vocabulary):
    assert len(vocabulary.normality(films[3][0][:5], FPS)) == 0


def test_the_same_seed_finds_the_same_words(films):
    found = [Vocabulary.fit([latents for latents, _ in films[:1]], FPS, seed=3) for _ in range(2)]
    np.testing.assert_array_equal(*[each.words(films[1][0]) for each in found])


def test_too_little_film_is_refused():
    with pytest.raises(DancenetError, match="film longer"):
        Vocabulary.fit([np.zeros((20, D), "float32")], FPS)
