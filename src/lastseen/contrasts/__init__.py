"""Lost packets beside delivered ones: what only the lost have in common, and what would tell rival features apart."""

from lastseen.contrasts.experiments import separating_experiment
from lastseen.contrasts.mining import mine
from lastseen.contrasts.surroundings import parting_experiment, surroundings

__all__ = ["mine", "parting_experiment", "separating_experiment", "surroundings"]
