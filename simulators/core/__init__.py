"""What every simulator speaks: chance, courses, and the protocols of kinetics, treatment and scanners."""
