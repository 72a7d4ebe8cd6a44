"""How well beats that were found meet the true ones."""

import numpy as np

#: Farthest that a beat may lie from the true one (Davies et al. 2009), in seconds.
WINDOW_S = 0.07


def f_measure(truth_s: np.ndarray, found_s: np.ndarray, window_s: float = WINDOW_S) -> float:
    """Harmonic mean of precision and recall (Dixon 2007; mir_eval's `beat.f_measure`), 0 to 1.

    A true beat and a found one match where they are at most `window_s` apart; each matches one at most, and
    as many as possible do. In sorted times the earliest free partner is always a best one. mir_eval's
    evaluation of whole collections leaves out the first five seconds; this does not.

    Args:
        truth_s, found_s: (n,) and (m,) times in seconds, in any order.
    """
    truth, found = np.sort(truth_s), np.sort(found_s)
    hits = place = 0
    for time_s in truth:
        while place < len(found) and found[place] < time_s - window_s:
            place += 1
        if place < len(found) and found[place] <= time_s + window_s:
            hits, place = hits + 1, place + 1
    return 2 * hits / (len(truth) + len(found)) if hits else 0.0
