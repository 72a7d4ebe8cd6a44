"""The dancer's vocabulary: which moves there are, which follows which, and how usual a dance is.

Windows of dance (`phrasing`) are clustered by a mixture of Gaussians whose number of components is not given:
a truncated Dirichlet process (Blei & Jordan 2006) takes as many as the film asks for.
Shape letters: T time steps, D = 128 latent dimensions, F features, K words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.mixture import BayesianGaussianMixture

from dancenet.exploring.phrasing import FEATURES, LEAST_S, Phrasing, at_rate

#: Most words that can be found; films use fewer.
MOST_WORDS = 80
#: Windows are learned from so far apart in time, seconds: neighbours say the same. Most windows in all.
APART_S, MOST_WINDOWS = 0.5, 8000
#: Windows so far apart mostly belong to one move: what they differ by is no other move, seconds.
SAME_MOVE_S = 1.5
#: The spread of each word is held to what windows of one move differ by, as if by so many windows.
HELD_BY = 50
#: What is danced changes no faster than over so long, seconds.
PHRASE_S = 0.4
#: A word is danced for this long in all, or it is none, seconds.
LEAST_WORD_S = 1.0
#: The strip that shows a word lasts so long, seconds: as long as makes it a loop.
STRIP_S = (1.0, 2.2)


@dataclass(frozen=True)
class Phrase:
    """A stretch in which one word is danced.

    Attributes:
        start, stop: time steps [start, stop).
        word: its number, from 0.
    """

    start: int
    stop: int
    word: int


@dataclass(frozen=True)
class Vocabulary:
    """Words, and how to find them in any dance of the latent space.

    Attributes:
        phrasing: describes moments.
        mixture: of the moments' features.
        components: (K,) those of the mixture that are words, most danced first.
        usual: sorted mean log-likelihood of each second of real dance, nats, by which others are judged.
    """

    phrasing: Phrasing
    mixture: BayesianGaussianMixture
    components: np.ndarray
    usual: np.ndarray

    @classmethod
    def fit(
        cls,
        training: Sequence[np.ndarray],
        fps: float,
        *,
        seed: int = 0,
        judged_by: Sequence[np.ndarray] = (),
    ) -> "Vocabulary":
        """Learn the words of a film.

        Args:
            training: latents (T, D) of uncut stretches of film.
            fps: their rate.
            seed: of where the mixture begins.
            judged_by: unseen takes of the same form that set what is usual; without them, `training`.

        Raises:
            DancenetError: less than a few seconds of film.
        """
        phrasing = Phrasing.fit(training, fps)
        described = [phrasing(part) for part in training if len(part) >= LEAST_S * fps]
        step = max(1, round(APART_S * fps), sum(map(len, described)) // MOST_WINDOWS)
        windows = np.concatenate([part[::step] for part in described])
        mixture = BayesianGaussianMixture(
            n_components=max(1, min(MOST_WORDS, len(windows) // 4)),
            weight_concentration_prior_type="dirichlet_process",
            covariance_prior=_within_a_move(described, fps) * HELD_BY,
            degrees_of_freedom_prior=HELD_BY,
            reg_covar=1e-4, max_iter=300, random_state=seed,
        ).fit(windows)  # fmt: skip
        shown = np.concatenate([_calm(mixture, part, fps).argmax(axis=1) for part in described])
        counts = np.bincount(shown, minlength=mixture.n_components)
        order = np.argsort(counts)[::-1]
        components = order[counts[order] >= min(LEAST_WORD_S * fps, counts.max())]
        found = cls(phrasing, mixture, components, np.zeros(0))
        seconds = [found.nats(part, fps) for part in (judged_by or training)]
        return cls(phrasing, mixture, components, np.sort(np.concatenate(seconds)))

    def __len__(self) -> int:
        return len(self.components)

    def words(self, latents: np.ndarray) -> np.ndarray:
        """(T,) the word danced at each step of one uncut stretch of latents (T, D) at the film's rate."""
        scores = _calm(self.mixture, self.phrasing(latents), self.phrasing.fps)
        return scores[:, self.components].argmax(axis=1)

    def phrases(self, latents: np.ndarray) -> list[Phrase]:
        """The same as stretches of one word each, in order."""
        words = self.words(latents)
        ends = np.flatnonzero(np.diff(words)) + 1
        bounds = [0, *ends.tolist(), len(words)]
        return [Phrase(start, stop, int(words[start])) for start, stop in pairwise(bounds)]

    def typical(self, stretches: Sequence[np.ndarray]) -> list[tuple[int, int, int]]:
        """For every word the stretch that shows it best, cut so that it makes a loop.

        Returns:
            (number of the stretch, first step, one past the last) for each word.
        """
        fps = self.phrasing.fps
        best: list[tuple[bool, float, int, int, Phrase]] = [(False, -np.inf, 0, 0, Phrase(0, 0, 0))] * len(
            self
        )
        for number, latents in enumerate(stretches):
            if len(latents) < LEAST_S * fps:
                continue
            near = -_distances(self.mixture, self.phrasing(latents))[:, self.components]
            for phrase in self.phrases(latents):
                at = phrase.start + int(near[phrase.start : phrase.stop, phrase.word].argmax())
                whole = phrase.stop - phrase.start >= STRIP_S[0] * fps
                shown = (whole, float(near[at, phrase.word]), number, at, phrase)
                best[phrase.word] = max(best[phrase.word], shown, key=lambda one: one[:2])
        return [(number, *_loop(stretches[number], at, phrase, fps)) for _, _, number, at, phrase in best]

    def nats(self, latents: np.ndarray, fps: float) -> np.ndarray:
        """(S,) mean log-likelihood of every whole second of one uncut stretch (T, D), nats."""
        rate = self.phrasing.fps
        latents = at_rate(latents, fps, rate)
        whole = int(len(latents) / rate)
        if len(latents) < LEAST_S * rate or not whole:
            return np.zeros(0)
        each = self.mixture.score_samples(self.phrasing(latents))
        bounds = np.round(np.arange(whole + 1) * rate).astype(int)
        return np.array([each[start:stop].mean() for start, stop in pairwise(bounds)])

    def normality(self, latents: np.ndarray, fps: float) -> np.ndarray:
        """(S,) how usual every whole second is: the share of real seconds that are less so, 0 to 1.

        Args:
            latents: (T, D) of a dance, real or made, without a cut.
            fps: their rate; any.
        """
        return np.searchsorted(self.usual, self.nats(latents, fps)) / max(1, len(self.usual))


def transitions(phrases: Sequence[Sequence[Phrase]], words: int) -> np.ndarray:
    """(K, K) how often each word (row) is followed by each other (column), over uncut stretches."""
    counts = np.zeros((words, words), int)
    for stretch in phrases:
        for before, after in pairwise(stretch):
            counts[before.word, after.word] += 1
    return counts


def _within_a_move(described: Sequence[np.ndarray], fps: float) -> np.ndarray:
    """(F, F) covariance of windows of one move: half that of what windows `SAME_MOVE_S` apart differ by."""
    lag = max(1, round(SAME_MOVE_S * fps))
    apart = [part[lag:] - part[:-lag] for part in described if len(part) > lag]
    if sum(map(len, apart)) < 4 * FEATURES:
        return np.eye(described[0].shape[1])
    return np.cov(np.concatenate(apart).T) / 2 + 1e-4 * np.eye(described[0].shape[1])


def _calm(mixture: BayesianGaussianMixture, features: np.ndarray, fps: float) -> np.ndarray:
    """(T, components) log of the probability of each, smoothed in time."""
    likely = np.log(mixture.predict_proba(features) + 1e-6)
    return gaussian_filter1d(likely, PHRASE_S * fps, axis=0, mode="nearest")


def _distances(mixture: BayesianGaussianMixture, features: np.ndarray) -> np.ndarray:
    """(T, components) squared Mahalanobis distance of windows (T, F) to each component's mean."""
    apart = [
        ((features - mean) @ root) ** 2
        for mean, root in zip(mixture.means_, mixture.precisions_cholesky_, strict=True)
    ]
    return np.stack([part.sum(axis=1) for part in apart], axis=1)


def _loop(latents: np.ndarray, middle: int, phrase: Phrase, fps: float) -> tuple[int, int]:
    """[start, stop) around a step whose last pose leads back to the first as smoothly as possible.

    Within the phrase, where that is long enough.
    """
    shortest, longest = (max(2, round(length * fps)) for length in STRIP_S)
    first, last = phrase.start, min(phrase.stop, len(latents) - 1)
    start = max(0, min(middle - shortest // 2, len(latents) - shortest))
    best = (np.inf, start, min(start + shortest, len(latents)))
    for length in range(shortest, min(longest, last - first) + 1):
        for start in range(max(first, middle - length + 1), min(middle, last - length) + 1):
            gap = float(np.linalg.norm(latents[start + length] - latents[start]))
            best = min(best, (gap, start, start + length))
    return best[1], best[2]
