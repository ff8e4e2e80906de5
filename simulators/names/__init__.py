"""What is asked for by name: generators, scanners, kinetics and outcome models."""
