"""One folder a scene; a scene is found by lying here. CONTRIBUTING.md says what is in it."""
