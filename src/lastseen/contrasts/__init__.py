"""Lost packets beside delivered ones: what only the lost have in common, and what would tell rival features apart."""

from lastseen.contrasts.experiments import separating_experiment
from lastseen.contrasts.mining import mine

__all__ = ["mine", "separating_experiment"]
