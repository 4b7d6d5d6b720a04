"""Many runs of the lab's scenes, drawn, with evidence withheld, diagnosed and scored: accuracy as a number."""
