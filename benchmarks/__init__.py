"""What Holdfast's promises about speed are measured with. `make bench` runs all; each file runs alone, too."""
