"""What the pages of desk and portal watch; each module registers its sources with core.live."""
