"""Sizes of the models and how they are trained, by name; `docs/presets.md` says what each costs and gives."""

from dataclasses import dataclass


@dataclass(frozen=True)
class VaePreset:
    """Size of the VAE and how it is trained."""

    name: str
    encoder_widths: tuple[int, int, int]
    """Channels of the encoder at a quarter, an eighth and a sixteenth of the resolution."""
    encoder_blocks: tuple[int, int, int]
    """Residual blocks of the encoder at each of them."""
    widths: tuple[int, int, int]
    """Channels of the decoder at the same resolutions."""
    blocks: tuple[int, int, int]
    """Residual blocks of the decoder."""
    neck: int
    """Channels of the coarsest grid where it is flattened."""
    dense: int
    """Units between the grid and the latents."""
    batch: int = 16
    learning_rate: float = 1e-3
    minutes: float = 10.0
    """Default budget of the VAE and of the choreographer each."""
    pixels_per_error: float = 4.0
    """Neighbouring pixels err together: so many count as one independent observation."""


VAE_PRESETS = {
    preset.name: preset
    for preset in (
        VaePreset("tiny", (16, 24, 32), (0, 0, 0), (16, 24, 32), (0, 0, 0), neck=8, dense=128,
                  minutes=0.5, learning_rate=3e-3),
        VaePreset("small", (32, 64, 128), (0, 1, 1), (32, 64, 128), (1, 1, 1), neck=16, dense=256),
        VaePreset("base", (64, 128, 256), (1, 2, 2), (96, 192, 384), (2, 3, 3), neck=64, dense=512,
                  batch=64, minutes=60),
        VaePreset("classic", (128, 64, 32), (0, 0, 0), (32, 64, 128), (0, 0, 0), neck=32, dense=128,
                  batch=100, learning_rate=1e-4, minutes=60),
    )
}  # fmt: skip


@dataclass(frozen=True)
class ChoreographerPreset:
    """Size of the choreographer and how it is trained."""

    name: str
    units: int
    dense: int
    components: int
    dropout: float
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    window: int = 64
    """Steps of context in training."""
    skip: bool = True
    """Whether the mixture's means start from a linear autoregression."""
    directions: int = 0
    """Rank of the covariance beside its diagonal; 0: a diagonal for each component."""
    cues: int = 0
    """Numbers per frame that say where in the music it lies (`cues.FEATURES`); 0: danced without."""
    ways: int = 0
    """Numbers that say in training how the film was varied (`sequences.WAYS`); 0: it is not told."""
    weight_drop: float = 0.0
    """Share of the recurrent weights that a training step does without (`recurrence.LSTM`)."""
    lasting_dropout: bool = False
    """Whether what dropout leaves out is left out for a whole window, not drawn anew at each step."""
    most_epochs: int | None = None
    """A budget in minutes ends after so many passes over the takes: more, and it learns them by heart."""


CHOREOGRAPHER_PRESETS = {
    preset.name: preset
    for preset in (
        ChoreographerPreset("tiny", 64, 64, 3, dropout=0.1, batch=16, window=24, learning_rate=3e-3,
                            directions=4, cues=6, ways=4, weight_drop=0.1, lasting_dropout=True),
        ChoreographerPreset("small", 384, 512, 4, dropout=0.5, batch=16, window=48,
                            directions=32, cues=6, ways=4, weight_drop=0.5, lasting_dropout=True,
                            most_epochs=16),
        ChoreographerPreset("base", 768, 1024, 16, dropout=0.4,
                            directions=32, cues=6, ways=4, weight_drop=0.5, lasting_dropout=True),
        ChoreographerPreset("classic", 512, 1000, 24, dropout=0.4, learning_rate=5e-4, skip=False),
    )
}  # fmt: skip
