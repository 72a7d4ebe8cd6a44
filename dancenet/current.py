"""Which of a run's weights are current: those whose training began with what is there now."""

from dancenet.fitting.checkpoints import weights_hash
from dancenet.runs import Run


def joint_is_current(run: Run) -> bool:
    """Whether a joint fine-tuning was kept and started from the models as they are now."""
    if not run.has("joint"):
        return False
    content = run.read("joint")
    return bool(content["kept"]) and content["settings"]["weights"] == own_weights(run)


def own_weights(run: Run) -> dict[str, str]:
    """Hashes of the weights that each model's own training has left."""
    return {name: weights_hash(run / name / "best.weights.h5") for name in ("vae", "choreographer")}


def joint_weights(run: Run) -> dict[str, str]:
    """Hashes of the weights that joint fine-tuning has left."""
    return {name: weights_hash(run / "joint" / f"{name}.weights.h5") for name in ("vae", "choreographer")}


def dancing_weights(run: Run) -> dict[str, str]:
    """Hashes of the weights that dances are made with, sharpening apart."""
    return joint_weights(run) if joint_is_current(run) else own_weights(run)


def sharp_is_current(run: Run) -> bool:
    """Whether a sharpening was kept and started from the models that dances are made with now."""
    if not run.has("sharpen"):
        return False
    content = run.read("sharpen")
    return bool(content["kept"]) and content["settings"]["weights"] == dancing_weights(run)
